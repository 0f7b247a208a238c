"""After a storm: time passes quickly until the blast has ended, and the provider's ledger is held against our own."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from time import monotonic

import dramatiq
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.clock import utc_now
from core.domain.lifecycles import IN_FLIGHT, WAITING, DeliveryStatus
from core.domain.receipts import ENDS
from core.models import Blast, Delivery, Receipt
from tests.chaos.storm import Storm, insist
from workers import broker

# By then nobody posts what they have claimed, and every call that is under way has been answered.
_LONGEST_CALL = timedelta(seconds=8)
_LONGEST_HOLD_S = 2.0
_A_QUARTER_OF_AN_HOUR = timedelta(minutes=16)
_PATIENCE_S = 120.0


@dataclass(frozen=True)
class Findings:
    """What must all be nothing."""

    doubles: int
    lost: int
    after_stop: int
    unaccounted: int
    unsettled: int
    unfinished: int
    unheard: int
    above_rate: int
    died: int

    @property
    def wrong(self) -> dict[str, int]:
        """What isn't nothing."""
        return {what: count for what, count in asdict(self).items() if count}


def await_end(storm: Storm) -> None:
    """Hurry everything on until the blast is over."""

    def is_over() -> bool:
        storm.resume()
        with storm.site.session() as session:
            _let_time_pass(session, calm_s=monotonic() - storm.calm_since)
        nudge("settle")
        return storm.site.is_over(storm.blast_id)

    with _nudging(storm) as nudge:
        insist(is_over, seconds=_PATIENCE_S)


def await_last_words(storm: Storm) -> None:
    """Hurry on the asking for what no callback has told; how much that was goes into the story."""
    storm.story.append(f"{len(_in_flight(storm))} without a last word")

    def are_all_heard() -> bool:
        long_ago = utc_now() - _A_QUARTER_OF_AN_HOUR
        with storm.site.session() as session:
            session.execute(sa.update(Blast).values(started_at=long_ago))
            due = {"accepted_at": long_ago, "not_before": long_ago}
            session.execute(sa.update(Delivery).where(col(Delivery.status).in_(IN_FLIGHT)).values(**due))
        nudge("poll_receipts")
        return not _in_flight(storm)

    with _nudging(storm) as nudge, suppress(AssertionError):  # told as a finding
        insist(are_all_heard, seconds=_PATIENCE_S / 2)


@contextmanager
def _nudging(storm: Storm) -> Iterator[Callable[[str], None]]:
    nudges = broker.make(storm.site.redis.url)
    nudges.declare_queue(broker.UPDATES)

    def nudge(actor: str) -> None:
        nudges.enqueue(dramatiq.Message(queue_name=broker.UPDATES, actor_name=actor, args=(), kwargs={}, options={}))

    yield nudge
    nudges.close()


def _in_flight(storm: Storm) -> list[str]:
    with db.reading(storm.site.engine) as session:
        return list(session.scalars(sa.select(col(Delivery.address)).where(col(Delivery.status).in_(IN_FLIGHT))))


def _let_time_pass(session: Session, *, calm_s: float) -> None:
    """Make what waits for its time old enough: a retry, a lease, a look-up, a last word from the provider."""
    now, status = utc_now(), col(Delivery.status)
    long_ago, claimed_at = now - _A_QUARTER_OF_AN_HOUR, col(Delivery.claimed_at)
    is_late = col(Delivery.not_before) > now
    # One that is ahead is a dead process's whose clock was, once all clocks are right for long enough.
    is_orphaned = claimed_at < now - _LONGEST_CALL
    if calm_s > _LONGEST_CALL.total_seconds():
        is_orphaned |= claimed_at > now + _LONGEST_CALL
    hurried = [
        ((status == DeliveryStatus.PENDING, is_late), {"not_before": now}),
        ((status.in_(IN_FLIGHT), col(Delivery.accepted_at) > long_ago), {"accepted_at": long_ago}),
    ]
    # A clock that was ahead has ended leases too early: whoever still holds such a claim posts or returns it by then.
    if calm_s > _LONGEST_HOLD_S:
        hurried += [
            ((status == DeliveryStatus.CLAIMED, is_orphaned), {"claimed_at": long_ago}),
            ((status == DeliveryStatus.UNKNOWN, is_late), {"claimed_at": long_ago, "not_before": now}),
        ]
    for which, values in hurried:
        session.execute(sa.update(Delivery).where(*which).values(**values).execution_options(synchronize_session=False))


def compare(storm: Storm, *, rate: float, held_up_s: float) -> Findings:
    """Hold the provider's ledger against the database, and against the rate.

    `held_up_s`: so long may the stand-in itself be held up, which then sees at once what came to it one by one.
    """
    crowd = set(storm.crowd)
    taken = Counter(text["to"] for text in storm.site.stand_ins.texts() if text["to"] in crowd)
    with db.reading(storm.site.engine) as session:
        rows = session.execute(
            sa.select(col(Delivery.address), col(Delivery.status)).where(col(Delivery.blast_id) == storm.blast_id)
        ).all()
        receipts = session.scalar(sa.select(sa.func.count()).select_from(Receipt))
    totals = storm.site.stand_ins.ledger()
    storm.story.append(f"callbacks {totals['callbacks']}")
    storm.story += [f"{name} died" for name in storm.site.dead()]
    storm.story.append(f"{len(taken)} texts, {dict(Counter(str(row.status) for row in rows))}, {receipts} receipts")
    left = {row.address for row in rows if row.status in ENDS | IN_FLIGHT}
    skipped = {row.address for row in rows if row.status is DeliveryStatus.SKIPPED}
    return Findings(
        doubles=sum(times - 1 for times in taken.values()),
        lost=len(left - taken.keys()) + len(crowd - taken.keys() - skipped),
        after_stop=int(totals["after_stop"]),
        unaccounted=len(taken.keys() - left) + len(skipped - storm.stopped) + abs(len(rows) - len(crowd)),
        unsettled=sum(row.status in WAITING for row in rows),
        unfinished=int(not storm.site.is_over(storm.blast_id)),
        unheard=len(_in_flight(storm)),
        above_rate=_above_rate(storm, rate, held_up_s),
        died=len(storm.site.dead()),
    )


def _above_rate(storm: Storm, rate: float, held_up_s: float) -> int:
    """Return by how many segments the busiest second went beyond what is promised."""
    senders = storm.site.stand_ins.ask("GET", "/ui/ledger/windows")["senders"]
    busiest: int = max(one["max_segments"] for one in senders.values())
    allowed = rate * (1 + held_up_s) + max(1, rate * 0.02)
    storm.story.append(f"{busiest} in the busiest second, {allowed:.1f} allowed")
    return max(0, math.ceil(busiest - allowed))
