"""How a blast is doing: counts by state, pace, and when it will be done."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import IN_FLIGHT, WAITING, DeliveryStatus
from core.models import Delivery

_RATE_WINDOW = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Progress:
    """The counts of a blast at one instant. `rate`: messages per second of late; `failures`: by provider code."""

    counts: Mapping[DeliveryStatus, int]
    skipped: Mapping[str, int]
    failures: Mapping[int, int]
    rate: float
    left_at: datetime | None
    waits_until: datetime | None

    @property
    def recipients(self) -> int:
        """How many were planned."""
        return sum(self.counts.values())

    @property
    def waiting(self) -> int:
        """How many have not left, or are not known to have."""
        return sum(self.counts.get(status, 0) for status in WAITING)

    @property
    def in_flight(self) -> int:
        """How many the provider has taken and not yet reported the end of."""
        return sum(self.counts.get(status, 0) for status in IN_FLIGHT)

    def eta(self, now: datetime) -> datetime | None:
        """Return when the last will have left at the present pace, or None while nothing moves."""
        pending = self.counts.get(DeliveryStatus.PENDING, 0)
        if not pending:
            return now
        if not self.rate:
            return self.waits_until
        return max(now + timedelta(seconds=pending / self.rate), self.waits_until or now)

    def as_json(self) -> dict[str, object]:
        """Return the counts under the names that `blast status --json` promises."""
        told = ("pending", "claimed", "accepted", "sent", "delivered", "undelivered", "failed", "refused", "unknown")
        return {
            **{name: self.counts.get(DeliveryStatus(name), 0) for name in told},
            "skipped": dict(self.skipped),
            "cancelled": self.counts.get(DeliveryStatus.CANCELLED, 0),
            "expired": self.counts.get(DeliveryStatus.EXPIRED, 0),
        }


def progress(session: Session, blast_id: UUID, *, now: datetime) -> Progress:
    """Count a blast's deliveries; before it was planned there are none."""
    counts: Counter[DeliveryStatus] = Counter()
    skipped: dict[str, int] = {}
    rows = session.execute(
        sa.select(col(Delivery.status), col(Delivery.skip_reason), sa.func.count())
        .where(col(Delivery.blast_id) == blast_id)
        .group_by(col(Delivery.status), col(Delivery.skip_reason))
    )
    for status, reason, count in rows:
        counts[status] += count
        if reason is not None:
            skipped[reason.value] = count
    return Progress(
        counts=counts,
        skipped=skipped,
        failures=_failures(session, blast_id, counts),
        rate=_rate(session, blast_id, now),
        left_at=session.scalar(sa.select(sa.func.max(Delivery.accepted_at)).where(col(Delivery.blast_id) == blast_id)),
        waits_until=_waits_until(session, blast_id, now),
    )


def _failures(session: Session, blast_id: UUID, counts: Mapping[DeliveryStatus, int]) -> dict[int, int]:
    failed = [s for s in (DeliveryStatus.UNDELIVERED, DeliveryStatus.FAILED, DeliveryStatus.REFUSED) if counts.get(s)]
    if not failed:
        return {}
    rows = session.execute(
        sa.select(col(Delivery.error_code), sa.func.count())
        .where(col(Delivery.blast_id) == blast_id, col(Delivery.status).in_(failed))
        .group_by(col(Delivery.error_code))
        .order_by(sa.func.count().desc())
    )
    return {row[0]: row[1] for row in rows}


def _rate(session: Session, blast_id: UUID, now: datetime) -> float:
    left = session.scalar(
        sa.select(sa.func.count()).where(
            col(Delivery.blast_id) == blast_id, col(Delivery.accepted_at) > now - _RATE_WINDOW
        )
    )
    return (left or 0) / _RATE_WINDOW.total_seconds()


def _waits_until(session: Session, blast_id: UUID, now: datetime) -> datetime | None:
    """Return when the last recipient who must wait (quiet hours, a retry) may be messaged."""
    latest: datetime | None = session.scalar(
        sa.select(sa.func.max(Delivery.not_before)).where(
            col(Delivery.blast_id) == blast_id, col(Delivery.status) == DeliveryStatus.PENDING
        )
    )
    return latest if latest and latest > now else None
