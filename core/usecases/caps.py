"""How much a sender may send in a day, and how often somebody may be messaged by a channel: what is beyond waits."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import DeliveryStatus
from core.models import ChannelName, Delivery, DeliveryKind, SenderDay
from core.models.dialect import insert

# So many are held at once: as long as they are, no other sender claims anything, replies included.
_MOST_HELD = 5_000


def allowance(session: Session, sender: str, *, cap: int, resets_at: datetime) -> int:
    """Return how many more messages a sender may send before `resets_at`.

    Its day is locked until the end of the transaction: what two processes claim together stays within the cap.
    """
    session.execute(
        insert(session, SenderDay).values(sender=sender, resets_at=resets_at, sent=0).on_conflict_do_nothing()
    )
    sent = session.scalars(sa.select(col(SenderDay.sent)).where(*_is(sender, resets_at)).with_for_update()).one()
    return max(cap - sent, 0)


def spend(session: Session, sender: str, *, count: int, resets_at: datetime) -> None:
    """Count messages that were claimed, or, below zero, given back."""
    session.execute(
        sa.update(SenderDay)
        .where(*_is(sender, resets_at))
        .values(sent=col(SenderDay.sent) + count)
        .execution_options(synchronize_session=False)
    )


def hold(session: Session, *, until: datetime) -> int:
    """Have all blasts' texts wait until the next day; replies and answers go on. Returns how many."""
    held = session.execute(
        sa.update(Delivery)
        .where(*_must_wait(until))
        .values(not_before=until)
        .execution_options(synchronize_session=False)
    )
    return int(held.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it


def hold_some(session: Session, sender: str, *, until: datetime) -> int:
    """Have some thousands of one sender's wait, and nothing that others are busy with: its cap keeps the rest."""
    waiting = (
        sa.select(col(Delivery.id))
        .where(col(Delivery.sender) == sender, *_must_wait(until))
        .limit(_MOST_HELD)
        .with_for_update(skip_locked=True)
        .cte("waiting")
    )
    held = session.scalars(
        sa.update(Delivery)
        .where(col(Delivery.id).in_(sa.select(waiting.c.id)))
        .values(not_before=until)
        .returning(col(Delivery.id))
        .execution_options(synchronize_session=False)
    )
    return len(held.all())


def _must_wait(until: datetime) -> list[sa.ColumnElement[bool]]:
    return [
        col(Delivery.status) == DeliveryStatus.PENDING,
        col(Delivery.kind) == DeliveryKind.BLAST,
        col(Delivery.channel) == ChannelName.SMS,
        col(Delivery.not_before) < until,
    ]


def forget(session: Session, *, before: datetime) -> None:
    """Forget days that are over."""
    session.execute(sa.delete(SenderDay).where(col(SenderDay.resets_at) < before))


def _is(sender: str, resets_at: datetime) -> list[sa.ColumnElement[bool]]:
    return [col(SenderDay.sender) == sender, col(SenderDay.resets_at) == resets_at]
