"""Who decided what, and when: rows are only ever added; the database refuses to change or delete them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field, SQLModel

from core.models.columns import BIG, JSON, instant


class AuditEntry(SQLModel, table=True):
    """One decision; `action` is the button's word ("blast.approve"); `staff_id` None is the clock or the CLI."""

    __tablename__ = "audit"

    id: int | None = Field(default=None, sa_type=BIG, primary_key=True)
    at: datetime = instant()
    action: str = Field(max_length=64)
    staff_id: UUID | None = Field(default=None, foreign_key="staff.id")
    blast_id: UUID | None = Field(default=None, foreign_key="blasts.id", index=True)
    fields: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
