"""Who must not be messaged, why, and since when; lifting one keeps the record."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.columns import BIG, instant, words


class SuppressionCause(StrEnum):
    """Why an address is suppressed."""

    OPT_OUT = "opt_out"
    HARD_FAILURE = "hard_failure"
    MANUAL = "manual"


class Suppression(SQLModel, table=True):
    """That an address is out of reach while `lifted_at` is None.

    `source`: what it came from, in a word ("inbound", "receipt", "staff", "backfill"). At most one is active for
    an address.
    """

    __tablename__ = "suppressions"
    __table_args__ = (
        sa.Index(
            "uq_suppressions_active",
            "address",
            unique=True,
            postgresql_where=sa.text("lifted_at IS NULL"),
            sqlite_where=sa.text("lifted_at IS NULL"),
        ),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    address: str = Field(max_length=320, index=True)
    cause: SuppressionCause = Field(sa_type=words(SuppressionCause, "cause"))
    source: str = Field(max_length=32)
    error_code: int = 0
    delivery_id: int | None = Field(
        default=None, sa_type=BIG, foreign_key="deliveries.id", ondelete="SET NULL", index=True
    )
    inbound_id: int | None = Field(default=None, sa_type=BIG, foreign_key="inbound.id", ondelete="SET NULL", index=True)
    staff_id: UUID | None = Field(default=None, foreign_key="staff.id")
    created_at: datetime = instant(index=True)
    lifted_at: datetime | None = instant(default=None, nullable=True)
    lifted_by: str = Field(default="", max_length=64)
