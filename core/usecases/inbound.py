"""A text from a member: kept once, read for what it asks, and acted on in the same transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import keywords
from core.domain.keywords import Reading
from core.models import Delivery, DeliveryKind, Inbound
from core.models.dialect import insert
from core.usecases import conversations, sending, suppression

# Two machines that answer each other must not go on for ever.
_SAME_ANSWER_AGAIN_AFTER = timedelta(minutes=10)
_ASKED_AT_PROVIDER: dict[str, Literal["opt_out", "opt_in", "help"]] = {
    "STOP": "opt_out",
    "START": "opt_in",
    "HELP": "help",
}
_ANSWERS = {
    "opt_out": "{organization}: you won't get any more texts from us. Reply START to get them again.",
    "opt_in": "{organization}: you will get our texts again. Reply STOP to stop them, HELP for help.",
    "help": "{organization}: reply STOP to get no more texts from us. Or write what you need: a person reads it.",
}


@dataclass(frozen=True, slots=True)
class Text:
    """A text as the provider handed it over; `opt_out_type`: the keyword that it has acted on and answered itself."""

    provider_sid: str
    address: str
    sender: str
    body: str
    media: tuple[tuple[str, str], ...] = ()
    opt_out_type: str = ""


def take(session: Session, text: Text, *, organization: str, now: datetime) -> Reading | None:
    """Keep a text and do what it asks; returns how it was read, or None when it was taken before.

    Certain opt-outs are suppressed at once; likely ones too, until staff have looked. What isn't a keyword is a
    conversation's. Where the provider has answered a keyword we say nothing: a text after its STOP would fail.
    """
    asked = _ASKED_AT_PROVIDER.get(text.opt_out_type.upper())
    reading = Reading(asked, "certain", text.opt_out_type.lower()) if asked else keywords.read(text.body)
    inbound = _keep(session, text, reading, now=now)
    if inbound is None:
        return None
    is_answered = bool(text.opt_out_type) or keywords.provider_answers(text.body) is not None
    if reading.certainty != "certain":
        _show(session, inbound, reading, now=now)
    elif _do(session, inbound, reading, now=now) and not is_answered:
        _answer(session, inbound, _ANSWERS[reading.kind].format(organization=organization), now=now)
    return reading


def _keep(session: Session, text: Text, reading: Reading, *, now: datetime) -> Inbound | None:
    """Store a text once by the provider's id; returns None when it is there already."""
    new_id = session.scalar(
        insert(session, Inbound)
        .values(
            provider_sid=text.provider_sid,
            address=text.address,
            sender=text.sender,
            body=text.body,
            media=[{"url": url, "type": kind} for url, kind in text.media],
            kind=reading.kind,
            certainty=reading.certainty,
            received_at=now,
        )
        .on_conflict_do_nothing(index_elements=["provider_sid"])
        .returning(col(Inbound.id))
    )
    return session.get_one(Inbound, new_id) if new_id is not None else None


def _show(session: Session, inbound: Inbound, reading: Reading, *, now: datetime) -> None:
    """Hand a text to staff; one that may be an opt-out blocks its sender until they have decided."""
    if reading.kind == "opt_out":
        suppression.opt_out(session, inbound.address, source=suppression.LIKELY, inbound_id=inbound.id, now=now)
    conversations.receive(session, inbound, now=now)


def _do(session: Session, inbound: Inbound, reading: Reading, *, now: datetime) -> bool:
    """Do what a keyword certainly asks for; returns whether the member is owed an answer."""
    if reading.kind == "opt_out":
        is_new = suppression.opt_out(session, inbound.address, source="inbound", inbound_id=inbound.id, now=now)
        conversations.tell(session, inbound, "They asked for no more texts, and are opted out.", now=now)
        return is_new
    if reading.kind == "opt_in":
        return _lift(session, inbound, now=now)
    return True


def _lift(session: Session, inbound: Inbound, *, now: datetime) -> bool:
    suppression.lift(session, inbound.address, by="member", causes=suppression.MEMBERS_MAY_LIFT, now=now)
    if suppression.active(session, inbound.address):
        # What staff decided is theirs to undo: they see the text.
        conversations.receive(session, inbound, now=now)
        return False
    conversations.tell(session, inbound, "They asked for texts again, and can be texted.", now=now)
    return True


def _answer(session: Session, inbound: Inbound, body: str, *, now: datetime) -> None:
    is_repeated = session.scalar(
        sa.select(
            sa.exists().where(
                col(Delivery.address) == inbound.address,
                col(Delivery.kind) == DeliveryKind.ANSWER,
                col(Delivery.body) == body,
                col(Delivery.created_at) > now - _SAME_ANSWER_AGAIN_AFTER,
            )
        )
    )
    if not is_repeated:
        sending.queue(
            session, kind=DeliveryKind.ANSWER, address=inbound.address, sender=inbound.sender, body=body, now=now
        )
