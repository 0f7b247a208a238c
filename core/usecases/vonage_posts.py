"""What Vonage posts, read: at the door when it comes, and again when something that was put aside is retried."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from core.domain import senders, vonage
from core.domain.receipts import Incoming
from core.errors import Invalid
from core.usecases.inbound import Text

_is_uuid = re.compile(r"[A-Za-z0-9-]{1,64}").fullmatch
_is_number = re.compile(r"\+?[0-9]{3,15}").fullmatch
_TEXT = 1600


def read_receipt(posted: Mapping[str, Any]) -> Incoming:
    """Read a message's status; statuses and codes that we don't know are kept as they are.

    Raises:
        Invalid: it names no message, or no status.
    """
    ours = vonage.read_reference(str(posted.get("client_ref") or ""))
    error = posted.get("error")
    title = str(error.get("title", "")) if isinstance(error, dict) else ""
    status = str(posted.get("status") or "").lower()
    if not status:
        raise Invalid("status is missing.")
    return Incoming(
        provider_sid=_need(posted, "message_uuid", _is_uuid),
        status=vonage.STATUSES.get(status, status)[:32],
        error_code=vonage.code(int(title)) if title.isdecimal() and len(title) < 9 else 0,
        delivery_id=ours[0] if ours else None,
        attempt=ours[1] if ours else None,
        fields={"provider": "vonage", "status": status[:32], "error": title[:32]},
    )


def read_text(posted: Mapping[str, Any]) -> Text:
    """Read an inbound text; Vonage answers no keyword by itself, so we do.

    Raises:
        Invalid: it doesn't say which text this is, from whom or to whom.
    """
    return Text(
        provider_sid=_need(posted, "message_uuid", _is_uuid),
        address=_number(posted, "from"),
        sender=senders.of(senders.VONAGE, _number(posted, "to")),
        body=_words(posted),
        is_answered_by_provider=False,
    )


def read_words(posted: Mapping[str, Any]) -> Text | None:
    """Read who wrote what, of a text whose rest can't be read; None when not even that can."""
    try:
        return Text("", _number(posted, "from"), "", _words(posted), is_answered_by_provider=False)
    except Invalid:
        return None


def storable(value: Any) -> Any:
    """Return what was posted without what PostgreSQL can't keep, and nobody means: NUL, and halves of characters."""
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="ignore").decode()
    if isinstance(value, Mapping):
        return {storable(name): storable(each) for name, each in value.items()}
    return [storable(each) for each in value] if isinstance(value, list) else value


def _words(posted: Mapping[str, Any]) -> str:
    return str(storable(str(posted.get("text") or "")))[:_TEXT]


def _number(posted: Mapping[str, Any], name: str) -> str:
    return "+" + _need(posted, name, _is_number).removeprefix("+")


def _need(posted: Mapping[str, Any], name: str, matches: Callable[[str], object]) -> str:
    value = posted.get(name)
    if not isinstance(value, str) or not matches(value):
        raise Invalid(f"{name} is missing or malformed.")
    return value
