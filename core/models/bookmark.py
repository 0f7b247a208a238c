"""How far something long has come, so that it goes on from there after any end."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from core.models.columns import JSON, instant


class Bookmark(SQLModel, table=True):
    """Where a reader of history stands: `at` is the instant up to which it has read, `fields` the rest of its place."""

    __tablename__ = "bookmarks"

    name: str = Field(primary_key=True, max_length=128)
    at: datetime = instant()
    fields: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
