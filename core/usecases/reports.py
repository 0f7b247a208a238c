"""How a blast is doing: counts by state, pace, and when it will be done."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import settings
from core.domain.caps import next_midnight
from core.domain.lifecycles import IN_FLIGHT, WAITING, BlastStatus, DeliveryStatus
from core.models import Blast, Delivery, SenderDay

_RATE_WINDOW = timedelta(seconds=10)
_SHORTEST_S = 1.0
_MOST_INSTANTS = 200
_MOST_OPENINGS = 8

_BLAST = sa.select(col(Blast.status), col(Blast.started_at), col(Blast.resumed_at))


@dataclass(frozen=True, slots=True)
class Progress:
    """The counts of a blast at one instant. `rate`: messages per second of late; `failures`: by provider code.

    Of the unknowns, `undecided` wait for a person, and `left` are as final as they can be. `maybe_twice`: what the
    provider took under two ids, since it was sent again before the first answer came. `openings`: how many wait for
    which instant, the next few, before they are tried for the first time; `waits_until`: the last of all of them.
    `is_starting`: it was started, or resumed, a moment ago. `capped_until`: before then the senders' daily caps leave
    no room for all.
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
    is_starting: bool = False
    capped_until: datetime | None = None

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
            return max((at for at in (self.waits_until, self.capped_until) if at), default=None)
        ends = now + timedelta(seconds=(pending - sum(count for _, count in self.openings)) / self.rate)
        for opens_at, count in self.openings:
            ends = max(ends, opens_at) + timedelta(seconds=count / self.rate)
        return max(ends, self.waits_until or now, self.capped_until or now)

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
    blast = session.execute(_BLAST.where(col(Blast.id) == blast_id)).one()
    if blast.status is BlastStatus.CANCELLED:
        counts[DeliveryStatus.CANCELLED] += counts.pop(DeliveryStatus.PENDING, 0)  # not swept yet
    since = blast.resumed_at or blast.started_at
    undecided, left = _unknowns(session, blast_id) if counts[DeliveryStatus.UNKNOWN] else (0, 0)
    return Progress(
        counts=counts,
        skipped=skipped,
        failures=_failures(session, blast_id, counts),
        rate=_rate(session, blast_id, since, now),
        left_at=session.scalar(sa.select(sa.func.max(Delivery.accepted_at)).where(col(Delivery.blast_id) == blast_id)),
        waits_until=_waits_until(session, blast_id, now),
        undecided=undecided,
        left=left,
        maybe_twice=_maybe_twice(session, blast_id),
        openings=_openings(session, blast_id, now),
        is_starting=since is not None and since > now - _RATE_WINDOW,
        capped_until=_capped_until(session, counts[DeliveryStatus.PENDING], now),
    )


def _capped_until(session: Session, pending: int, now: datetime) -> datetime | None:
    """Return from when the last of them may leave, as far as daily caps go; None where today has room for all."""
    config = settings.current()
    if not config.daily_cap or not pending:
        return None
    resets_at = next_midnight(config.daily_cap_zone, now)
    addresses = [sender.address for sender in config.senders]
    is_today = (col(SenderDay.sender).in_(addresses), col(SenderDay.resets_at) == resets_at)
    sent = session.scalar(sa.select(sa.func.sum(SenderDay.sent)).where(*is_today)) or 0
    a_day = config.daily_cap * max(len(addresses), 1)
    more_days = math.ceil((pending - max(a_day - sent, 0)) / a_day)
    return resets_at + timedelta(days=more_days - 1) if more_days > 0 else None


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


def _rate(session: Session, blast_id: UUID, since: datetime | None, now: datetime) -> float:
    begins = max(since or now, now - _RATE_WINDOW)
    left = session.scalar(
        sa.select(sa.func.count()).where(col(Delivery.blast_id) == blast_id, col(Delivery.accepted_at) > begins)
    )
    return (left or 0) / max((now - begins).total_seconds(), _SHORTEST_S)


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
