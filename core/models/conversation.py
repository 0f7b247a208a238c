"""What members write to us, and the conversations that come of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.columns import BIG, JSON, instant, words


class ConversationStatus(StrEnum):
    """Whether somebody still has to answer."""

    OPEN = "open"
    CLOSED = "closed"


class Conversation(SQLModel, table=True):
    """One member's exchange with us: one thread in the replies channel.

    `blast_chosen_at`: when staff said which blast it answers; `nagged_at`: when staff were last reminded to answer.
    """

    __tablename__ = "conversations"
    __table_args__ = (sa.UniqueConstraint("address", "sender"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    address: str = Field(max_length=320)
    sender: str = Field(max_length=64)
    contact_id: UUID | None = Field(default=None, foreign_key="contacts.id", ondelete="SET NULL")
    blast_id: UUID | None = Field(default=None, foreign_key="blasts.id")
    blast_chosen_at: datetime | None = instant(default=None, nullable=True)
    status: ConversationStatus = Field(default=ConversationStatus.OPEN, sa_type=words(ConversationStatus, "status"))
    claimed_by: UUID | None = Field(default=None, foreign_key="staff.id")
    claimed_at: datetime | None = instant(default=None, nullable=True)
    thread_channel: str = Field(default="", max_length=32)
    thread_ts: str = Field(default="", max_length=32)
    created_at: datetime = instant()
    last_inbound_at: datetime = instant()
    answered_at: datetime | None = instant(default=None, nullable=True)
    nagged_at: datetime | None = instant(default=None, nullable=True)


class Inbound(SQLModel, table=True):
    """One text from a member, stored once by the provider's id. `kind`: what it asked for (see keywords)."""

    __tablename__ = "inbound"

    id: int | None = Field(default=None, sa_type=BIG, primary_key=True)
    provider_sid: str = Field(max_length=64, unique=True)
    address: str = Field(max_length=320, index=True)
    sender: str = Field(max_length=64)
    body: str = ""
    media: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    kind: str = Field(default="none", max_length=16)
    certainty: str = Field(default="none", max_length=16)
    conversation_id: UUID | None = Field(default=None, foreign_key="conversations.id", ondelete="SET NULL")
    received_at: datetime = instant()


class TopicQuestion(SQLModel, table=True):
    """That a member was asked about what they want texts again; gone when they have answered.

    `sender`: the number that asked. `offered`: the ids of the audiences, in the order of their numbers.
    """

    __tablename__ = "topic_questions"

    address: str = Field(primary_key=True, max_length=320)
    sender: str = Field(max_length=64)
    offered: list[str] = Field(default_factory=list, sa_type=JSON)
    asked_at: datetime = instant(index=True)
