"""A claim that its process didn't live to tell of: once its lease is over, it is unknown whether it has left."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import LEASE_ENDED, DeliveryStatus
from core.models import Delivery


def has_stale(session: Session, *, lease: timedelta, now: datetime) -> bool:
    """Tell whether a claim is older than `lease`."""
    return session.scalar(sa.select(sa.literal(1)).where(*_is_stale(lease, now)).limit(1)) is not None


def end(session: Session, *, lease: timedelta, now: datetime) -> int:
    """Call unknown what was claimed longer than `lease` ago: its process died, or its answer was lost.

    Returns how many.
    """
    ended = session.execute(
        sa.update(Delivery)
        .where(*_is_stale(lease, now))
        .values(status=DeliveryStatus.UNKNOWN, error=LEASE_ENDED, not_before=now)
        .execution_options(synchronize_session=False)
    )
    return int(ended.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it


def _is_stale(lease: timedelta, now: datetime) -> list[sa.ColumnElement[bool]]:
    return [col(Delivery.status) == DeliveryStatus.CLAIMED, col(Delivery.claimed_at) < now - lease]
