"""After a storm: time passes quickly until the blast has ended, and the provider's ledger is held against our own."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import timedelta

import dramatiq
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.clock import utc_now
from core.domain.lifecycles import IN_FLIGHT, WAITING, DeliveryStatus
from core.domain.receipts import ENDS
from core.models import Delivery, Receipt
from tests.chaos.storm import Storm, insist
from workers import broker

# By then nobody posts what they have claimed, and every call that is under way has been answered.
_LONGEST_CALL = timedelta(seconds=8)
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
    died: int

    @property
    def wrong(self) -> dict[str, int]:
        """What isn't nothing."""
        return {what: count for what, count in asdict(self).items() if count}


def await_end(storm: Storm) -> None:
    """Hurry everything on until the blast is over."""
    nudges = broker.make(storm.site.redis.url)
    nudges.declare_queue(broker.UPDATES)

    def is_over() -> bool:
        storm.resume()
        with storm.site.session() as session:
            _let_time_pass(session)
        nudges.enqueue(dramatiq.Message(queue_name=broker.UPDATES, actor_name="settle", args=(), kwargs={}, options={}))
        return storm.site.is_over(storm.blast_id)

    insist(is_over, seconds=_PATIENCE_S)
    nudges.close()


def _let_time_pass(session: Session) -> None:
    """Make what waits for its time old enough: a retry, a lease, a look-up, a last word from the provider."""
    now, is_status = utc_now(), col(Delivery.status)
    long_ago = now - _A_QUARTER_OF_AN_HOUR
    for which, values in (
        ((is_status == DeliveryStatus.PENDING, col(Delivery.not_before) > now), {"not_before": now}),
        (
            (is_status == DeliveryStatus.CLAIMED, col(Delivery.claimed_at) < now - _LONGEST_CALL),
            {"claimed_at": long_ago},
        ),
        (
            (is_status == DeliveryStatus.UNKNOWN, col(Delivery.not_before) > now),
            {"claimed_at": long_ago, "not_before": now},
        ),
        ((is_status.in_(IN_FLIGHT), col(Delivery.accepted_at) > long_ago), {"accepted_at": long_ago}),
    ):
        session.execute(sa.update(Delivery).where(*which).values(**values).execution_options(synchronize_session=False))


def compare(storm: Storm) -> Findings:
    """Hold the provider's ledger against the database."""
    crowd = set(storm.crowd)
    taken = Counter(text["to"] for text in storm.site.stand_ins.texts() if text["to"] in crowd)
    with db.reading(storm.site.engine) as session:
        rows = session.execute(
            sa.select(col(Delivery.address), col(Delivery.status)).where(col(Delivery.blast_id) == storm.blast_id)
        ).all()
        receipts = session.scalar(sa.select(sa.func.count()).select_from(Receipt))
    storm.story += [f"{name} died" for name in storm.site.dead()]
    storm.story.append(f"{len(taken)} texts, {dict(Counter(str(row.status) for row in rows))}, {receipts} receipts")
    left = {row.address for row in rows if row.status in ENDS | IN_FLIGHT}
    skipped = {row.address for row in rows if row.status is DeliveryStatus.SKIPPED}
    return Findings(
        doubles=sum(times - 1 for times in taken.values()),
        lost=len(left - taken.keys()) + len(crowd - taken.keys() - skipped),
        after_stop=int(storm.site.stand_ins.ledger()["after_stop"]),
        unaccounted=len(taken.keys() - left) + len(skipped - storm.stopped) + abs(len(rows) - len(crowd)),
        unsettled=sum(row.status in WAITING for row in rows),
        unfinished=int(not storm.site.is_over(storm.blast_id)),
        died=len(storm.site.dead()),
    )
