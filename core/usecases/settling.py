"""How an unknown is settled when no callback did it: found at the provider, sent once more, or left to a person."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain.channel import Outgoing, Trace
from core.domain.events import ConversationChanged
from core.domain.lifecycles import DeliveryStatus
from core.domain.receipts import Incoming
from core.models import Delivery, SkipReason
from core.usecases import receipts
from core.usecases.merging import merged

_LOOK_AGAIN = timedelta(minutes=1)
# Nobody waits for this look any more: it spares a person the decision.
_LOOK_SELDOM = timedelta(hours=1)
# What the provider still doesn't list after this long, it never took.
_NO_TRACE_AFTER = timedelta(minutes=15)
_MOST = 50
_MAYBE_SENT = (
    "It isn't known whether the text back arrived: we lost the provider's answer, and it lists no such text. "
    "Text back again if it matters."
)


def has_due(session: Session, *, now: datetime) -> bool:
    """Tell whether an unknown is due to be looked up."""
    return session.scalar(sa.select(sa.literal(1)).where(*_is_due(now)).limit(1)) is not None


def take_due(session: Session, *, now: datetime) -> list[tuple[Outgoing, datetime]]:
    """Return the unknowns to look up, each with the instant of its claim; nobody else looks for them for a minute.

    One whose text can't be made any more, since its contact changed, can't be found by it: a person decides.
    """
    due = sa.select(col(Delivery.id)).where(*_is_due(now)).limit(_MOST).with_for_update(skip_locked=True).cte("due")
    taken = session.execute(
        sa.update(Delivery)
        .where(col(Delivery.id).in_(sa.select(due.c.id)))
        .values(not_before=sa.case((col(Delivery.untraced_at).is_(None), now + _LOOK_AGAIN), else_=now + _LOOK_SELDOM))
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
    pairs = [pair for _, rows in by_blast for pair in _outgoing(session, list(rows))]
    found = {outgoing.delivery_id for outgoing, _ in pairs}
    _hand_over(session, [row.id for row in taken if row.id not in found], now=now)
    return pairs


def _blast_of(row: sa.Row[Any]) -> str:
    return str(row.blast_id)


def _outgoing(session: Session, rows: Sequence[sa.Row[Any]]) -> list[tuple[Outgoing, datetime]]:
    texts = merged(session, rows[0].blast_id, rows)
    return [
        (Outgoing(row.id, row.attempt, row.sender, row.address, text.body, text.segments), row.claimed_at)
        for row, text in zip(rows, texts, strict=True)
        if not isinstance(text, SkipReason)
    ]


def settle(
    session: Session, found: Mapping[int, Trace | None], *, attempts: Mapping[int, int], may_resend: bool, now: datetime
) -> None:
    """Bring looked-up unknowns to where the provider says they are; what left no trace may be sent once more.

    What then still is in doubt waits for a person, see `core.usecases.unknowns`.

    `found`: by delivery id, what the provider knows, or None for no trace. `attempts`: which attempt was looked up.
    """
    traces = [
        Incoming(trace.sid, trace.status, trace.error_code, delivery_id=key, attempt=attempts[key])
        for key, trace in found.items()
        if trace is not None
    ]
    receipts.apply(session, traces, now=now)
    untraced = [key for key, trace in found.items() if trace is None]
    if may_resend:
        _resend(session, untraced, now=now)
    _hand_over(session, untraced, now=now)


def _resend(session: Session, ids: Sequence[int], *, now: datetime) -> None:
    session.execute(
        sa.update(Delivery)
        .where(*_is_in_doubt(ids, now), col(Delivery.was_resent).is_(False))
        .values(status=DeliveryStatus.PENDING, was_resent=True, not_before=now)
        .execution_options(synchronize_session=False)
    )


def _hand_over(session: Session, ids: Sequence[int], *, now: datetime) -> None:
    """Have a person decide; whoever wrote a reply is told in its thread."""
    if not ids:
        return
    handed = session.execute(
        sa.update(Delivery)
        .where(*_is_in_doubt(ids, now))
        .values(untraced_at=now, not_before=now + _LOOK_SELDOM)
        .returning(col(Delivery.conversation_id))
        .execution_options(synchronize_session=False)
    )
    for conversation_id in handed.scalars():
        if conversation_id is not None:
            outbox.record(session, ConversationChanged(conversation_id, note=_MAYBE_SENT), now=now)


def _is_in_doubt(ids: Sequence[int], now: datetime) -> list[sa.ColumnElement[bool]]:
    return [
        col(Delivery.id).in_(ids),
        col(Delivery.status) == DeliveryStatus.UNKNOWN,
        col(Delivery.claimed_at) < now - _NO_TRACE_AFTER,
        col(Delivery.untraced_at).is_(None),
        col(Delivery.ended_at).is_(None),
    ]


def _is_due(now: datetime) -> list[sa.ColumnElement[bool]]:
    return [
        col(Delivery.status) == DeliveryStatus.UNKNOWN,
        col(Delivery.ended_at).is_(None),
        col(Delivery.not_before) <= now,
    ]
