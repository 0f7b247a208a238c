"""What Vonage posts: let in when it is genuine, and read.

Source: https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks
"""

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from core.domain import senders, vonage
from core.domain.receipts import Incoming
from core.settings import Settings
from core.usecases.inbound import Text
from webhooks.bodies import read_body

_is_uuid = re.compile(r"[A-Za-z0-9-]{1,64}").fullmatch
_is_number = re.compile(r"\+?[0-9]{3,15}").fullmatch
_TEXT = 1600


class Gate:
    """Lets in what carries a token of Vonage's over exactly this body, for this account; nothing else is looked at.

    A token that comes again changes nothing: receipts and texts are kept once.
    """

    def __init__(self, settings: Settings) -> None:
        self._key = settings.vonage_api_key
        self._secret = settings.vonage_signature_secret.encode()

    async def admit(self, request: Request) -> Mapping[str, Any]:
        """Read a request.

        Raises:
            HTTPException: 413 too large, 403 not signed by Vonage or of another account, 400 not a JSON object.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.isascii():
            raise HTTPException(403, "The request carries no signature of Vonage's.")
        body = await read_body(request)
        claims = self._claims(token.strip())
        digest = hashlib.sha256(body).hexdigest()
        if not hmac.compare_digest(str(claims.get("payload_hash", "")), digest):
            raise HTTPException(403, "The signature is of another body.")
        if claims.get("api_key") != self._key:
            raise HTTPException(403, "The request is of another account.")
        return _object(body, 400)

    def _claims(self, token: str) -> Mapping[str, Any]:
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        expected = hmac.digest(self._secret, signed.encode(), "sha256")
        # The algorithm is ours to say, never the token's.
        is_genuine = hmac.compare_digest(_decoded(signature), expected)
        if not (self._secret and is_genuine and _object(_decoded(header), 403).get("alg") == "HS256"):
            raise HTTPException(403, "The signature is not Vonage's.")
        return _object(_decoded(payload), 403)


def read_receipt(posted: Mapping[str, Any]) -> Incoming:
    """Read a message's status; statuses and codes that we don't know are kept as they are."""
    ours = vonage.read_reference(str(posted.get("client_ref") or ""))
    error = posted.get("error")
    title = str(error.get("title", "")) if isinstance(error, dict) else ""
    status = str(posted.get("status") or "").lower()
    if not status:
        raise HTTPException(400, "status is missing.")
    return Incoming(
        provider_sid=_need(posted, "message_uuid", _is_uuid),
        status=vonage.STATUSES.get(status, status)[:32],
        error_code=vonage.code(int(title)) if title.isdecimal() and len(title) < 9 else 0,
        delivery_id=ours[0] if ours else None,
        attempt=ours[1] if ours else None,
        fields={"provider": "vonage", "status": status[:32], "error": title[:32]},
    )


def read_text(posted: Mapping[str, Any]) -> Text:
    """Read an inbound text; Vonage answers no keyword by itself, so we do."""
    return Text(
        provider_sid=_need(posted, "message_uuid", _is_uuid),
        address="+" + _need(posted, "from", _is_number).removeprefix("+"),
        sender=senders.of(senders.VONAGE, "+" + _need(posted, "to", _is_number).removeprefix("+")),
        # PostgreSQL takes no NUL in texts, and nobody means one.
        body=str(posted.get("text") or "").replace("\0", "")[:_TEXT],
        is_answered_by_provider=False,
    )


def _need(posted: Mapping[str, Any], name: str, matches: Any) -> str:
    value = posted.get(name)
    if not isinstance(value, str) or not matches(value):
        raise HTTPException(400, f"{name} is missing or malformed.")
    return value


def _decoded(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return b""


def _object(text: bytes, status: int) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise HTTPException(status, "There is no JSON object where one belongs.")
    return found
