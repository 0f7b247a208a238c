"""A person forgotten: everything that tells who she is, but not that she must never be messaged."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain.events import CallErased, ConversationChanged, FileErased, RecordingUnwanted
from core.domain.lifecycles import DeliveryStatus
from core.errors import IllegalMove, NotFound
from core.models import (
    AuditEntry,
    Call,
    Contact,
    Conversation,
    ConversationStatus,
    Delivery,
    Draft,
    DraftOutcome,
    Inbound,
    IncomingCall,
    OutboxEvent,
    ProviderBlock,
    Receipt,
    TopicQuestion,
    WebhookEvent,
)
from core.usecases import suppression

# What stands where the address of somebody stood who was erased begins with this.
NOBODY = "erased:"
_LEAVING = (DeliveryStatus.CLAIMED, DeliveryStatus.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Erased:
    """What was forgotten. `suppressions`: those that went, or lost all but cause and time.

    `is_suppressed`: whether the address stays out of reach.
    """

    contacts: int
    deliveries: int
    texts: int
    conversations: int
    suppressions: int
    is_suppressed: bool


def erase(session: Session, address: str, *, now: datetime) -> Erased:
    """Forget whose address this is, and all that was said; counts stay right, and nothing more is sent there.

    That she opted out, or that staff stopped her messages, is kept by address while it holds, with its cause and time:
    it keeps a later import from texting somebody who said STOP. While it does, so is what the provider blocks, so that
    a START is answered once. Of messages the row is kept, without words, under a name that leads nowhere.

    Raises:
        NotFound: nothing is kept of it, or only what must keep it from being messaged.
        IllegalMove: a message is just leaving, and its outcome couldn't be told any more.
    """
    is_hers = (col(Contact.phone) == address) | (col(Contact.email) == address)
    contact = session.scalar(sa.select(Contact).where(is_hers))
    known = [each for each in (contact.phone, contact.email) if each] if contact else [address]
    _hold(session, known, contact)
    # Somebody else may have erased her meanwhile.
    contact = session.scalar(sa.select(Contact).where(is_hers).with_for_update())
    if contact is not None:
        session.delete(contact)
        session.flush()
    _refuse_while_leaving(session, known)
    nobody = f"{NOBODY}{uuid4().hex}"
    _erase_events(session, known)
    _erase_drafts(session, known)
    calls = _erase_calls(session, known, nobody, now)
    _erase_notes(session, known)
    _change(session, sa.delete(TopicQuestion).where(col(TopicQuestion.address).in_(known)))
    erased = Erased(
        contacts=int(contact is not None),
        texts=_erase_texts(session, known, nobody, now),
        deliveries=_erase_deliveries(session, known, nobody, now),
        conversations=_erase_conversations(session, known, nobody, now),
        suppressions=suppression.forget(session, known),
        is_suppressed=any(suppression.active(session, each) for each in known),
    )
    if not erased.is_suppressed:
        _change(session, sa.delete(ProviderBlock).where(col(ProviderBlock.address).in_(known)))
    told = (erased.contacts, erased.deliveries, erased.texts, erased.conversations, erased.suppressions)
    if not (calls or any(told)):
        kept = " but that it must not be messaged" if erased.is_suppressed else ""
        raise NotFound(f"Nothing is kept of this address{kept}.")
    session.add(AuditEntry(at=now, action="contact.erase", staff_id=None, fields={"deliveries": erased.deliveries}))
    return erased


def is_erased(address: str) -> bool:
    """Tell whether this stands where somebody's address stood who was erased."""
    return address.startswith(NOBODY)


def _hold(session: Session, known: Sequence[str], contact: Contact | None) -> None:
    """Lock what is hers, in the order in which calls, texts, answers and receipts do: to delete her touches it all."""
    is_named = col(Delivery.contact_id) == contact.id if contact else sa.false()
    is_to_her = col(Delivery.address).in_(known) | is_named
    for hers, key in (
        (col(IncomingCall.address).in_(known), col(IncomingCall.sid)),
        (_is_at(known), col(Conversation.id)),
        (is_to_her, col(Delivery.id)),
    ):
        session.execute(sa.select(key).where(hers).order_by(key).with_for_update())


def _refuse_while_leaving(session: Session, known: Sequence[str]) -> None:
    leaving = sa.select(col(Delivery.id)).where(col(Delivery.address).in_(known), col(Delivery.status).in_(_LEAVING))
    if session.scalar(leaving.limit(1)) is not None:
        raise IllegalMove("A message to this address is just leaving. Try again when its outcome is known.")


def _erase_deliveries(session: Session, known: Sequence[str], nobody: str, now: datetime) -> int:
    theirs = col(Delivery.address).in_(known)
    _change(
        session,
        sa.update(Delivery)
        .where(theirs, col(Delivery.status) == DeliveryStatus.PENDING)
        .values(status=DeliveryStatus.CANCELLED, ended_at=now),
    )
    ids = sa.select(col(Delivery.id)).where(theirs)
    _change(session, sa.update(Receipt).where(col(Receipt.delivery_id).in_(ids)).values(fields={}))
    is_copy = col(Delivery.blast_id).is_not(None)
    # Two addresses of hers may have got the same blast, which has one row for each address.
    named = sa.literal(nobody) + sa.literal(":") + sa.cast(col(Delivery.id), sa.Text())
    return _change(
        session,
        sa.update(Delivery)
        .where(theirs)
        .values(address=named, body=sa.case((is_copy, None), else_=""), error="", contact_id=None),
    )


def _erase_texts(session: Session, known: Sequence[str], nobody: str, now: datetime) -> int:
    theirs = col(Inbound.address).in_(known)
    for media in session.scalars(sa.select(col(Inbound.media)).where(theirs)):
        for file_id in (part["file"] for part in media if part.get("file")):
            outbox.record(session, FileErased(file_id), now=now)
    return _change(session, sa.update(Inbound).where(theirs).values(address=nobody, body="", media=[]))


def _erase_events(session: Session, known: Sequence[str]) -> None:
    """Delete what providers posted that has an address of hers in one of its fields, under whichever name."""
    # Vonage's numbers have no plus. Somebody else's address may hold hers.
    bare = [each.removeprefix("+") for each in known]
    is_hers = re.compile(rf"(?<![\w.+-])\+?(?:{'|'.join(map(re.escape, bare))})(?![\w-]|\.\w)", re.IGNORECASE).search
    said = sa.cast(col(WebhookEvent.fields), sa.Text())
    holds = sa.or_(*(said.icontains(each, autoescape=True) for each in bare))
    rows = session.execute(sa.select(col(WebhookEvent.id), said).where(holds))
    hers = [event_id for event_id, fields in rows if is_hers(fields)]
    _change(session, sa.delete(WebhookEvent).where(col(WebhookEvent.id).in_(hers)))


def _erase_drafts(session: Session, known: Sequence[str]) -> None:
    theirs = sa.select(col(Conversation.id)).where(_is_at(known))
    is_hers = col(Draft.conversation_id).in_(theirs)
    _change(session, sa.update(Draft).where(is_hers).values(body="", error=""))
    # One that the assistant is still writing isn't wanted any more.
    still = sa.update(Draft).where(is_hers, col(Draft.outcome) == DraftOutcome.WANTED)
    _change(session, still.values(outcome=DraftOutcome.UNUSED))


def _erase_calls(session: Session, known: Sequence[str], nobody: str, now: datetime) -> int:
    """Forget that staff called her, and she us; returns how often. What she left goes at the provider as well."""
    theirs = sa.select(col(Conversation.id)).where(_is_at(known))
    shown = sa.select(col(Conversation.thread_channel), col(Call.message_ts)).join_from(
        Call, Conversation, col(Call.conversation_id) == col(Conversation.id)
    )
    for channel, message_ts in session.execute(shown.where(_is_at(known), col(Call.message_ts) != "")).all():
        outbox.record(session, CallErased(channel, message_ts), now=now)
    _change(session, sa.delete(Call).where(col(Call.conversation_id).in_(theirs)))
    hers = sa.select(IncomingCall).where(col(IncomingCall.address).in_(known)).with_for_update()
    calls = session.scalars(hers).all()
    for call in calls:
        call.address = nobody
        if call.recording_sid:
            outbox.record(session, RecordingUnwanted(call.recording_sid), now=now)
    session.flush()
    return len(calls)


def _erase_notes(session: Session, known: Sequence[str]) -> None:
    """Blank what was, or is still to be, said in her threads: it quotes her words, and staff's of her."""
    theirs = {str(each) for each in session.scalars(sa.select(col(Conversation.id)).where(_is_at(known)))}
    conversation = col(OutboxEvent.payload)["conversation_id"].as_string()
    told = sa.select(OutboxEvent).where(
        col(OutboxEvent.name) == ConversationChanged.name, conversation.in_(sorted(theirs))
    )
    for event in session.scalars(told.with_for_update()):
        event.payload = {**event.payload, "note": None}
    session.flush()


def _is_at(known: Sequence[str]) -> sa.ColumnElement[bool]:
    return col(Conversation.address).in_(known)


def _erase_conversations(session: Session, known: Sequence[str], nobody: str, now: datetime) -> int:
    named = sa.literal(nobody) + sa.literal(":") + sa.cast(col(Conversation.id), sa.Text())
    is_shown = col(Conversation.thread_ts) != ""
    for conversation_id in session.scalars(sa.select(col(Conversation.id)).where(_is_at(known), is_shown)).all():
        outbox.record(session, ConversationChanged(conversation_id), now=now)
    theirs = sa.update(Conversation).where(_is_at(known))
    values = {"status": ConversationStatus.CLOSED, "claimed_by": None, "claimed_at": None}
    return _change(session, theirs.values(address=named, contact_id=None, **values))


def _change(session: Session, statement: Any) -> int:
    found = session.execute(statement.execution_options(synchronize_session=False))
    return int(found.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it
