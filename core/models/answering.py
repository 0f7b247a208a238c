"""What helps to answer: saved answers, words for HELP, what the assistant is told of an audience, and its drafts."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.blast import ChannelName
from core.models.columns import BIG, instant, words


class DraftOutcome(StrEnum):
    """What became of a draft."""

    WANTED = "wanted"
    READY = "ready"
    SENT = "sent"
    CHANGED = "changed"
    UNUSED = "unused"
    FAILED = "failed"


class SavedAnswer(SQLModel, table=True):
    """An answer to choose while texting back; names are unique without regard to case."""

    __tablename__ = "saved_answers"
    __table_args__ = (sa.Index("uq_saved_answers_lower_name", sa.text("lower(name)"), unique=True),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str = Field(max_length=75)
    body: str
    staff_id: UUID | None = Field(default=None, foreign_key="staff.id")
    created_at: datetime = instant()


class Briefing(SQLModel, table=True):
    """What the assistant is told when somebody of an audience writes. `audience_id` None: when no other fits."""

    __tablename__ = "briefings"
    __table_args__ = (sa.UniqueConstraint("audience_id"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    audience_id: UUID | None = Field(default=None, foreign_key="audiences.id", ondelete="CASCADE")
    prompt: str
    context: str = ""
    updated_at: datetime = instant()


class HelpText(SQLModel, table=True):
    """What HELP is answered by a channel when somebody of an audience asks. `audience_id` None: when no other fits."""

    __tablename__ = "help_texts"
    __table_args__ = (sa.UniqueConstraint("audience_id", "channel"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    audience_id: UUID | None = Field(default=None, foreign_key="audiences.id", ondelete="CASCADE")
    channel: ChannelName = Field(sa_type=words(ChannelName, "channel"))
    body: str = ""
    updated_at: datetime = instant()


class Draft(SQLModel, table=True):
    """An answer that the assistant wrote to a text; nothing sends it but a person who has read it."""

    __tablename__ = "drafts"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    conversation_id: UUID = Field(foreign_key="conversations.id", ondelete="CASCADE", index=True)
    inbound_id: int = Field(sa_type=BIG, foreign_key="inbound.id", ondelete="CASCADE", unique=True)
    outcome: DraftOutcome = Field(default=DraftOutcome.WANTED, sa_type=words(DraftOutcome, "outcome"))
    model: str = Field(default="", max_length=128)
    body: str = ""
    error: str = ""
    delivery_id: int | None = Field(default=None, sa_type=BIG)
    created_at: datetime = instant()
    ended_at: datetime | None = instant(default=None, nullable=True)
