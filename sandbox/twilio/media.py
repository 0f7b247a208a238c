"""What members send along: kept here, and handed out as Twilio does, by way of a signed address at another place."""

import base64
import binascii
import re
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.twilio.resource import API_VERSION

PLACE = "/twilio/cdn/"
LARGEST = 5 * 1024 * 1024  # bytes
KINDS = ("image/jpeg", "image/png", "image/gif", "image/webp")
_KEPT = 50
_data_uri = re.compile(rf"data:({'|'.join(KINDS)});base64,([A-Za-z0-9+/=]+)").fullmatch


@dataclass(frozen=True, slots=True)
class Kept:
    """One picture, and the pass to where it lies."""

    kind: str
    content: bytes
    signature: str


class Media:
    """The pictures that were sent last, by sid. `origin`: where the stand-in is reached."""

    def __init__(self) -> None:
        self.origin = ""
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def keep(self, data_uri: str) -> str:
        """Keep a picture that comes as a data: address; return its sid.

        Raises:
            ValueError: it isn't one of the kinds that Twilio takes from phones, or is too large.
        """
        found = _data_uri(data_uri)
        try:
            content = base64.b64decode(found[2], validate=True) if found else b""
        except binascii.Error:
            content = b""
        if found is None or not 0 < len(content) <= LARGEST:
            raise ValueError("A picture must be a JPEG, PNG, GIF or WebP file of at most 5 MB.")
        sid = f"ME{secrets.token_hex(16)}"
        self._kept[sid] = Kept(found[1], content, secrets.token_urlsafe(16))
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return sid

    def find(self, sid: str) -> Kept | None:
        """Return a picture, unless it is unknown or gone."""
        return self._kept.get(sid)

    def told(self, url_or_sid: str, account_sid: str, message_sid: str) -> tuple[str, str]:
        """Return the address that the product is told of a picture, and its kind where it is known."""
        kept = self.find(url_or_sid)
        if kept is None:
            return url_or_sid, ""
        path = f"/twilio/{API_VERSION}/Accounts/{account_sid}/Messages/{message_sid}/Media/{url_or_sid}"
        return f"{self.origin}{path}", kept.kind

    def listed(self, sids: Sequence[str], account_sid: str, message_sid: str) -> dict[str, object]:
        """Return the list of a message's pictures, as far as they are kept here.

        Source: https://www.twilio.com/docs/messaging/api/media-resource
        """
        uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{message_sid}/Media"
        found = [
            {"sid": sid, "parent_sid": message_sid, "content_type": kept.kind, "uri": f"{uri}/{sid}.json"}
            for sid in sids
            if (kept := self.find(sid))
        ]
        return {"media_list": found, "uri": f"{uri}.json", "next_page_uri": None, "page": 0, "page_size": 50}

    def signed(self, sid: str) -> str:
        """Return where a picture lies, with its pass; nothing when there is none."""
        kept = self.find(sid)
        return f"{self.origin}{PLACE}{sid}?Signature={kept.signature}" if kept else ""
