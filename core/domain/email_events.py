"""What e-mail providers tell of messages, in the words of the common ones, read into our own."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from core.domain import address, automatic, markup
from core.errors import Invalid

# SendGrid, Postmark, Mailgun and SES each have their own word for the same thing; of what is noted nothing follows.
_KINDS = MappingProxyType(
    {
        "delivered": ("delivered", "delivery"),
        "bounced": ("bounced", "bounce", "hardbounce", "permanentbounce", "failed"),
        "deferred": ("deferred", "softbounce", "transient", "temporaryfail", "dropped", "deliverydelay", "reject"),
        "complained": ("complained", "complaint", "spamreport", "spamcomplaint"),
        "opened": ("opened", "open"),
        "clicked": ("clicked", "click"),
        "replied": ("replied", "reply", "inbound"),
        "unsubscribed": ("unsubscribed", "unsubscribe", "groupunsubscribe", "subscriptionchange"),
        "noted": (
            "processed",
            "accepted",
            "send",
            "sent",
            "queued",
            "stored",
            "groupresubscribe",
            "resubscribed",
            "noted",
        ),
    }
)
_WORDS = {word: kind for kind, words in _KINDS.items() for word in words}
# What providers say of a bounce. Of what only says that it bounced, the address counts as dead.
_SORTS = ("bounceType", "bounce_type", "severity", "Type", "type", "classification")
_SOFT = frozenset(
    {
        *("soft", "softbounce", "blocked", "block", "transient", "temporary", "undetermined", "dnserror", "challenge"),
        *("autoresponder", "addresschange", "virusnotification", "unknown", "opennotification", "smtpapierror"),
        *("inboundblock", "inbounderror", "dmarcpolicy", "templaterenderingfailed", "expired", "reputation", "mailbox"),
    }
)
_COMPLAINTS = frozenset({"spamnotification", "spamcomplaint"})
_LEAVING = frozenset({"unsubscribe", "manuallydeactivated"})
_NAMES = {
    "kind": ("event", "type", "RecordType", "eventType", "notificationType"),
    "address": ("email", "recipient", "address", "Recipient", "Email"),
    "key": ("id", "sg_event_id", "event_id", "EventId"),
    "message_id": ("message_id", "sg_message_id", "MessageID", "smtp-id"),
    "reason": ("reason", "description", "Description"),
    "subject": ("subject", "Subject"),
    "text": ("text", "body", "TextBody", "body-plain"),
    "html": ("html", "HtmlBody", "body-html"),
}
_WRITERS = ("from", "From", "sender")
_ANSWERS = ("in-reply-to", "references")
# Providers give what comes in no name.
_CAME_IN = ("TextBody", "HtmlBody", "body-plain", "body-html")
_LONGEST, _LONGEST_TEXT, _MOST_ANSWERED = 500, 100_000, 20
_LONGEST_KEPT, _MOST_KEPT = 10_000, 200
_MESSAGE_ID = re.compile(r"[^\s<>,]{3,500}")
_is_key = re.compile(r"[!-~]{1,128}").fullmatch
_is_html = re.compile(r"\s*<(?:!doctype|html|head|body|div|p|table)\b", re.IGNORECASE).match


@dataclass(frozen=True, slots=True)
class EmailEvent:
    """One event. `key`: the provider's id of it, or a hash of all that it says.

    Of a reply: `address` and `name` are its writer's, `subject` and `text` what it says, `answers` the ids of the
    messages that it answers, the latest first; `is_automatic`: a program answered, as when somebody is out of office.
    """

    kind: str
    key: str
    address: str
    message_id: str = ""
    reason: str = ""
    subject: str = ""
    text: str = ""
    name: str = ""
    answers: tuple[str, ...] = ()
    is_automatic: bool = False


def read(item: Any) -> EmailEvent:
    """Read one event.

    Raises:
        Invalid: it isn't one, or says nothing that we know.
    """
    if not isinstance(item, dict):
        raise Invalid("An e-mail event must be an object.")
    event = _flat(_notified(item))
    told = {key: _value(event, names) for key, names in _NAMES.items()}
    kind = _kind(event, told["kind"])
    writer, name = _writer(_value(event, _WRITERS)) if kind == "replied" else ("", "")
    headers = _headers(event) if kind == "replied" else {}
    return EmailEvent(
        kind=kind,
        key=told["key"] if _is_key(told["key"]) else digest(item),
        address=address.parse_email(writer or told["address"]),
        message_id=told["message_id"].strip("<>")[:64],
        reason=told["reason"][:_LONGEST],
        subject=told["subject"][:_LONGEST],
        text=_text(told["text"], told["html"]) if kind == "replied" else "",
        name=name,
        answers=_answers(headers),
        is_automatic=kind == "replied" and automatic.is_automatic(headers, told["subject"]),
    )


def stored(fields: Mapping[str, Any], kind: str) -> EmailEvent:
    """Return an event from its fields as they were stored."""
    return EmailEvent(**{**fields, "kind": kind, "answers": tuple(fields.get("answers", ()))})


def digest(item: Any) -> str:
    """Return a name for something that has none: the same for the same content."""
    return hashlib.sha256(json.dumps(item, sort_keys=True, default=str).encode()).hexdigest()


def kept(item: Any, *, depth: int = 8) -> Any:
    """Return what was posted as it is put aside when it can't be read: without what is long or no database takes."""
    if isinstance(item, str):
        return _clean(item[:_LONGEST_KEPT])
    if not isinstance(item, dict | list):
        return item
    if not depth:
        return "…"
    if isinstance(item, list):
        return [kept(each, depth=depth - 1) for each in item[:_MOST_KEPT]]
    return {kept(name): kept(each, depth=depth - 1) for name, each in [*item.items()][:_MOST_KEPT]}


def _notified(item: dict[str, Any]) -> dict[str, Any]:
    """Take an event out of the envelope in which SNS hands on those of SES."""
    if item.get("Type") != "Notification" or not isinstance(item.get("Message"), str):
        return item
    try:
        found = json.loads(item["Message"])
    except (ValueError, RecursionError):
        return item
    return found if isinstance(found, dict) else item


def _flat(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Bring what Mailgun and SES put into objects of their own to the top."""
    data = _object(item, "event-data")
    headers = _object(_object(data, "message"), "headers")
    mail, bounce, complaint = (_object(item, name) for name in ("mail", "bounce", "complaint"))
    people = [*_list(bounce, "bouncedRecipients"), *_list(complaint, "complainedRecipients")]
    first = people[0] if people and isinstance(people[0], dict) else {}
    sent_to = next((each for each in _list(mail, "destination") if isinstance(each, str)), "")
    ses = {
        "message_id": _value(mail, ("messageId",)),
        "recipient": _value(first, ("emailAddress",)) or sent_to,
        "bounceType": _value(bounce, ("bounceType",)),
        "reason": _value(first, ("diagnosticCode",)),
    }
    mailgun = {"message_id": _value(headers, ("message-id",))} if headers else {}
    return {**item, **data, **mailgun, **(ses if mail else {})}


def _kind(event: Mapping[str, Any], said: str) -> str:
    kind = _WORDS.get(_letters(said))
    if not said and any(name in event for name in _CAME_IN) and _value(event, _WRITERS):
        kind = "replied"
    if kind is None and not said:
        raise Invalid("It doesn't say what has happened to an e-mail.")
    if kind is None:
        raise Invalid(f"“{said[:40]}” isn't an event of an e-mail that we know.")
    if kind == "bounced":
        return _bounce(event, said)
    is_undone = kind == "unsubscribed" and event.get("SuppressSending") is False
    return "noted" if is_undone else kind


def _bounce(event: Mapping[str, Any], said: str) -> str:
    sorts = {_letters(_value(event, (name,))) for name in _SORTS} - {_letters(said)}
    if sorts & _COMPLAINTS:
        return "complained"
    if sorts & _LEAVING:
        return "unsubscribed"
    return "deferred" if sorts & _SOFT else "bounced"


def _letters(word: str) -> str:
    return "".join(char for char in word[:_LONGEST].lower() if char.isalpha())


def _writer(said: str) -> tuple[str, str]:
    """Return address and name of whoever wrote: `Ann <ann@example.org>`, or the address alone."""
    name, _, rest = said[:_LONGEST].rpartition("<")
    return rest.strip().rstrip(">").strip(), " ".join(name.replace('"', " ").split())[:100]


def _text(text: str, html: str) -> str:
    is_markup = not text or bool(_is_html(text))
    return (markup.text_of(text or html) if is_markup else text)[:_LONGEST_TEXT]


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers given by name, in a list of headers, or as the headers' text; by names in small letters."""
    named = (*_ANSWERS, *automatic.HEADERS)
    headers = {name.lower(): _value(event, (name,)) for name in event if name.lower() in named}
    listed = event.get("Headers") or event.get("message-headers") or event.get("headers") or ()
    for name, value in _pairs(listed):
        headers.setdefault(name.lower(), value)
    return headers


def _answers(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids in In-Reply-To and References."""
    direct, *others = (_MESSAGE_ID.findall(headers.get(name, "")[: 100 * _LONGEST]) for name in _ANSWERS)
    return tuple(dict.fromkeys([*direct, *reversed(others[0])]))[:_MOST_ANSWERED]


def _pairs(listed: Any) -> list[tuple[str, str]]:
    if isinstance(listed, str):
        unfolded = re.sub(r"\r?\n[ \t]", " ", listed[: 200 * _LONGEST])
        parted = (line.partition(":") for line in unfolded.splitlines())
        return [(name.strip(), _clean(value)) for name, _, value in parted]
    if isinstance(listed, dict):
        return [(str(name), _clean(value)) for name, value in listed.items() if isinstance(value, str)]
    found = []
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict):
            found.append((_value(each, ("Name", "name")), _value(each, ("Value", "value"))))
        elif isinstance(each, list) and len(each) == 2:
            found.append((str(each[0]), _clean(str(each[1]))))
    return found


def _object(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = item.get(name)
    return found if isinstance(found, dict) else {}


def _list(item: Mapping[str, Any], name: str) -> list[Any]:
    found = item.get(name)
    return found if isinstance(found, list) else []


def _value(item: Mapping[str, Any], names: tuple[str, ...]) -> str:
    found = (item[name] for name in names if isinstance(item.get(name), str | int | float))
    return next((_clean(str(each)) for each in found if each), "")


def _clean(text: str) -> str:
    """Take out what no database keeps, and nobody means: NUL, and halves of characters."""
    return text.replace("\0", "").encode(errors="ignore").decode().strip()
