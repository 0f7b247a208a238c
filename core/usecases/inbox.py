"""What waits for an answer: the open conversations, reminders of those left alone, and which blast each is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain import attribution, voice
from core.domain.attribution import Candidate
from core.domain.events import ConversationWaiting
from core.domain.lifecycles import DeliveryStatus
from core.models import (
    Blast,
    Call,
    CallStatus,
    Contact,
    Conversation,
    ConversationStatus,
    Delivery,
    DeliveryKind,
    Inbound,
    Staff,
    Suppression,
)
from core.usecases import reach, suppression
from core.usecases.erasure import NOBODY

_HAS_LEFT = (
    DeliveryStatus.CLAIMED,
    DeliveryStatus.UNKNOWN,
    DeliveryStatus.ACCEPTED,
    DeliveryStatus.SENT,
    DeliveryStatus.DELIVERED,
)
# Older blasts aren't what somebody writes about, unless nothing has reached them since.
_RECENT = timedelta(days=14)
_SAME_TALK = timedelta(days=1)
_MOST_CANDIDATES = 5
_MOST_NAGGED = 50


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open conversation; `claimed_by` is a Slack user's id, `call_at` when the next call is planned.

    `is_out_of_reach`: they can't be texted, so nobody can answer them, and they don't wait.
    """

    conversation: Conversation
    name: str
    claimed_by: str | None
    call_at: datetime | None = None
    is_out_of_reach: bool = False


def listed(session: Session, *, most: int = 40) -> list[Waiting]:
    """Return the open conversations: the longest waiting first, then who was answered, then who can't be texted.

    Who was erased is in none of them.
    """
    next_call = (
        sa.select(sa.func.min(col(Call.at)))
        .where(col(Call.conversation_id) == col(Conversation.id), col(Call.status) == CallStatus.PLANNED)
        .scalar_subquery()
    )
    is_held = _is_out_of_reach()
    is_unanswered = sa.case((is_held, 2), (_is_unanswered(), 0), else_=1)
    rows = session.execute(
        sa.select(
            Conversation, col(Contact.name), col(Contact.first_name), col(Staff.slack_user_id), next_call, is_held
        )
        .outerjoin(Contact, col(Contact.id) == col(Conversation.contact_id))
        .outerjoin(Staff, col(Staff.id) == col(Conversation.claimed_by))
        .where(
            col(Conversation.status) == ConversationStatus.OPEN,
            ~col(Conversation.address).startswith(NOBODY, autoescape=True),
        )
        .order_by(is_unanswered, col(Conversation.last_inbound_at))
        .limit(most)
    )
    return [
        Waiting(found, name or first_name or "", who, call_at, is_out_of_reach=bool(is_held))
        for found, name, first_name, who, call_at, is_held in rows
    ]


def has_neglected(session: Session, *, after: timedelta, now: datetime) -> bool:
    """Tell whether somebody has waited for an answer for so long that staff are to be reminded."""
    return session.scalar(_neglected(after, now).limit(1)) is not None


def nag(session: Session, *, after: timedelta, now: datetime) -> int:
    """Remind staff, once for each text, of who waits for an answer; returns how many."""
    count = 0
    for conversation in session.scalars(_neglected(after, now).limit(_MOST_NAGGED).with_for_update(skip_locked=True)):
        conversation.nagged_at = now
        held = suppression.active(session, conversation.address)
        # Who can't be texted isn't answered; who may have opted out waits for a decision all the same.
        if held is None or held.source == suppression.LIKELY:
            outbox.record(session, ConversationWaiting(conversation.id), now=now)
            count += 1
    return count


def is_to_be_called(session: Session, conversation: Conversation) -> bool:
    """Tell whether a call was planned in answer to a member's last text."""
    is_it = (col(Conversation.id) == conversation.id, _is_to_be_called())
    return session.scalar(sa.select(col(Conversation.id)).where(*is_it)) is not None


def is_waiting(conversation: Conversation) -> bool:
    """Tell whether a member still waits for an answer."""
    answered_at = conversation.answered_at
    is_answered = answered_at is not None and answered_at >= conversation.last_inbound_at
    return conversation.status is ConversationStatus.OPEN and not is_answered


def candidates(session: Session, address: str, *, now: datetime) -> list[Candidate[UUID]]:
    """Return the blasts that reached somebody lately, the latest first; the last one, however long ago it was."""
    rows = session.execute(
        sa.select(col(Blast.id), col(Blast.name), col(Blast.body), col(Delivery.claimed_at))
        .join(Delivery, col(Delivery.blast_id) == col(Blast.id))
        .where(
            col(Delivery.address) == address,
            col(Delivery.kind) == DeliveryKind.BLAST,
            col(Delivery.status).in_(_HAS_LEFT),
        )
        .order_by(col(Delivery.claimed_at).desc())
        .limit(_MOST_CANDIDATES)
    ).all()
    found = [Candidate(row.id, f"{row.name}\n{row.body}", row.claimed_at or now) for row in rows]
    return [each for at, each in enumerate(found) if at == 0 or each.reached_at > now - _RECENT]


def answered(session: Session, conversation: Conversation, text: str, *, now: datetime) -> UUID | None:
    """Return the blast that a text answers; what staff have chosen stands until another blast reaches its sender."""
    found = candidates(session, conversation.address, now=now)
    chosen_at = conversation.blast_chosen_at
    if chosen_at is not None and all(each.reached_at <= chosen_at for each in found):
        return conversation.blast_id
    going_on = _going_on(conversation, found, now=now)
    return attribution.choose(text, found, now=now, going_on=going_on) or conversation.blast_id


def _going_on(conversation: Conversation, found: Sequence[Candidate[UUID]], *, now: datetime) -> UUID | None:
    """Return the blast that is talked of, if the talk is of today and no other blast has reached them since."""
    spoken_at = max(filter(None, (conversation.last_inbound_at, conversation.answered_at)))
    is_over = spoken_at < now - _SAME_TALK or any(each.reached_at > spoken_at for each in found)
    return None if is_over else conversation.blast_id


def about(session: Session, inbound: Inbound, *, now: datetime) -> UUID | None:
    """Return the blast that a text is about which opens no conversation; None when none has reached its sender."""
    is_it = (col(Conversation.address) == inbound.address, col(Conversation.sender) == inbound.sender)
    conversation = session.scalar(sa.select(Conversation).where(*is_it))
    if conversation is not None:
        return answered(session, conversation, inbound.body, now=now)
    return attribution.choose(inbound.body, candidates(session, inbound.address, now=now), now=now)


def names(session: Session, blast_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return what these blasts are called."""
    rows = session.execute(sa.select(col(Blast.id), col(Blast.name)).where(col(Blast.id).in_(blast_ids)))
    return {row[0]: row[1] for row in rows}


def _neglected(after: timedelta, now: datetime) -> sa.Select[Conversation]:
    return sa.select(Conversation).where(
        col(Conversation.status) == ConversationStatus.OPEN,
        col(Conversation.thread_ts) != "",
        col(Conversation.last_inbound_at) <= now - after,
        _is_unanswered(),
        ~_is_to_be_called(),
        ~_is_withheld(),
        col(Conversation.nagged_at).is_(None) | (col(Conversation.nagged_at) < col(Conversation.last_inbound_at)),
    )


def _is_unanswered() -> sa.ColumnElement[bool]:
    return col(Conversation.answered_at).is_(None) | (col(Conversation.answered_at) < col(Conversation.last_inbound_at))


def _is_to_be_called() -> sa.ColumnElement[bool]:
    """Return the SQL for whether a call is planned; one that was planned before they wrote again answers nothing."""
    return sa.exists().where(
        col(Call.conversation_id) == col(Conversation.id),
        col(Call.status) == CallStatus.PLANNED,
        col(Call.created_at) >= col(Conversation.last_inbound_at),
    )


def _is_out_of_reach() -> sa.ColumnElement[bool]:
    """Return the SQL for whether nobody can be answered there; who may have opted out waits for a decision."""
    is_held = sa.exists().where(
        col(Suppression.address) == col(Conversation.address),
        reach.IS_ACTIVE,
        reach.IS_OF_ALL,
        col(Suppression.source) != suppression.LIKELY,
    )
    return sa.or_(is_held, _is_withheld())


def _is_withheld() -> sa.ColumnElement[bool]:
    return col(Conversation.address).startswith(voice.WITHHELD, autoescape=True)
