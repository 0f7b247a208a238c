"""When a provider fails: its health is noted, what waits for it leaves through another one, and a few try it again.

Only what is known not to have left moves. An unknown never does, nor what was an unknown and is sent once more.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import DeliveryStatus
from core.domain.senders import Sender, provider_of
from core.models import ChannelName, Delivery, DeliveryKind, ProviderHealth
from core.models.dialect import insert
from core.usecases import assigning

# So many in a row are no coincidence.
_FAILURES_IN_A_ROW = 10
_IN_A_ROW_WITHIN = timedelta(minutes=5)
_DOWN_FOR = timedelta(minutes=1)
_PROBES = 3
_MOST = 5000
# What another one can't send soon stays: the first may be well again by then.
_MOST_AHEAD_S = 10
# The next so much is moved; what is due later may find the provider well again.
_AHEAD = timedelta(seconds=5)
# A conversation goes on from the number that it began with, however long that takes.
_MAY_MOVE = (DeliveryKind.BLAST, DeliveryKind.TEST)


def note(session: Session, provider: str, *, failed: int, succeeded: int, reason: str, now: datetime) -> bool:
    """Note how a provider's last calls went; returns whether it is down from now on, and wasn't before.

    `failed`: calls that came to nothing (no connection, too many requests), or whose answer was an error or got lost.
    """
    before = session.get(ProviderHealth, provider, with_for_update=True, populate_existing=True)
    failures = 0 if succeeded else (_still_counts(before, now) + failed)
    was_down = before is not None and before.down_until is not None and before.down_until > now
    down_until = now + _DOWN_FOR if failures >= _FAILURES_IN_A_ROW else None
    values = {"failures": failures, "down_until": down_until, "reason": reason[:200], "noted_at": now}
    session.execute(
        insert(session, ProviderHealth)
        .values(name=provider, **values)
        .on_conflict_do_update(index_elements=["name"], set_=values)
    )
    return down_until is not None and not was_down


def _still_counts(health: ProviderHealth | None, now: datetime) -> int:
    """Return how many failures in a row there were: of one that fails all of them, else those of late."""
    if health is None:
        return 0
    return health.failures if _is_failing(health) or health.noted_at > now - _IN_A_ROW_WITHIN else 0


def _is_failing(health: ProviderHealth) -> bool:
    return health.failures >= _FAILURES_IN_A_ROW


def may_try(session: Session, provider: str, *, now: datetime) -> int | None:
    """Return how many texts a failing provider may be given: none while it is down, then a few; None if it is well.

    The first that goes through brings the others back.
    """
    health = session.get(ProviderHealth, provider)
    if health is None or not _is_failing(health):
        return None
    return 0 if health.down_until and health.down_until > now else _PROBES


def trying(session: Session, provider: str, *, now: datetime) -> None:
    """Take a failing provider for down again, until it is known what became of those that try it."""
    session.execute(
        sa.update(ProviderHealth)
        .where(col(ProviderHealth.name) == provider, col(ProviderHealth.failures) >= _FAILURES_IN_A_ROW)
        .values(down_until=now + _DOWN_FOR)
        .execution_options(synchronize_session=False)
    )


def down(session: Session, *, now: datetime) -> frozenset[str]:
    """Name the providers that can't be reached now."""
    return frozenset(session.scalars(sa.select(col(ProviderHealth.name)).where(col(ProviderHealth.down_until) > now)))


def move(session: Session, senders: Sequence[Sender], *, now: datetime) -> int:
    """Have other providers' senders take over, by their paces, what waits for one that is down; returns how many.

    They take what they can send soon. `senders`: all that there are, of every provider. With no other provider it waits
    where it is.
    """
    failing = down(session, now=now)
    others = [sender for sender in senders if provider_of(sender.address) not in failing]
    stuck = [sender.address for sender in senders if provider_of(sender.address) in failing]
    if not (others and stuck):
        return 0
    room = _room(session, others, now=now)
    waiting = (
        sa.select(col(Delivery.id))
        .where(
            col(Delivery.sender).in_(stuck),
            col(Delivery.status) == DeliveryStatus.PENDING,
            col(Delivery.channel) == ChannelName.SMS,
            col(Delivery.kind).in_(_MAY_MOVE),
            col(Delivery.was_resent).is_(False),
            col(Delivery.not_before) <= now + _AHEAD,
        )
        .order_by(col(Delivery.priority), col(Delivery.not_before), col(Delivery.id))
        .limit(room)
        .with_for_update(skip_locked=True)
        .cte("waiting")
    )
    moved = session.scalars(
        sa.update(Delivery)
        .where(col(Delivery.id).in_(sa.select(waiting.c.id)))
        .values(sender=assigning.by_pace(col(Delivery.id), others))
        .returning(col(Delivery.id))
        .execution_options(synchronize_session=False)
    )
    return len(moved.all())


def _room(session: Session, others: Sequence[Sender], *, now: datetime) -> int:
    """Return how many more texts others can take: what they send in a while, less what waits for them already."""
    if not all(sender.segments_per_s for sender in others):
        return _MOST
    waiting = session.scalar(
        sa.select(sa.func.count()).where(
            col(Delivery.sender).in_([sender.address for sender in others]),
            col(Delivery.status) == DeliveryStatus.PENDING,
            col(Delivery.not_before) <= now + _AHEAD,
        )
    )
    pace = sum(sender.segments_per_s for sender in others)
    return max(min(math.ceil(pace * _MOST_AHEAD_S) - (waiting or 0), _MOST), 0)
