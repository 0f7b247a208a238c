"""The first few of a blast go alone: the rest follows by itself when they arrived, and waits for a person when not."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import WAITING, BlastStatus, DeliveryStatus
from core.domain.receipts import ENDS
from core.models import Blast, CanaryStatus, Delivery
from core.usecases import brakes

_PRIORITY = 4
# The area code of a number in North America; elsewhere the country and the first digits.
_AREA = 5
_GREEN_ARRIVED = 0.9
_AMBER_FAILED = 0.05
_RED_FAILED = 0.2

_TRYING = sa.select(col(Blast.id)).where(
    col(Blast.status) == BlastStatus.SENDING, col(Blast.canary) == CanaryStatus.TRYING
)

Verdict = Literal["green", "amber", "red"]


def choose(session: Session, blast_id: UUID, *, size: int, now: datetime) -> None:
    """Choose whom a planned blast is tried on: `size` recipients, spread over area codes.

    Who sleeps is chosen only when too few are awake: all others would wait for them.
    """
    area = sa.func.substr(col(Delivery.address), 1, _AREA)
    sleeps = sa.case((col(Delivery.not_before) > now, 1), else_=0)
    turn = sa.func.row_number().over(partition_by=(sleeps, area), order_by=col(Delivery.id)).label("turn")
    spread = (
        sa.select(col(Delivery.id), sleeps.label("sleeps"), turn)
        .where(col(Delivery.blast_id) == blast_id, col(Delivery.status) == DeliveryStatus.PENDING)
        .subquery("spread")
    )
    chosen = sa.select(spread.c.id).order_by(spread.c.sleeps, spread.c.turn, spread.c.id).limit(size)
    session.execute(
        sa.update(Delivery)
        .where(col(Delivery.id).in_(chosen))
        .values(priority=_PRIORITY)
        .execution_options(synchronize_session=False)
    )
    session.execute(sa.update(Blast).where(col(Blast.id) == blast_id).values(canary=CanaryStatus.TRYING))


def trying(session: Session) -> list[UUID]:
    """Return the running blasts of which only the canary may leave as yet."""
    return list(session.scalars(_TRYING))


def judge(session: Session, blast_id: UUID, *, patience_s: int, now: datetime) -> Verdict | None:
    """Let the rest follow (green), hold the blast for a person (amber, red), or wait on (None).

    Green: nine in ten arrived and hardly any failed. Red: one in five failed. Amber: anything else once the last of
    them has been gone for `patience_s`. None also where it is tried no more.
    """
    # Since it was found another clock may have held it, and a person resumed it: nothing holds it for the same again.
    if session.scalar(_TRYING.where(col(Blast.id) == blast_id).with_for_update()) is None:
        return None
    counts: Counter[DeliveryStatus] = Counter()
    last_left: list[datetime] = []
    rows = session.execute(
        sa.select(col(Delivery.status), col(Delivery.accepted_at), col(Delivery.ended_at)).where(
            col(Delivery.blast_id) == blast_id, col(Delivery.priority) == _PRIORITY
        )
    )
    is_waiting = False
    for status, accepted_at, ended_at in rows:
        counts[status] += 1
        is_waiting |= status in WAITING and ended_at is None
        last_left += [accepted_at] if accepted_at else []
    if is_waiting:
        return None
    verdict = _verdict(counts, is_due=not last_left or now - max(last_left) > timedelta(seconds=patience_s))
    if verdict == "green":
        session.execute(sa.update(Blast).where(col(Blast.id) == blast_id).values(canary=CanaryStatus.PASSED))
    elif verdict is not None:
        brakes.hold(session, blast_id, _sentence(counts, verdict), now=now)
    return verdict


def _verdict(counts: Counter[DeliveryStatus], *, is_due: bool) -> Verdict | None:
    tried = _tried(counts)
    if not tried:
        return "green"  # everybody chosen was skipped: there is nothing to learn from them
    failed = _failed(counts) / tried
    if failed >= _RED_FAILED:
        return "red"
    if counts[DeliveryStatus.DELIVERED] / tried >= _GREEN_ARRIVED and failed <= _AMBER_FAILED:
        return "green"
    is_known = sum(counts[status] for status in (*ENDS, DeliveryStatus.REFUSED)) == tried
    return "amber" if is_known or is_due else None


def _sentence(counts: Counter[DeliveryStatus], verdict: Verdict) -> str:
    told = (
        f"Of the first {_tried(counts)} texts {counts[DeliveryStatus.DELIVERED]} arrived and {_failed(counts)} failed. "
    )
    if verdict == "red":
        return told + "Don't go on before you know why: the causes are below. Cancel, or resume to send the rest."
    return told + "Look whether that is what you expect, then resume to send the rest, or cancel."


def _tried(counts: Counter[DeliveryStatus]) -> int:
    return sum(count for status, count in counts.items() if status is not DeliveryStatus.SKIPPED)


def _failed(counts: Counter[DeliveryStatus]) -> int:
    return sum(counts[status] for status in (DeliveryStatus.UNDELIVERED, DeliveryStatus.FAILED, DeliveryStatus.REFUSED))
