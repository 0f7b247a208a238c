"""Where a reader of history stands, kept from one step to the next."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from core.models import Bookmark
from core.models.dialect import insert


def put(session: Session, name: str, *, at: datetime, fields: dict[str, Any] | None = None) -> None:
    """Set a bookmark, whether or not there was one."""
    values = {"at": at, "fields": fields or {}}
    session.execute(
        insert(session, Bookmark)
        .values(name=name, **values)
        .on_conflict_do_update(index_elements=["name"], set_=values)
    )
