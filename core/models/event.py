"""What providers posted and could not be taken in yet, what e-mail providers tell, and who takes in what."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.blast import ChannelName
from core.models.columns import BIG, JSON, instant, words


class WebhookEvent(SQLModel, table=True):
    """One event, stored once by the provider's `key`. `due_at`: when it is tried again; None once it is done, or when
    it waits for a person. `error`: what went wrong the last time.
    """

    __tablename__ = "webhook_events"
    __table_args__ = (
        sa.UniqueConstraint("channel", "kind", "key"),
        sa.Index(
            "ix_webhook_events_open",
            "due_at",
            postgresql_where=sa.text("done_at IS NULL"),
            sqlite_where=sa.text("done_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_type=BIG, primary_key=True)
    channel: ChannelName = Field(sa_type=words(ChannelName, "channel"))
    kind: str = Field(max_length=32)
    key: str = Field(max_length=200)
    fields: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    received_at: datetime = instant(index=True)
    attempts: int = 0
    due_at: datetime | None = instant(default=None, nullable=True)
    error: str = ""
    done_at: datetime | None = instant(default=None, nullable=True)


class Intake(SQLModel, table=True):
    """Which processor takes in a channel's events, and whether it does."""

    __tablename__ = "intakes"

    channel: ChannelName = Field(sa_type=words(ChannelName, "channel"), primary_key=True)
    processor: str = Field(max_length=32)
    is_active: bool = True
