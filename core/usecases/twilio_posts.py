"""What Twilio posts, read: at the door when it comes, and again when something that was put aside is retried."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from core.domain import voice
from core.domain.receipts import Incoming
from core.domain.voice import Recording, Ring
from core.errors import Invalid
from core.usecases.inbound import Text

_MOST_MEDIA = 10
_INT, _SMALL, _BIG = 2**31, 2**15, 2**63
_KEPT = ("ErrorMessage", "MessagingServiceSid", "RawDlrDoneDate")
_LONGEST_KEPT = 500
_QUERY = "?"
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
        posted = {**self.fields, **{f"{_QUERY}{name}": value for name, value in self.query.items()}}
        return {name.replace("\0", ""): value.replace("\0", "") for name, value in posted.items()}

    def sid(self) -> str:
        """Return the message's id at Twilio, by either of its names."""
        return self.need("MessageSid", "SmsSid", matches=_is_sid)

    def need(self, *names: str, matches: Callable[[str], object]) -> str:
        """Return the first of these fields that is there.

        Raises:
            Invalid: none is there or the value can't be taken.
        """
        value = next(filter(None, (self.fields.get(name, "").strip() for name in names)), "")
        if not matches(value):
            raise Invalid(f"{names[0]} is missing or malformed.")
        return value


def put_aside(posted: Mapping[str, str]) -> Form:
    """Return a form that was kept `as_posted`."""
    query = {name.removeprefix(_QUERY): value for name, value in posted.items() if name.startswith(_QUERY)}
    return Form({name: value for name, value in posted.items() if not name.startswith(_QUERY)}, query)


def read_receipt(form: Form) -> Incoming:
    """Read a status callback; statuses and codes that we don't know are kept as they are.

    Raises:
        Invalid: it names no message, or no status.
    """
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
    """Read an inbound text. It was sent to a service of ours, when the number is in one, else to the number.

    Raises:
        Invalid: it doesn't say which text this is, from whom or to whom.
    """
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


def read_ring(form: Form) -> Ring:
    """Read who calls whom; a caller whose number is withheld has none.

    Raises:
        Invalid: it doesn't say which call this is, or to which number.
    """
    return Ring(
        sid=form.need("CallSid", matches=_is_sid),
        caller=voice.caller(form.fields.get("From", "")),
        number=form.need("To", "Called", matches=_is_sender),
    )


def read_recording(form: Form) -> Recording | None:
    """Read of which call this is a recording; None when nothing was recorded.

    Raises:
        Invalid: it doesn't say which recording, or of which call.
    """
    url = form.fields.get("RecordingUrl", "").strip()
    if not url or form.fields.get("RecordingStatus", "completed") != "completed":
        return None
    # What the end of <Record> posts may name it by its address alone.
    named = {"RecordingSid": url.rpartition("/")[2], **form.fields}
    return Recording(
        sid=Form(named, {}).need("RecordingSid", matches=_is_sid),
        call_sid=form.need("CallSid", matches=_is_sid),
        url=url[:_LONGEST_KEPT],
        seconds=_number(form.fields.get("RecordingDuration", ""), below=_SMALL) or 0,
    )


def read_words(form: Form) -> Text | None:
    """Read who wrote what, of a text whose rest can't be read; None when not even that can."""
    address = form.fields.get("From", "").strip()
    if not _is_address(address):
        return None
    opt_out_type = form.fields.get("OptOutType", "")[:16]
    return Text("", address, "", form.fields.get("Body", ""), opt_out_type=opt_out_type)


def _number(text: str, *, below: int) -> int | None:
    number = int(text) if _is_number(text) else below
    return number if number < below else None
