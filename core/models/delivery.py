"""Every message that leaves, one row a recipient; and the ledger of what providers told us of them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.domain.lifecycles import DeliveryStatus
from core.models.blast import ChannelName
from core.models.columns import BIG, JSON, instant, words


class DeliveryKind(StrEnum):
    """What a message is: a blast's copy, a test to oneself, staff's reply, our answer to a keyword."""

    BLAST = "blast"
    TEST = "test"
    REPLY = "reply"
    ANSWER = "answer"


class SkipReason(StrEnum):
    """Why a recipient was not messaged."""

    OPTED_OUT = "opted_out"
    UNREACHABLE = "unreachable"
    SUPPRESSED = "suppressed"
    MISSING_VALUE = "missing_value"
    TOO_LONG = "too_long"
    QUIET_HOURS = "quiet_hours"
    HEARD_LATELY = "heard_lately"


class Delivery(SQLModel, table=True):
    """One message to one recipient: the row is the queue.

    `body` is None for a blast's copy: it is merged from the blast and the contact when claimed.
    `priority`: 0 overtakes, 4 is a blast's canary, 5 its others. `not_before`: quiet hours, caps, retries, and an
    unknown's next look-up. `closes_at`: when the recipient's quiet hours begin again, None if they never do. `attempt`:
    how often it was claimed.
    `rank`: how far receipts have brought it, see `core.domain.receipts`; it never falls. `looks`: how often an unknown
    was looked up, as far as that is counted. `was_resent`: one that left no trace at the provider was sent once more.
    `untraced_at`: since when a person has to say what becomes of an unknown; one with an `ended_at` was left as it is.
    `other_sid`: the provider took it under this id as well, so that it may have gone twice.
    `error_code`: the provider's, 0 for none. `segments`: as counted by us when it left.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        sa.UniqueConstraint("address", "blast_id"),
        sa.CheckConstraint("(status = 'skipped') = (skip_reason IS NOT NULL)", name="skipped_for_a_reason"),
        sa.CheckConstraint("(kind = 'blast') = (blast_id IS NOT NULL)", name="copies_have_a_blast"),
        sa.CheckConstraint("blast_id IS NOT NULL OR body IS NOT NULL", name="something_to_say"),
        sa.CheckConstraint("status <> 'claimed' OR claimed_at IS NOT NULL", name="claimed_when"),
        sa.Index(
            "uq_deliveries_provider_sid",
            "provider_sid",
            unique=True,
            postgresql_where=sa.text("provider_sid IS NOT NULL"),
            sqlite_where=sa.text("provider_sid IS NOT NULL"),
        ),
        sa.Index("ix_deliveries_blast_id_status", "blast_id", "status", "skip_reason"),
        sa.Index(
            "ix_deliveries_due",
            "blast_id",
            "sender",
            "priority",
            "not_before",
            "id",
            postgresql_where=sa.text("status = 'pending'"),
            sqlite_where=sa.text("status = 'pending'"),
        ),
        sa.Index(
            "ix_deliveries_closing",
            "closes_at",
            postgresql_where=sa.text("status = 'pending' AND closes_at IS NOT NULL"),
            sqlite_where=sa.text("status = 'pending' AND closes_at IS NOT NULL"),
        ),
        sa.Index(
            "ix_deliveries_ended",
            "blast_id",
            "ended_at",
            postgresql_where=sa.text("status IN ('delivered', 'undelivered', 'failed', 'refused')"),
            sqlite_where=sa.text("status IN ('delivered', 'undelivered', 'failed', 'refused')"),
        ),
        sa.Index(
            "ix_deliveries_leased",
            "claimed_at",
            postgresql_where=sa.text("status IN ('claimed', 'unknown')"),
            sqlite_where=sa.text("status IN ('claimed', 'unknown')"),
        ),
        sa.Index(
            "ix_deliveries_maybe_twice",
            "blast_id",
            postgresql_where=sa.text("other_sid IS NOT NULL"),
            sqlite_where=sa.text("other_sid IS NOT NULL"),
        ),
        sa.Index("ix_deliveries_address_claimed_at", "address", "claimed_at"),
    )

    id: int | None = Field(default=None, sa_type=BIG, primary_key=True)
    blast_id: UUID | None = Field(default=None, foreign_key="blasts.id")
    contact_id: UUID | None = Field(default=None, foreign_key="contacts.id", ondelete="SET NULL")
    conversation_id: UUID | None = Field(default=None, foreign_key="conversations.id", ondelete="SET NULL")
    kind: DeliveryKind = Field(sa_type=words(DeliveryKind, "kind"))
    channel: ChannelName = Field(default=ChannelName.SMS, sa_type=words(ChannelName, "channel"))
    sender: str = Field(max_length=64)
    address: str = Field(max_length=320)
    body: str | None = None
    priority: int = Field(default=5, sa_type=sa.SmallInteger)
    status: DeliveryStatus = Field(default=DeliveryStatus.PENDING, sa_type=words(DeliveryStatus, "status"))
    skip_reason: SkipReason | None = Field(default=None, sa_type=words(SkipReason, "skip_reason"), nullable=True)
    attempt: int = Field(default=0, sa_type=sa.SmallInteger)
    was_resent: bool = False
    looks: int = Field(default=0, sa_type=sa.SmallInteger, sa_column_kwargs={"server_default": "0"})
    rank: int = Field(default=0, sa_type=sa.SmallInteger)
    segments: int = Field(default=0, sa_type=sa.SmallInteger)
    provider_sid: str | None = Field(default=None, max_length=64)
    other_sid: str | None = Field(default=None, max_length=64)
    error_code: int = 0
    error: str = ""
    staff_id: UUID | None = Field(default=None, foreign_key="staff.id")
    created_at: datetime = instant()
    not_before: datetime = instant()
    closes_at: datetime | None = instant(default=None, nullable=True)
    claimed_at: datetime | None = instant(default=None, nullable=True)
    untraced_at: datetime | None = instant(default=None, nullable=True)
    accepted_at: datetime | None = instant(default=None, nullable=True)
    ended_at: datetime | None = instant(default=None, nullable=True)


class Receipt(SQLModel, table=True):
    """One thing that a provider reported of a message; kept once, in the order it came."""

    __tablename__ = "receipts"
    __table_args__ = (
        sa.UniqueConstraint("provider_sid", "status", "error_code"),
        sa.Index(
            "ix_receipts_unmatched",
            "received_at",
            postgresql_where=sa.text("delivery_id IS NULL"),
            sqlite_where=sa.text("delivery_id IS NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_type=BIG, primary_key=True)
    provider_sid: str = Field(max_length=64)
    status: str = Field(max_length=32)
    error_code: int = 0
    delivery_id: int | None = Field(default=None, sa_type=BIG)
    attempt: int | None = Field(default=None, sa_type=sa.SmallInteger)
    fields: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    received_at: datetime = instant()
