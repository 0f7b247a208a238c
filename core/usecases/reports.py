"""How a blast is doing: counts by state, pace, and when it will be done."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import IN_FLIGHT, WAITING, BlastStatus, DeliveryStatus
from core.models import Blast, Delivery

_RATE_WINDOW = timedelta(seconds=10)
_MOST_INSTANTS = 200
_MOST_OPENINGS = 8


@dataclass(frozen=True, slots=True)
class Progress:
    """The counts of a blast at one instant. `rate`: messages per second of late; `failures`: by provider code.

    Of the unknowns, `undecided` wait for a person, and `left` are as final as they can be. `maybe_twice`: what the
    provider took under two ids, since it was sent again before the first answer came. `openings`: how many wait for
    which instant, the next few, before they are tried for the first time; `waits_until`: the last of all of them.
    """

    counts: Mapping[DeliveryStatus, int]
    skipped: Mapping[str, int]
    failures: Mapping[int, int]
    rate: float
    left_at: datetime | None
    waits_until: datetime | None
    undecided: int = 0
    left: int = 0
    maybe_twice: int = 0
    openings: Sequence[tuple[datetime, int]] = ()

    @property
    def recipients(self) -> int:
        """How many were planned."""
        return sum(self.counts.values())

    @property
    def waiting(self) -> int:
        """How many have not left, or are not known to have."""
        return sum(self.counts.get(status, 0) for status in WAITING) - self.left

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
        ends = now + timedelta(seconds=(pending - sum(count for _, count in self.openings)) / self.rate)
        for opens_at, count in self.openings:
            ends = max(ends, opens_at) + timedelta(seconds=count / self.rate)
        return max(ends, self.waits_until or now)

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
    if counts[DeliveryStatus.PENDING] and _is_cancelled(session, blast_id):
        counts[DeliveryStatus.CANCELLED] += counts.pop(DeliveryStatus.PENDING)  # the sweep only hasn't come to it yet
    undecided, left = _unknowns(session, blast_id) if counts[DeliveryStatus.UNKNOWN] else (0, 0)
    return Progress(
        counts=counts,
        skipped=skipped,
        failures=_failures(session, blast_id, counts),
        rate=_rate(session, blast_id, now),
        left_at=session.scalar(sa.select(sa.func.max(Delivery.accepted_at)).where(col(Delivery.blast_id) == blast_id)),
        waits_until=_waits_until(session, blast_id, now),
        undecided=undecided,
        left=left,
        maybe_twice=_maybe_twice(session, blast_id),
        openings=_openings(session, blast_id, now),
    )


def _is_cancelled(session: Session, blast_id: UUID) -> bool:
    return session.scalar(sa.select(col(Blast.status)).where(col(Blast.id) == blast_id)) is BlastStatus.CANCELLED


def _unknowns(session: Session, blast_id: UUID) -> tuple[int, int]:
    """Count the unknowns that wait for a person, and those that were left as they are."""
    is_open = col(Delivery.ended_at).is_(None)
    row = session.execute(
        sa.select(
            sa.func.count().filter(is_open, col(Delivery.untraced_at).is_not(None)), sa.func.count().filter(~is_open)
        ).where(col(Delivery.blast_id) == blast_id, col(Delivery.status) == DeliveryStatus.UNKNOWN)
    ).one()
    return row[0], row[1]


def _maybe_twice(session: Session, blast_id: UUID) -> int:
    query = sa.select(sa.func.count()).where(col(Delivery.blast_id) == blast_id, col(Delivery.other_sid).is_not(None))
    return session.scalar(query) or 0


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


def _openings(session: Session, blast_id: UUID, now: datetime) -> list[tuple[datetime, int]]:
    """Count who waits for the same instant, as those do whose quiet hours end then: a minute is as good as another."""
    rows = session.execute(
        sa.select(col(Delivery.not_before), sa.func.count())
        .where(
            col(Delivery.blast_id) == blast_id,
            col(Delivery.status) == DeliveryStatus.PENDING,
            col(Delivery.not_before) > now,
            col(Delivery.attempt) == 0,
        )
        .group_by(col(Delivery.not_before))
        .order_by(col(Delivery.not_before))
        .limit(_MOST_INSTANTS)
    )
    openings: Counter[datetime] = Counter()
    for at, count in rows:
        openings[at.replace(second=0, microsecond=0)] += count
    return list(openings.items())[:_MOST_OPENINGS]


def _waits_until(session: Session, blast_id: UUID, now: datetime) -> datetime | None:
    """Return when the last recipient who must wait (quiet hours, a retry) may be messaged."""
    latest: datetime | None = session.scalar(
        sa.select(sa.func.max(Delivery.not_before)).where(
            col(Delivery.blast_id) == blast_id, col(Delivery.status) == DeliveryStatus.PENDING
        )
    )
    return latest if latest and latest > now else None
