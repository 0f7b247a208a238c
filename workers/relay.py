"""From the outbox to those who must be told: each event that is due becomes a nudge, again until it is done."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from core.models import OutboxEvent

# Long enough to tell Slack and to be told to wait by it; then the nudge counts as lost.
_LEASE = timedelta(seconds=30)
_MOST = 200


def take_due(session: Session, *, now: datetime) -> list[tuple[int, str]]:
    """Return (id, name) of the events that are due, each for one clock alone, and due again after a while."""
    due = (
        sa.select(col(OutboxEvent.id))
        .where(col(OutboxEvent.done_at).is_(None), col(OutboxEvent.due_at) <= now)
        .order_by(col(OutboxEvent.due_at), col(OutboxEvent.id))
        .limit(_MOST)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = session.execute(
        sa.update(OutboxEvent)
        .where(col(OutboxEvent.id).in_(sa.select(due.c.id)))
        .values(due_at=now + _LEASE)
        .returning(col(OutboxEvent.id), col(OutboxEvent.name))
        .execution_options(synchronize_session=False)
    )
    return sorted((row.id, row.name) for row in taken)


def give_back(session: Session, ids: Sequence[int], *, now: datetime) -> None:
    """Make events due again at once: their nudges could not be sent."""
    session.execute(
        sa.update(OutboxEvent)
        .where(col(OutboxEvent.id).in_(ids), col(OutboxEvent.done_at).is_(None))
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )
