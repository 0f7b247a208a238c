"""A blast, whom it is for, and who agreed to it."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.domain.lifecycles import BlastStatus
from core.models.columns import JSON, instant, words


class ChannelName(StrEnum):
    """The ways to reach a person."""

    SMS = "sms"
    EMAIL = "email"
    VOICE = "voice"


class CanaryStatus(StrEnum):
    """Whether a blast's first few were tried before the rest."""

    NONE = "none"
    TRYING = "trying"
    PASSED = "passed"


class Blast(SQLModel, table=True):
    """One message to many people.

    `revision` rises with every change of its content, and voids what was approved; `content_hash` is of that content.
    `send_at`: None means as soon as it is approved. `starts_at`: when an approved one may start (the undo window or
    `send_at`, whichever is later). `card_digest`: hash of the card as last shown. `held_reason`: why it is paused.
    `resumed_at`: what failed before somebody looked and went on holds it no second time.
    `canary`: while its first few are tried, only those of priority 4 may leave.
    `tally`: the counts of a blast whose rows were cleaned up.
    """

    __tablename__ = "blasts"
    __table_args__ = (
        sa.Index("ix_blasts_status_starts_at", "status", "starts_at"),
        sa.CheckConstraint("revision > 0", name="revision_positive"),
        sa.CheckConstraint(
            "status NOT IN ('approved', 'sending') OR starts_at IS NOT NULL", name="starts_when_approved"
        ),
        sa.CheckConstraint("status IN ('draft', 'cancelled') OR content_hash <> ''", name="hashed_when_submitted"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str = Field(max_length=150)
    channel: ChannelName = Field(default=ChannelName.SMS, sa_type=words(ChannelName, "channel"))
    body: str
    status: BlastStatus = Field(default=BlastStatus.DRAFT, sa_type=words(BlastStatus, "status"))
    revision: int = 1
    content_hash: str = Field(default="", max_length=64)
    author_id: UUID = Field(foreign_key="staff.id")
    recipients: int = 0
    approvals_needed: int = 1
    send_at: datetime | None = instant(default=None, nullable=True)
    starts_at: datetime | None = instant(default=None, nullable=True)
    note: str = ""
    held_reason: str = ""
    resumed_at: datetime | None = instant(default=None, nullable=True)
    canary: CanaryStatus = Field(default=CanaryStatus.NONE, sa_type=words(CanaryStatus, "canary"))
    created_at: datetime = instant()
    submitted_at: datetime | None = instant(default=None, nullable=True)
    approved_at: datetime | None = instant(default=None, nullable=True)
    started_at: datetime | None = instant(default=None, nullable=True)
    finished_at: datetime | None = instant(default=None, nullable=True)
    card_channel: str = Field(default="", max_length=32)
    card_ts: str = Field(default="", max_length=32)
    card_digest: str = Field(default="", max_length=64)
    tally: dict[str, Any] | None = Field(default=None, sa_type=JSON, nullable=True)


class BlastAudience(SQLModel, table=True):
    """That a blast is for an audience, or leaves it out."""

    __tablename__ = "blast_audiences"

    blast_id: UUID = Field(primary_key=True, foreign_key="blasts.id", ondelete="CASCADE")
    audience_id: UUID = Field(primary_key=True, foreign_key="audiences.id")
    is_excluded: bool = False


class Approval(SQLModel, table=True):
    """That an approver agreed to exactly this content."""

    __tablename__ = "approvals"

    blast_id: UUID = Field(primary_key=True, foreign_key="blasts.id", ondelete="CASCADE")
    staff_id: UUID = Field(primary_key=True, foreign_key="staff.id")
    content_hash: str = Field(primary_key=True, max_length=64)
    revision: int = Field(primary_key=True)
    at: datetime = instant()
