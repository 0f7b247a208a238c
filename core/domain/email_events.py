"""What e-mail providers tell of messages, in the words of the common ones, read into our own."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from types import MappingProxyType
from typing import Any

from core.domain import address
from core.errors import Invalid

# SendGrid, Postmark, Mailgun and SES each have their own word for the same thing.
_KINDS = MappingProxyType(
    {
        "delivered": ("delivered", "delivery"),
        "bounced": ("bounced", "bounce", "hardbounce", "permanentbounce"),
        "deferred": ("deferred", "softbounce", "transient", "temporaryfail", "dropped"),
        "complained": ("complained", "complaint", "spamreport", "spamcomplaint"),
        "opened": ("opened", "open"),
        "clicked": ("clicked", "click"),
        "replied": ("replied", "reply", "inbound"),
        "unsubscribed": ("unsubscribed", "unsubscribe", "groupunsubscribe", "subscriptionchange"),
    }
)
_WORDS = {word: kind for kind, words in _KINDS.items() for word in words}
_NAMES = {
    "kind": ("event", "type", "RecordType", "eventType"),
    "address": ("email", "recipient", "address", "Recipient", "Email"),
    "key": ("id", "sg_event_id", "event_id", "EventId"),
    "message_id": ("message_id", "sg_message_id", "MessageID", "smtp-id"),
    "reason": ("reason", "description", "Description"),
    "subject": ("subject", "Subject"),
    "text": ("text", "body", "TextBody", "body-plain"),
}
_WRITERS = ("from", "From", "sender")
_LONGEST, _LONGEST_TEXT = 500, 10_000
_is_key = re.compile(r"[!-~]{1,128}").fullmatch


@dataclass(frozen=True, slots=True)
class EmailEvent:
    """One event. `key`: the provider's id of it, or a hash of all that it says; `subject` and `text`: of a reply, whose
    `address` is its writer's.
    """

    kind: str
    key: str
    address: str
    message_id: str = ""
    reason: str = ""
    subject: str = ""
    text: str = ""


def read(item: Any) -> EmailEvent:
    """Read one event.

    Raises:
        Invalid: it isn't one, or says nothing that we know.
    """
    if not isinstance(item, dict):
        raise Invalid("An e-mail event must be an object.")
    told = {key: _value(item, names) for key, names in _NAMES.items()}
    kind = _WORDS.get("".join(char for char in told["kind"].lower() if char.isalpha()))
    if not told["kind"] and "TextBody" in item and _value(item, _WRITERS):
        kind = "replied"  # Postmark gives what comes in no name
    if kind is None:
        raise Invalid(f"“{told['kind'][:40]}” isn't an event of an e-mail that we know.")
    writer = parseaddr(_value(item, _WRITERS))[1] if kind == "replied" else ""
    return EmailEvent(
        kind=kind,
        key=told["key"] if _is_key(told["key"]) else digest(item),
        address=address.parse_email(writer or told["address"]),
        message_id=told["message_id"][:64],
        reason=told["reason"][:_LONGEST],
        subject=told["subject"][:_LONGEST],
        text=told["text"][:_LONGEST_TEXT],
    )


def digest(item: Any) -> str:
    """Return a name for something that has none: the same for the same content."""
    return hashlib.sha256(json.dumps(item, sort_keys=True, default=str).encode()).hexdigest()


def _value(item: Mapping[str, Any], names: tuple[str, ...]) -> str:
    found = next((item[name] for name in names if item.get(name)), "")
    return str(found).replace("\0", "").strip()
