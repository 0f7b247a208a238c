"""How an unknown is settled when no callback did it: found at the provider, sent once more, or left to a person."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.channel import Outgoing, Trace
from core.domain.lifecycles import DeliveryStatus
from core.domain.receipts import Incoming
from core.models import Delivery, SkipReason
from core.usecases import receipts
from core.usecases.merging import merged

_LOOK_AGAIN = timedelta(minutes=1)
# What the provider still doesn't list after this long, it never took.
_NO_TRACE_AFTER = timedelta(minutes=15)
_MOST = 50


def has_due(session: Session, *, now: datetime) -> bool:
    """Tell whether an unknown is due to be looked up."""
    return session.scalar(sa.select(sa.literal(1)).where(*_is_due(now)).limit(1)) is not None


def take_due(session: Session, *, now: datetime) -> list[tuple[Outgoing, datetime]]:
    """Return the unknowns to look up, each with the instant of its claim; nobody else looks for them for a minute."""
    due = sa.select(col(Delivery.id)).where(*_is_due(now)).limit(_MOST).with_for_update(skip_locked=True).cte("due")
    taken = session.execute(
        sa.update(Delivery)
        .where(col(Delivery.id).in_(sa.select(due.c.id)))
        .values(not_before=now + _LOOK_AGAIN)
        .returning(
            col(Delivery.id),
            col(Delivery.attempt),
            col(Delivery.sender),
            col(Delivery.address),
            col(Delivery.body),
            col(Delivery.blast_id),
            col(Delivery.contact_id),
            col(Delivery.claimed_at),
        )
        .execution_options(synchronize_session=False)
    ).all()
    by_blast = groupby(sorted(taken, key=_blast_of), key=_blast_of)
    return [pair for _, rows in by_blast for pair in _outgoing(session, list(rows))]


def _blast_of(row: sa.Row[Any]) -> str:
    return str(row.blast_id)


def _outgoing(session: Session, rows: Sequence[sa.Row[Any]]) -> list[tuple[Outgoing, datetime]]:
    texts = merged(session, rows[0].blast_id, rows)
    return [
        (Outgoing(row.id, row.attempt, row.sender, row.address, text.body, text.segments), row.claimed_at)
        for row, text in zip(rows, texts, strict=True)
        # A contact that changed meanwhile: its text can't be compared any more, so a person decides.
        if not isinstance(text, SkipReason)
    ]


def settle(
    session: Session, found: Mapping[int, Trace | None], *, attempts: Mapping[int, int], may_resend: bool, now: datetime
) -> None:
    """Bring looked-up unknowns to where the provider says they are; what left no trace may be sent once more.

    `found`: by delivery id, what the provider knows, or None for no trace. `attempts`: which attempt was looked up.
    """
    traces = [
        Incoming(trace.sid, trace.status, trace.error_code, delivery_id=key, attempt=attempts[key])
        for key, trace in found.items()
        if trace is not None
    ]
    receipts.apply(session, traces, now=now)
    if may_resend:
        _resend(session, [key for key, trace in found.items() if trace is None], now=now)


def _resend(session: Session, ids: Sequence[int], *, now: datetime) -> None:
    session.execute(
        sa.update(Delivery)
        .where(
            col(Delivery.id).in_(ids),
            col(Delivery.status) == DeliveryStatus.UNKNOWN,
            col(Delivery.claimed_at) < now - _NO_TRACE_AFTER,
            col(Delivery.was_resent).is_(False),
        )
        .values(status=DeliveryStatus.PENDING, was_resent=True, not_before=now)
        .execution_options(synchronize_session=False)
    )


def _is_due(now: datetime) -> list[sa.ColumnElement[bool]]:
    return [col(Delivery.status) == DeliveryStatus.UNKNOWN, col(Delivery.not_before) <= now]
