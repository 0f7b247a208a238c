"""What a conversation's thread tells: gathered in one reading, drawn by the view."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.errors import NotFound
from core.models import Blast, Contact, Conversation, Inbound, Staff, Suppression
from core.usecases import answerable, conversations, erasure, inbox, suppression

# Several texts in a row are one thing to look at.
_A_WHILE = timedelta(minutes=10)
_GONE = "This conversation is gone. It was erased or cleaned up."


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a thread's first message shows. `claimed_by`: a Slack user's id; `blocked`: why they can't be texted.

    `answerable`: the blasts that the member may be answering, when there are several; id and name.
    `is_blocked_at_provider`: no text of ours gets through until they text START, whatever staff allow.
    """

    conversation: Conversation
    name: str
    blast_name: str | None
    claimed_by: str | None
    blocked: Suppression | None
    opening: Inbound | None
    answerable: Sequence[tuple[UUID, str]] = ()
    is_blocked_at_provider: bool = False

    @property
    def is_suspected(self) -> bool:
        """Whether they are blocked until staff have said whether they opted out."""
        return self.blocked is not None and self.blocked.source == suppression.LIKELY


def facts(session: Session, conversation_id: UUID, *, now: datetime) -> Facts:
    """Gather what a conversation's thread shows.

    Raises:
        NotFound: there is no such conversation.
    """
    conversation = session.get(Conversation, conversation_id)
    if conversation is None:
        raise NotFound(_GONE)
    contact = session.get(Contact, conversation.contact_id) if conversation.contact_id else None
    blast = session.get(Blast, conversation.blast_id) if conversation.blast_id else None
    is_claimed = conversation.claimed_by is not None and conversations.is_claimed(conversation, now=now)
    claimer = session.get(Staff, conversation.claimed_by) if is_claimed else None
    return Facts(
        conversation=conversation,
        name=(contact.name or contact.first_name) if contact else "",
        blast_name=blast.name if blast else None,
        claimed_by=claimer.slack_user_id if claimer else None,
        blocked=suppression.active(session, conversation.address),
        opening=_first(session, conversation_id),
        answerable=_answerable(session, conversation, now=now),
        is_blocked_at_provider=answerable.is_blocked(session, conversation),
    )


def standing(session: Session, conversation_id: UUID, *, now: datetime) -> Facts:
    """Gather what a modal shows of a conversation, before anything is typed into it.

    Raises:
        NotFound: there is no such conversation (any more), or whose it was is erased.
    """
    found = facts(session, conversation_id, now=now)
    if erasure.is_erased(found.conversation.address):
        raise NotFound(_GONE)
    return found


def _answerable(session: Session, conversation: Conversation, *, now: datetime) -> list[tuple[UUID, str]]:
    found = [each.key for each in inbox.candidates(session, conversation.address, now=now)]
    if conversation.blast_id and conversation.blast_id not in found:
        found.append(conversation.blast_id)
    names = inbox.names(session, found)
    return [(blast_id, names[blast_id]) for blast_id in found] if len(found) > 1 else []


def is_first(session: Session, inbound: Inbound) -> bool:
    """Tell whether a text opened its conversation, so that its thread begins with it."""
    opening = _first(session, inbound.conversation_id)
    return opening is not None and opening.id == inbound.id


def is_after_a_while(session: Session, inbound: Inbound) -> bool:
    """Tell whether a text comes after a silence of its sender."""
    earlier = session.scalar(
        sa.select(sa.func.max(col(Inbound.received_at))).where(
            col(Inbound.conversation_id) == inbound.conversation_id, col(Inbound.id) != inbound.id
        )
    )
    return earlier is None or inbound.received_at - earlier > _A_WHILE


def _first(session: Session, conversation_id: UUID | None) -> Inbound | None:
    return session.scalar(
        sa.select(Inbound).where(col(Inbound.conversation_id) == conversation_id).order_by(col(Inbound.id)).limit(1)
    )
