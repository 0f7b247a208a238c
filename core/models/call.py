"""Calls: when somebody of the staff rings a member up, and when a member rings us."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.columns import instant, words


class CallStatus(StrEnum):
    """What became of a call; missed is one that nobody has said took place."""

    PLANNED = "planned"
    DONE = "done"
    CANCELLED = "cancelled"
    MISSED = "missed"


class Call(SQLModel, table=True):
    """A call to a conversation's member. `message_ts`: the message of the thread that shows it."""

    __tablename__ = "calls"
    __table_args__ = (
        sa.Index(
            "ix_calls_planned",
            "at",
            postgresql_where=sa.text("status = 'planned'"),
            sqlite_where=sa.text("status = 'planned'"),
        ),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    conversation_id: UUID = Field(foreign_key="conversations.id", ondelete="CASCADE", index=True)
    caller_id: UUID = Field(foreign_key="staff.id")
    made_by: UUID = Field(foreign_key="staff.id")
    at: datetime = instant()
    note: str = ""
    status: CallStatus = Field(default=CallStatus.PLANNED, sa_type=words(CallStatus, "status"))
    message_ts: str = Field(default="", max_length=32)
    created_at: datetime = instant()
    reminded_at: datetime | None = instant(default=None, nullable=True)


class IncomingCall(SQLModel, table=True):
    """A call to one of our numbers, by Twilio's id. `address`: who called, or what stands for who withheld it.

    `number`: ours. `recording_sid`: the message that they left. `opted_out_at`: when they pressed the key for it.
    """

    __tablename__ = "incoming_calls"

    sid: str = Field(primary_key=True, max_length=64)
    address: str = Field(max_length=320, index=True)
    number: str = Field(max_length=64)
    came_at: datetime = instant(index=True)
    opted_out_at: datetime | None = instant(default=None, nullable=True)
    recording_sid: str = Field(default="", max_length=64)
    ended_at: datetime | None = instant(default=None, nullable=True)
