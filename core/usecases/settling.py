"""How an unknown is settled when no callback did it: found at the provider, sent once more, or left to a person."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain.channel import Outgoing, Trace
from core.domain.events import ConversationChanged
from core.domain.lifecycles import DeliveryStatus
from core.domain.receipts import Incoming
from core.domain.senders import TWILIO
from core.models import Contact, Delivery, SkipReason
from core.usecases import receipts
from core.usecases.merging import Text, merged

_LOOK_AGAIN = timedelta(minutes=1)
# Nobody waits for this look any more: it spares a person the decision.
_LOOK_SELDOM = timedelta(hours=1)
# What the provider still doesn't list after this long, it never took.
_NO_TRACE_AFTER = timedelta(minutes=15)
# Looks are a minute apart whatever the clock says: were it put forward, fifteen minutes would be over at once, and the
# call may still be under way.
_FEWEST_LOOKS = 3
_MOST = 50
_MAYBE_SENT = (
    "It isn't known whether the text back arrived: we lost the provider's answer, and it lists no such text. "
    "Text back again if it matters."
)


def has_due(session: Session, *, now: datetime) -> bool:
    """Tell whether an unknown is due to be looked up."""
    return session.scalar(sa.select(sa.literal(1)).where(*_is_due(now)).limit(1)) is not None


def take_due(session: Session, *, but: Collection[str] = (), now: datetime) -> list[tuple[Outgoing, datetime]]:
    """Return the unknowns to look up, each with the instant of its claim; nobody else looks for them for a minute.

    `but`: none of these providers'. One whose contact changed since has no text: it is no longer known what it said.
    """
    due = (
        sa.select(col(Delivery.id))
        .where(*_is_due(now), *(sa.not_(_is_from(provider)) for provider in but))
        # Those that were looked up least, so that a storm of them keeps none from its first look.
        .order_by(col(Delivery.looks), col(Delivery.not_before))
        .limit(_MOST)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
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
    return [pair for _, rows in by_blast for pair in _outgoing(session, list(rows))]


def sids_of_others(session: Session, sought: Sequence[tuple[Outgoing, datetime]]) -> set[str]:
    """Return the provider's ids of whatever else went to these addresses: none of them is what is sought."""
    found = session.execute(
        sa.select(col(Delivery.provider_sid), col(Delivery.other_sid)).where(
            col(Delivery.address).in_({outgoing.address for outgoing, _ in sought}),
            col(Delivery.id).not_in([outgoing.delivery_id for outgoing, _ in sought]),
            col(Delivery.provider_sid).is_not(None),
        )
    )
    return {sid for row in found for sid in row if sid}


def _blast_of(row: sa.Row[Any]) -> str:
    return str(row.blast_id)


def _outgoing(session: Session, rows: Sequence[sa.Row[Any]]) -> list[tuple[Outgoing, datetime]]:
    texts = merged(session, rows[0].blast_id, rows)
    changed_at = _changes_of(session, [row.contact_id for row in rows if row.contact_id])
    return [
        (_sought(row, text, changed_at.get(row.contact_id)), row.claimed_at)
        for row, text in zip(rows, texts, strict=True)
    ]


def _sought(row: sa.Row[Any], text: Text | SkipReason, changed_at: datetime | None) -> Outgoing:
    is_told = row.body is not None
    has_changed = not is_told and changed_at is not None and changed_at > row.claimed_at
    body = "" if has_changed or isinstance(text, SkipReason) else text.body
    return Outgoing(row.id, row.attempt, row.sender, row.address, body)


def _changes_of(session: Session, contact_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    found = session.execute(sa.select(col(Contact.id), col(Contact.updated_at)).where(col(Contact.id).in_(contact_ids)))
    return {row[0]: row[1] for row in found}


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
    _count_looks(session, list(found))
    receipts.apply(session, traces, now=now)
    untraced = [key for key, trace in found.items() if trace is None]
    if may_resend:
        _resend(session, untraced, now=now)
    _hand_over(session, untraced, now=now)


def _count_looks(session: Session, ids: Sequence[int]) -> None:
    """Count the looks that were answered: a provider that doesn't answer says nothing about what it has."""
    session.execute(
        sa.update(Delivery)
        .where(col(Delivery.id).in_(ids), col(Delivery.looks) < _FEWEST_LOOKS)
        .values(looks=col(Delivery.looks) + 1)
        .execution_options(synchronize_session=False)
    )


def _resend(session: Session, ids: Sequence[int], *, now: datetime) -> None:
    session.execute(
        sa.update(Delivery)
        .where(*_is_in_doubt(ids, now), col(Delivery.was_resent).is_(False))
        .values(status=DeliveryStatus.PENDING, was_resent=True, looks=0, not_before=now)
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
        col(Delivery.looks) >= _FEWEST_LOOKS,
        col(Delivery.untraced_at).is_(None),
        col(Delivery.ended_at).is_(None),
    ]


def _is_from(provider: str) -> sa.ColumnElement[bool]:
    sender = col(Delivery.sender)
    return sa.not_(sender.contains(":")) if provider == TWILIO else sender.startswith(f"{provider}:", autoescape=True)


def _is_due(now: datetime) -> list[sa.ColumnElement[bool]]:
    return [
        col(Delivery.status) == DeliveryStatus.UNKNOWN,
        col(Delivery.ended_at).is_(None),
        col(Delivery.not_before) <= now,
    ]
