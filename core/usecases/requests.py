"""Requests from Slack that were seen before, so that a retry or a replay does nothing twice."""

from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Session, col

from core.models import SeenRequest
from core.models.dialect import insert

# A request that is still being answered after this long was lost with its process: its retry is taken as the first.
_LOST_AFTER = timedelta(seconds=30)


class Seen(StrEnum):
    """What became of the same request before."""

    NEVER = "never"
    RUNNING = "running"
    DONE = "done"


def begin(session: Session, key: str, *, now: datetime) -> Seen:
    """Note that a request is being answered, unless it is or was already."""
    added = session.scalar(
        insert(session, SeenRequest)
        .values(key=key, at=now, done_at=None)
        .on_conflict_do_update(
            index_elements=["key"],
            set_={"at": now},
            where=col(SeenRequest.done_at).is_(None) & (col(SeenRequest.at) < now - _LOST_AFTER),
        )
        .returning(col(SeenRequest.key))
    )
    if added is not None:
        return Seen.NEVER
    done_at = session.scalar(sa.select(col(SeenRequest.done_at)).where(col(SeenRequest.key) == key))
    return Seen.RUNNING if done_at is None else Seen.DONE


def is_first(session: Session, view_id: str, *, now: datetime) -> bool:
    """Tell whether a form is submitted for the first time; call it in the transaction that does what the form asks.

    Where we are too slow, Slack says so and people press again: one form is one blast, one text, all the same.
    """
    key = f"view:{view_id}"
    is_new = begin(session, key, now=now) is Seen.NEVER
    finish(session, key, now=now)
    return is_new


def prolong(session: Session, key: str, *, now: datetime) -> None:
    """Note that a request that takes long is still being answered."""
    session.execute(sa.update(SeenRequest).where(col(SeenRequest.key) == key).values(at=now))


def finish(session: Session, key: str, *, now: datetime) -> None:
    """Note that a request was answered for good."""
    session.execute(sa.update(SeenRequest).where(col(SeenRequest.key) == key).values(done_at=now))


def forget(session: Session, key: str) -> None:
    """Forget a request that failed, so that Slack's retry is answered."""
    session.execute(sa.delete(SeenRequest).where(col(SeenRequest.key) == key, col(SeenRequest.done_at).is_(None)))
