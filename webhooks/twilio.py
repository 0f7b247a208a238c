"""What Twilio posts: let in when it is genuine, and read."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from core.domain.receipts import Incoming
from core.settings import Settings
from core.usecases.inbound import Text
from webhooks import signature
from webhooks.bodies import header, read_body

_MOST_FIELDS = 500
_MOST_MEDIA = 10
_INT, _SMALL, _BIG = 2**31, 2**15, 2**63
_KEPT = ("ErrorMessage", "MessagingServiceSid", "RawDlrDoneDate", "SmsStatus")
_LONGEST_KEPT = 500
_is_sid = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
_is_address = re.compile(r".{1,320}").fullmatch
_is_sender = re.compile(r".{1,64}").fullmatch
_is_number = re.compile(r"[0-9]{1,19}").fullmatch


@dataclass(frozen=True, slots=True)
class Form:
    """What was posted, genuine and readable: each field's last value, and the query of the address."""

    fields: Mapping[str, str]
    query: Mapping[str, str]

    def as_posted(self) -> dict[str, str]:
        """Return all of it, as it is kept when it can't be read; the query's names come after a question mark."""
        posted = {**self.fields, **{f"?{name}": value for name, value in self.query.items()}}
        return {name.replace("\0", ""): value.replace("\0", "") for name, value in posted.items()}

    def sid(self) -> str:
        """Return the message's id at Twilio, by either of its names."""
        return self.need("MessageSid", "SmsSid", matches=_is_sid)

    def need(self, *names: str, matches: Callable[[str], object]) -> str:
        """Return the first of these fields that is there.

        Raises:
            HTTPException: 400, none is there or the value can't be taken.
        """
        value = next(filter(None, (self.fields.get(name, "").strip() for name in names)), "")
        if not matches(value):
            raise HTTPException(400, f"{names[0]} is missing or malformed.")
        return value


_SIGNATURE, _ALGORITHM = signature.HEADER.encode(), signature.SETTINGS_HEADER.encode()


class Gate:
    """Lets in what Twilio signed for this account, of bearable size; nothing else is looked at."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.public_url.rstrip("/")
        self._account = settings.twilio_account_sid
        self._tokens = tuple(filter(None, (settings.twilio_auth_token, settings.twilio_auth_token_secondary)))

    async def admit(self, request: Request) -> Form:
        """Read a request.

        Raises:
            HTTPException: 413 too large, 403 not signed by Twilio or of another account, 400 not a form.
        """
        signed = header(request, _SIGNATURE)
        if not signed or not signed.isascii():
            raise HTTPException(403, "The request carries no signature of Twilio's.")
        pairs = _read_form(await read_body(request))
        algorithm = header(request, _ALGORITHM)
        if not signature.is_genuine(
            self._url(request), pairs, signature=signed, tokens=self._tokens, settings=algorithm
        ):
            raise HTTPException(403, "The signature is not Twilio's.")
        # PostgreSQL takes no NUL in texts, and nobody means one.
        form = Form({name: value.replace("\0", "") for name, value in pairs}, _read_query(request))
        if form.fields.get("AccountSid") != self._account:
            raise HTTPException(403, "The request is of another account.")
        return form

    def _url(self, request: Request) -> str:
        """Return the address as Twilio knows it: what a proxy tells us of host and scheme is never believed."""
        path: bytes = request.scope["raw_path"]
        query: bytes = request.scope["query_string"]
        return self._base + (path + b"?" + query if query else path).decode("latin-1")


def read_receipt(form: Form) -> Incoming:
    """Read a status callback; statuses and codes that we don't know are kept as they are."""
    code = form.fields.get("ErrorCode", "")
    return Incoming(
        provider_sid=form.sid(),
        status=form.need("MessageStatus", "SmsStatus", matches=bool).lower()[:32],
        error_code=_number(code, below=_INT) or 0,
        delivery_id=_number(form.query.get("delivery", ""), below=_BIG),
        attempt=_number(form.query.get("attempt", ""), below=_SMALL),
        fields={name: form.fields[name][:_LONGEST_KEPT] for name in _KEPT if form.fields.get(name)},
    )


def read_text(form: Form, *, services: Collection[str]) -> Text:
    """Read an inbound text. It was sent to a service of ours, when the number is in one, else to the number."""
    service = form.fields.get("MessagingServiceSid", "")
    count = _number(form.fields.get("NumMedia", ""), below=_MOST_MEDIA + 1) or 0
    media = ((form.fields.get(f"MediaUrl{n}", ""), form.fields.get(f"MediaContentType{n}", "")) for n in range(count))
    return Text(
        provider_sid=form.sid(),
        address=form.need("From", matches=_is_address),
        sender=service if service in services else form.need("To", matches=_is_sender),
        body=form.fields.get("Body", ""),
        media=tuple((url, kind[:100]) for url, kind in media if url),
        opt_out_type=form.fields.get("OptOutType", "")[:16],
    )


def _read_form(body: bytes) -> Sequence[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise HTTPException(400, "The body is not a form in UTF-8.") from None


def _read_query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))


def _number(text: str, *, below: int) -> int | None:
    number = int(text) if _is_number(text) else below
    return number if number < below else None
