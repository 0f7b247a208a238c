"""When a provider fails: its health is noted, and what waits for it leaves through another one meanwhile.

Only what is known not to have left moves. An unknown never does, nor what was an unknown and is sent once more.
"""

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
_MOST = 5000
# The next so much is moved; what is due later may find the provider well again.
_AHEAD = timedelta(seconds=5)
# A conversation goes on from the number that it began with, however long that takes.
_MAY_MOVE = (DeliveryKind.BLAST, DeliveryKind.TEST)


def note(session: Session, provider: str, *, failed: int, succeeded: int, reason: str, now: datetime) -> bool:
    """Note how a provider's last calls went; returns whether it is down from now on, and wasn't before.

    `failed`: calls that surely came to nothing (no connection, too many requests).
    """
    before = session.get(ProviderHealth, provider, with_for_update=True, populate_existing=True)
    is_recent = before is not None and before.noted_at > now - _IN_A_ROW_WITHIN
    failures = 0 if succeeded else (before.failures if before and is_recent else 0) + failed
    was_down = before is not None and before.down_until is not None and before.down_until > now
    down_until = now + _DOWN_FOR if failures >= _FAILURES_IN_A_ROW else None
    values = {"failures": failures, "down_until": down_until, "reason": reason[:200], "noted_at": now}
    session.execute(
        insert(session, ProviderHealth)
        .values(name=provider, **values)
        .on_conflict_do_update(index_elements=["name"], set_=values)
    )
    return down_until is not None and not was_down


def down(session: Session, *, now: datetime) -> frozenset[str]:
    """Name the providers that can't be reached now."""
    return frozenset(session.scalars(sa.select(col(ProviderHealth.name)).where(col(ProviderHealth.down_until) > now)))


def move(session: Session, senders: Sequence[Sender], *, now: datetime) -> int:
    """Have other providers' senders take over, by their paces, what waits for one that is down; returns how many.

    `senders`: all that there are, of every provider. With no other provider it waits where it is.
    """
    failing = down(session, now=now)
    others = [sender for sender in senders if provider_of(sender.address) not in failing]
    stuck = [sender.address for sender in senders if provider_of(sender.address) in failing]
    if not (others and stuck):
        return 0
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
        .limit(_MOST)
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
