"""What has happened and must still be told, and which requests were seen already."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.columns import BIG, JSON, instant


class OutboxEvent(SQLModel, table=True):
    """An event that was saved with the state it tells of; done when everybody concerned has been told."""

    __tablename__ = "outbox"
    __table_args__ = (
        sa.Index(
            "ix_outbox_due",
            "due_at",
            postgresql_where=sa.text("done_at IS NULL"),
            sqlite_where=sa.text("done_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_type=BIG, primary_key=True)
    name: str = Field(max_length=64)
    payload: dict[str, Any] = Field(sa_type=JSON)
    created_at: datetime = instant()
    due_at: datetime = instant()
    attempts: int = 0
    error: str = ""
    done_at: datetime | None = instant(default=None, nullable=True)


class SeenRequest(SQLModel, table=True):
    """A request from Slack that came before: `done_at` None while it is being answered."""

    __tablename__ = "seen_requests"

    key: str = Field(primary_key=True, max_length=128)
    at: datetime = instant(index=True)
    done_at: datetime | None = instant(default=None, nullable=True)
