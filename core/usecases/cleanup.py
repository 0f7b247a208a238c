"""What is old is cleared away, a little at a time; of a blast its counts stay."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain.events import RecordingUnwanted
from core.domain.lifecycles import IN_FLIGHT, OVER, WAITING
from core.models import (
    Blast,
    Conversation,
    ConversationStatus,
    Delivery,
    Inbound,
    IncomingCall,
    OutboxEvent,
    Receipt,
    SeenRequest,
    WebhookEvent,
)
from core.usecases import reports

_BATCH = 2000
_UNSETTLED = WAITING | IN_FLIGHT


def clean(session: Session, *, before: datetime, now: datetime) -> dict[str, int]:
    """Delete up to a few thousand rows of each kind that are older than `before`; return the counts by table.

    Run it again until nothing is left to do. Contacts, audiences, suppressions and the audit log are kept.
    """
    for blast in _to_tally(session, before):
        progress = reports.progress(session, blast.id, now=now)
        blast.tally = {"recipients": progress.recipients, **progress.as_json()}
    session.flush()
    cleared = {name: delete(session, before) for name, delete in _KINDS.items()}
    return {**cleared, "incoming_calls": _incoming_calls(session, before, now)}


def _to_tally(session: Session, before: datetime) -> Sequence[Blast]:
    """Return finished blasts whose rows are about to go."""
    is_old = (col(Blast.status).in_(OVER), col(Blast.finished_at) < before, col(Blast.tally).is_(None))
    return session.scalars(sa.select(Blast).where(*is_old).limit(_BATCH)).all()


def _deliveries(session: Session, before: datetime) -> int:
    tallied = sa.select(col(Blast.id)).where(col(Blast.tally).is_not(None))
    is_single = sa.and_(
        col(Delivery.blast_id).is_(None),
        col(Delivery.created_at) < before,
        col(Delivery.status).not_in(_UNSETTLED) | col(Delivery.ended_at).is_not(None),
    )
    return _delete(session, Delivery, sa.or_(col(Delivery.blast_id).in_(tallied), is_single))


def _conversations(session: Session, before: datetime) -> int:
    is_over = (col(Conversation.status) == ConversationStatus.CLOSED, col(Conversation.last_inbound_at) < before)
    return _delete(session, Conversation, sa.and_(*is_over))


def _inbound(session: Session, before: datetime) -> int:
    return _delete(session, Inbound, col(Inbound.received_at) < before)


def _receipts(session: Session, before: datetime) -> int:
    return _delete(session, Receipt, col(Receipt.received_at) < before)


def _events(session: Session, before: datetime) -> int:
    return _delete(session, OutboxEvent, col(OutboxEvent.done_at) < before)


def _webhook_events(session: Session, before: datetime) -> int:
    return _delete(session, WebhookEvent, col(WebhookEvent.received_at) < before)


def _incoming_calls(session: Session, before: datetime, now: datetime) -> int:
    """What was said in them goes at the provider as well, if it is still there."""
    is_old = sa.select(IncomingCall).where(col(IncomingCall.came_at) < before).order_by(col(IncomingCall.came_at))
    old = session.scalars(is_old.limit(_BATCH)).all()
    for call in old:
        if call.recording_sid:
            outbox.record(session, RecordingUnwanted(call.recording_sid), now=now)
        session.delete(call)
    return len(old)


def _requests(session: Session, before: datetime) -> int:
    found = session.execute(sa.delete(SeenRequest).where(col(SeenRequest.at) < before))
    return int(found.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it


_KINDS: dict[str, Callable[[Session, datetime], int]] = {
    "deliveries": _deliveries,
    "conversations": _conversations,
    "inbound": _inbound,
    "receipts": _receipts,
    "outbox": _events,
    "webhook_events": _webhook_events,
    "seen_requests": _requests,
}


def _delete(session: Session, table: Any, is_old: sa.ColumnElement[bool]) -> int:
    oldest = sa.select(table.id).where(is_old).order_by(table.id).limit(_BATCH)
    statement = sa.delete(table).where(table.id.in_(oldest)).execution_options(synchronize_session=False)
    return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it
