"""Events saved in the transaction of the state that they tell of."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from core.domain.events import Event
from core.models import OutboxEvent


def record(session: Session, event: Event, *, now: datetime, due_at: datetime | None = None) -> None:
    """Save `event`; the relay tells it once the transaction is committed, or once it is due if that is later."""
    payload = {key: str(value) if isinstance(value, UUID) else value for key, value in asdict(event).items()}
    session.add(OutboxEvent(name=event.name, payload=payload, created_at=now, due_at=due_at or now))
