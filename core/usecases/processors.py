"""Who takes in what providers post, by channel: each validates an event's fields, then does what it asks for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

import sqlalchemy as sa
from sqlmodel import Session

from core.domain import email_events
from core.domain.email_events import EmailEvent
from core.domain.receipts import Incoming
from core.domain.voice import Recording, Ring
from core.errors import Invalid, Misconfigured
from core.models import ChannelName, IncomingCall, Intake, SuppressionCause
from core.models.dialect import insert
from core.settings import Settings
from core.usecases import inbound, late, lifting, mail, receipts, suppression, twilio_posts, voice, vonage_posts
from core.usecases.inbound import Text
from core.usecases.twilio_posts import Form

RECEIPT, TEXT = "receipt", "text"
RING, OPT_OUT, RECORDING, ENDED = "ring", "opt_out", "recording", "ended"
# The kind of what an e-mail provider posted and we couldn't read: it is kept as it came, and read anew when retried.
UNREAD = "unread"
_TWILIO, _VONAGE = "AccountSid", "vonage"
# What an e-mail's end says of its address, and how its conversations are told.
_OUT_OF_REACH = MappingProxyType(
    {
        "complained": (SuppressionCause.OPT_OUT, "they called one of ours spam"),
        "unsubscribed": (SuppressionCause.OPT_OUT, "they unsubscribed"),
        "bounced": (SuppressionCause.HARD_FAILURE, "one of ours came back"),
    }
)


@dataclass(frozen=True, slots=True)
class House:
    """What answers say of us, how we take people in, and which messaging services are ours."""

    organization: str
    asks_twice: bool = False
    services: frozenset[str] = frozenset()
    senders: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> "House":
        """Return ours."""
        senders = tuple(each.address for each in settings.senders)
        services = frozenset(each for each in senders if each.startswith("MG"))
        return cls(settings.organization_name, settings.double_opt_in, services, senders)

    def sender_of(self, number: str) -> str:
        """Return what we text from to whoever called a number: itself, or the service that it is in."""
        return number if number in self.senders else next(iter(sorted(self.services)), number)


class Processor(Protocol):
    """One channel's way to take in events."""

    def validate(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Raise Invalid unless these fields can be taken in."""
        ...

    def process(
        self, session: Session, kind: str, fields: Mapping[str, Any], *, house: House, came_at: datetime, now: datetime
    ) -> None:
        """Do what the event asks for; it may be done twice. `came_at`: what was asked for since then stands."""
        ...


class Sms:
    """Receipts and texts."""

    def validate(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Raise Invalid unless it is a receipt or a text, whole, or as it was posted."""
        wanted = {RECEIPT: ("provider_sid", "status"), TEXT: ("provider_sid", "address", "sender")}.get(kind)
        if wanted and _is_as_posted(fields):
            return  # it is read, or refused, when it is processed
        missing = [name for name in wanted or () if not fields.get(name)]
        if wanted is None or missing:
            raise Invalid(
                f"It lacks {', '.join(missing)}." if missing else f"“{kind}” is no kind of text message event."
            )

    def process(
        self, session: Session, kind: str, fields: Mapping[str, Any], *, house: House, came_at: datetime, now: datetime
    ) -> None:
        """Apply a receipt, or take a text."""
        event = _read_again(kind, fields, house.services) if _is_as_posted(fields) else _stored(kind, fields)
        if isinstance(event, Incoming):
            receipts.apply(session, [event], now=now)
            return
        asks_twice = house.asks_twice
        inbound.take(session, event, organization=house.organization, asks_twice=asks_twice, sent_at=came_at, now=now)


class Email:
    """What happened to e-mails: whom they reached, who complained, who answered."""

    def validate(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Raise Invalid unless it is an event of an e-mail."""
        _email(kind, fields)

    def process(
        self, session: Session, kind: str, fields: Mapping[str, Any], *, house: House, came_at: datetime, now: datetime
    ) -> None:
        """Bring the message forward, and suppress the address where it must be."""
        event = _email(kind, fields)
        _forward(session, event, now=now)
        if event.kind == "replied":
            mail.take(session, event, organization=house.organization, sent_at=came_at, now=now)
        elif event.kind in _OUT_OF_REACH and not late.is_let_in_since(session, event.address, since=came_at):
            cause, why = _OUT_OF_REACH[event.kind]
            if suppression.suppress(session, event.address, cause=cause, source="email", now=now):
                lifting.tell(session, [event.address], f"E-mails to them are stopped: {why}.", now=now)


class Voice:
    """Calls to our number: who rings, who wants no more texts, what was left, who hung up."""

    def validate(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Raise Invalid unless it is an event of a call, whole, or as it was posted."""
        if kind not in _OF_CALLS:
            raise Invalid(f"“{kind}” is no kind of event of a call.")
        wanted = () if _is_as_posted(fields) else _OF_CALLS[kind]
        missing = [name for name in wanted if not fields.get(name)]
        if missing:
            raise Invalid(f"It lacks {', '.join(missing)}.")

    def process(
        self, session: Session, kind: str, fields: Mapping[str, Any], *, house: House, came_at: datetime, now: datetime
    ) -> None:
        """Note the call, unsubscribe its caller, or put their message into their conversation."""
        event = _read_call(kind, fields)
        if isinstance(event, Recording):
            call = session.get(IncomingCall, event.call_sid)
            sender = house.sender_of(call.number) if call else None
            voice.take(session, event, sender=sender, at=came_at, now=now)
        elif event is not None and kind == OPT_OUT:
            voice.opt_out(session, event, at=came_at, now=now)
        elif event is not None:
            {RING: voice.ring, ENDED: voice.end}[kind](session, event, now=now)


REGISTRY: Mapping[str, Processor] = MappingProxyType({"sms": Sms(), "email": Email(), "voice": Voice()})
_USUAL = {ChannelName.SMS: "sms", ChannelName.EMAIL: "email", ChannelName.VOICE: "voice"}
_OF_CALLS = {
    **dict.fromkeys((RING, OPT_OUT, ENDED), ("sid", "number")),
    RECORDING: ("sid", "call_sid", "url"),
}
_STATUSES = {"delivered": "delivered", "bounced": "undelivered", "opened": "read", "clicked": "read"}


def check(session: Session) -> dict[ChannelName, str]:
    """Return the processor of each channel that is on; channels that aren't configured yet get the usual ones.

    Raises:
        Misconfigured: a processor that isn't known is named, or nobody would hear a STOP.
    """
    for channel, processor in _USUAL.items():
        new = insert(session, Intake).values(channel=channel, processor=processor, is_active=True)
        session.execute(new.on_conflict_do_nothing(index_elements=["channel"]))
    found = session.scalars(sa.select(Intake)).all()
    unknown = [f"{each.channel.value}: {each.processor}" for each in found if each.processor not in REGISTRY]
    if unknown:
        known = ", ".join(sorted(REGISTRY))
        raise Misconfigured(f"The table intakes names what isn't a processor ({'; '.join(unknown)}). Known: {known}.")
    active = {each.channel: each.processor for each in found if each.is_active}
    if active.get(ChannelName.SMS) != "sms":
        raise Misconfigured("The table intakes turns texts off, and no STOP would be heard. Set sms to active again.")
    return active


def of_channel(session: Session, channel: ChannelName) -> Processor:
    """Return the processor of a channel.

    Raises:
        Invalid: the channel is off, or has none.
    """
    intake = session.get(Intake, channel)
    name = intake.processor if intake else _USUAL.get(channel, "")
    if name not in REGISTRY or (intake is not None and not intake.is_active):
        raise Invalid(f"Nobody takes in events of {channel.value} at the moment. Turn it on in the table intakes.")
    return REGISTRY[name]


def takes(session: Session, channel: ChannelName) -> bool:
    """Tell whether a channel's events are taken in at the moment."""
    intake = session.get(Intake, channel)
    return intake is None or intake.is_active


def fields_of(event: Incoming | Text | EmailEvent | Ring | Recording) -> dict[str, Any]:
    """Return an event's fields as they are stored."""
    if isinstance(event, Incoming):
        return {**{name: getattr(event, name) for name in Incoming.__slots__}, "fields": dict(event.fields)}
    return asdict(event)


def as_posted(form: Form | Mapping[str, Any]) -> dict[str, Any]:
    """Return what could not be read as it is put aside: a form of Twilio's, or what Vonage has posted."""
    return form.as_posted() if isinstance(form, Form) else {_VONAGE: vonage_posts.storable(form)}


def read_words(form: Form | Mapping[str, Any]) -> Text | None:
    """Read who wrote what, of a text whose rest can't be read; None when not even that can."""
    return twilio_posts.read_words(form) if isinstance(form, Form) else vonage_posts.read_words(form)


def _is_as_posted(fields: Mapping[str, Any]) -> bool:
    # Each of Twilio's posts has its name for the account; what is ours has none of these.
    return _TWILIO in fields or _VONAGE in fields


def _read_again(kind: str, fields: Mapping[str, Any], services: frozenset[str]) -> Incoming | Text:
    if _VONAGE in fields:
        posted = fields[_VONAGE]
        return vonage_posts.read_receipt(posted) if kind == RECEIPT else vonage_posts.read_text(posted)
    form = twilio_posts.put_aside(fields)
    return twilio_posts.read_receipt(form) if kind == RECEIPT else twilio_posts.read_text(form, services=services)


def _stored(kind: str, fields: Mapping[str, Any]) -> Incoming | Text:
    if kind == RECEIPT:
        return Incoming(**fields)
    return Text(**{**fields, "media": tuple((part[0], part[1]) for part in fields.get("media", ()))})


def _read_call(kind: str, fields: Mapping[str, Any]) -> Ring | Recording | None:
    if not _is_as_posted(fields):
        return Recording(**fields) if kind == RECORDING else Ring(**fields)
    form = twilio_posts.put_aside(fields)
    return twilio_posts.read_recording(form) if kind == RECORDING else twilio_posts.read_ring(form)


def _email(kind: str, fields: Mapping[str, Any]) -> EmailEvent:
    if kind == UNREAD:
        return email_events.read(fields.get("value", fields))
    email_events.read({**fields, "event": kind})
    return email_events.stored(fields, kind)


def _forward(session: Session, event: EmailEvent, *, now: datetime) -> None:
    status = _STATUSES.get(event.kind)
    if status and event.message_id:
        receipts.apply(session, [Incoming(event.message_id, status)], now=now)
