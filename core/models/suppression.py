"""Who must not be messaged, why, and since when; lifting one keeps the record."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.columns import BIG, instant, words
from core.models.people import AudienceKind


class SuppressionCause(StrEnum):
    """Why an address is suppressed."""

    OPT_OUT = "opt_out"
    HARD_FAILURE = "hard_failure"
    MANUAL = "manual"


class Suppression(SQLModel, table=True):
    """That an address is out of reach while `lifted_at` is None.

    `strikes`: how many failures it took, `delivery_id` and `error_code` being the last one's; 0: it was no failure.

    `source`: what it came from, in a word ("inbound", "receipt", "staff", "backfill"). With `audience_id` or
    `audience_kind` it holds only for blasts to that audience, or to audiences of that kind: its owner left a topic.
    At most one is active for an address and scope.
    """

    __tablename__ = "suppressions"
    __table_args__ = (
        sa.Index(
            "uq_suppressions_active",
            "address",
            unique=True,
            postgresql_where=sa.text("lifted_at IS NULL AND audience_id IS NULL AND audience_kind IS NULL"),
            sqlite_where=sa.text("lifted_at IS NULL AND audience_id IS NULL AND audience_kind IS NULL"),
        ),
        # A NULL is unlike every other NULL, so each of these is about its own scope alone.
        sa.Index(
            "uq_suppressions_audience",
            "address",
            "audience_id",
            unique=True,
            postgresql_where=sa.text("lifted_at IS NULL"),
            sqlite_where=sa.text("lifted_at IS NULL"),
        ),
        sa.Index(
            "uq_suppressions_kind",
            "address",
            "audience_kind",
            unique=True,
            postgresql_where=sa.text("lifted_at IS NULL"),
            sqlite_where=sa.text("lifted_at IS NULL"),
        ),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    address: str = Field(max_length=320, index=True)
    cause: SuppressionCause = Field(sa_type=words(SuppressionCause, "cause"))
    source: str = Field(max_length=32)
    audience_id: UUID | None = Field(default=None, foreign_key="audiences.id", ondelete="CASCADE")
    audience_kind: AudienceKind | None = Field(
        default=None, sa_type=words(AudienceKind, "audience_kind"), nullable=True
    )
    error_code: int = 0
    strikes: int = 0
    delivery_id: int | None = Field(
        default=None, sa_type=BIG, foreign_key="deliveries.id", ondelete="SET NULL", index=True
    )
    inbound_id: int | None = Field(default=None, sa_type=BIG, foreign_key="inbound.id", ondelete="SET NULL", index=True)
    staff_id: UUID | None = Field(default=None, foreign_key="staff.id")
    created_at: datetime = instant(index=True)
    lifted_at: datetime | None = instant(default=None, nullable=True)
    lifted_by: str = Field(default="", max_length=64)


class ProviderBlock(SQLModel, table=True):
    """That a provider itself refuses texts from one of our senders to an address, whose owner texted STOP to it.

    It ends when they text START to that sender, and only then: lifting a suppression doesn't end it.
    """

    __tablename__ = "provider_blocks"

    address: str = Field(primary_key=True, max_length=320)
    sender: str = Field(primary_key=True, max_length=64)
    since: datetime = instant()
