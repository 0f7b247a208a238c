"""One transaction for one request, again when it collided with another."""

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from core import db

T = TypeVar("T")

_COLLISIONS = frozenset({"40P01", "40001"})  # PostgreSQL: deadlock detected, serialization failure


def transact(bind: sa.Engine, work: Callable[[Session], T], *, tries: int = 3) -> T:
    """Run one transaction, again when it collided with another: nothing of it was saved then."""
    try:
        with db.transaction(bind) as session:
            return work(session)
    except OperationalError as error:
        if tries == 1 or getattr(error.orig, "sqlstate", None) not in _COLLISIONS:
            raise
    return transact(bind, work, tries=tries - 1)
