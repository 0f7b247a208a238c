"""When an approved blast starts, and when a blast is over."""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain.events import BlastFinished
from core.domain.lifecycles import IN_FLIGHT, WAITING, BlastStatus, DeliveryStatus, move
from core.models import Blast, Delivery

# After this long without a last word from the provider, a blast counts as done; later receipts still change its counts.
_PATIENCE = timedelta(minutes=10)
# Longer than the longest wait before another try.
_LATE_AT_MOST = timedelta(days=2)
# So many are cancelled at once: until a million were, texts would go on leaving, and the clock would do nothing else.
_MOST_CANCELLED = 5_000


def starts_at(blast: Blast, *, now: datetime, undo_seconds: int) -> datetime:
    """Return when a blast that is approved `now` may start: at its time, and never before it can be undone."""
    soonest = now + timedelta(seconds=undo_seconds)
    return max(blast.send_at, soonest) if blast.send_at else soonest


def over(session: Session, *, now: datetime) -> list[UUID]:
    """Return the running blasts that have nothing left to send and nothing left to hear."""
    return list(session.scalars(sa.select(col(Blast.id)).where(*_is_over(now))))


def finish(session: Session, *, now: datetime) -> list[UUID]:
    """Finish the running blasts that are over; of several clocks one does it. Returns which."""
    finished = session.scalars(
        sa.update(Blast)
        .where(*_is_over(now))
        .values(status=move("finish", BlastStatus.SENDING), finished_at=now)
        .returning(col(Blast.id))
        .execution_options(synchronize_session=False)
    ).all()
    for blast_id in finished:
        outbox.record(session, BlastFinished(blast_id), now=now)
    return list(finished)


def cancel_waiting(session: Session, blast_id: UUID, *, now: datetime) -> None:
    """Cancel what waits of a blast: what is quickly done and nobody holds. The sweep does the rest."""
    waiting = (
        sa.select(col(Delivery.id))
        .where(*_waits(blast_id))
        .limit(_MOST_CANCELLED)
        .with_for_update(skip_locked=True)
        .cte("waiting")
    )
    session.execute(
        sa.update(Delivery)
        .where(col(Delivery.id).in_(sa.select(waiting.c.id)))
        .values(status=DeliveryStatus.CANCELLED, ended_at=now)
        .execution_options(synchronize_session=False)
    )


def unswept(session: Session, *, now: datetime) -> list[UUID]:
    """Return the cancelled blasts of which something waits all the same."""
    cancelled = session.scalars(
        sa.select(col(Blast.id)).where(
            col(Blast.status) == BlastStatus.CANCELLED, col(Blast.finished_at) > now - _LATE_AT_MOST
        )
    ).all()
    # One index probe a blast: together they might be sought among all that waits.
    probe = sa.select(sa.literal(1)).limit(1)
    return [blast_id for blast_id in cancelled if session.scalar(probe.where(*_waits(blast_id)))]


def sweep_cancelled(session: Session, *, now: datetime) -> None:
    """Cancel what waits although its blast was: there was much of it, it was being tried, or it was given back."""
    for blast_id in unswept(session, now=now):
        cancel_waiting(session, blast_id, now=now)


def _waits(blast_id: UUID) -> list[sa.ColumnElement[bool]]:
    return [col(Delivery.blast_id) == blast_id, col(Delivery.status) == DeliveryStatus.PENDING]


def _is_over(now: datetime) -> list[sa.ColumnElement[bool]]:
    of_this = col(Delivery.blast_id) == col(Blast.id)
    # An unknown that was left as it is has an end.
    is_waiting = sa.exists().where(of_this, col(Delivery.status).in_(WAITING), col(Delivery.ended_at).is_(None))
    is_awaited = sa.exists().where(
        of_this, col(Delivery.status).in_(IN_FLIGHT), col(Delivery.accepted_at) > now - _PATIENCE
    )
    return [col(Blast.status) == BlastStatus.SENDING, ~is_waiting, ~is_awaited]
