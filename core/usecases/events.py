"""Events that could not be taken in: kept with their error, tried again ever later, then left for a person."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from core.errors import NotFound, Rejected
from core.models import ChannelName, WebhookEvent
from core.models.dialect import insert

_FIRST_RETRY = timedelta(seconds=30)
_TIMES = 4
# 30 s, 2 min, 8 min, 32 min, 2 h: what time heals is healed by then.
_MOST_ATTEMPTS = 6
_LEASE = timedelta(minutes=2)
_MOST = 100
_LONGEST_ERROR = 500


def told(error: Exception) -> str:
    """Say what went wrong, in a line, and without the values that a statement had: they are people's words."""
    if isinstance(error, Rejected):
        return error.sentence
    cause = getattr(error, "orig", None) or error
    return f"{type(error).__name__}: {cause}".partition("\n")[0]


def keep(
    session: Session,
    channel: ChannelName,
    kind: str,
    key: str,
    fields: Mapping[str, Any],
    *,
    error: str,
    is_hopeless: bool = False,
    came_at: datetime | None = None,
    now: datetime,
) -> None:
    """Store an event that failed, once; it is tried again, unless that is hopeless: then it waits for a person.

    `came_at`: when it came or was to come, if that isn't now.
    """
    values = {
        "channel": channel,
        "kind": kind[:32],
        "key": key[:200],
        "fields": dict(fields),
        "received_at": came_at or now,
        "attempts": 1,
        "due_at": None if is_hopeless else now + _FIRST_RETRY,
        "error": error[:_LONGEST_ERROR],
    }
    session.execute(insert(session, WebhookEvent).values(values).on_conflict_do_nothing())


def store(
    session: Session, channel: ChannelName, kind: str, key: str, fields: Mapping[str, Any], *, now: datetime
) -> int | None:
    """Store an event before it is processed; returns its id, or None when it came before."""
    return session.scalar(
        insert(session, WebhookEvent)
        .values(
            channel=channel, kind=kind, key=key, fields=dict(fields), received_at=now, attempts=0, due_at=now, error=""
        )
        .on_conflict_do_nothing(index_elements=["channel", "kind", "key"])
        .returning(col(WebhookEvent.id))
    )


def has_due(session: Session, *, now: datetime) -> bool:
    """Tell whether an event is due to be tried (again)."""
    return session.scalar(_due(now).limit(1)) is not None


def take_due(session: Session, *, now: datetime) -> list[int]:
    """Return events to try; nobody else tries them for two minutes."""
    due = _due(now).order_by(col(WebhookEvent.due_at)).limit(_MOST).with_for_update(skip_locked=True).cte("due")
    taken = session.scalars(
        sa.update(WebhookEvent)
        .where(col(WebhookEvent.id).in_(sa.select(due.c.id)))
        .values(due_at=now + _LEASE)
        .returning(col(WebhookEvent.id))
        .execution_options(synchronize_session=False)
    )
    return sorted(each for each in taken if each is not None)


def finish(session: Session, event_id: int, *, now: datetime) -> None:
    """Note that an event was taken in."""
    _change(session, event_id, done_at=now, due_at=None, error="")


def fail(session: Session, event_id: int, *, error: str, now: datetime, is_hopeless: bool = False) -> None:
    """Note that an event failed again; after some attempts it waits for a person."""
    event = session.get_one(WebhookEvent, event_id)
    attempts = event.attempts + 1
    is_over = is_hopeless or attempts >= _MOST_ATTEMPTS
    due_at = None if is_over else now + _FIRST_RETRY * _TIMES ** (attempts - 1)
    _change(session, event_id, attempts=attempts, due_at=due_at, error=error[:_LONGEST_ERROR])


def retry(session: Session, event_id: int, *, now: datetime) -> None:
    """Have an event tried again, as if for the first time.

    Raises:
        NotFound: there is no such event, or it was taken in.
    """
    event = session.get(WebhookEvent, event_id)
    if event is None or event.done_at is not None:
        raise NotFound(f"No event {event_id} waits to be tried again. `blast events --failed` lists those that do.")
    _change(session, event_id, attempts=0, due_at=now)


def failed(session: Session, *, most: int = 200) -> Sequence[WebhookEvent]:
    """Return the events that failed and weren't taken in since, the newest first."""
    is_failed = (col(WebhookEvent.done_at).is_(None), col(WebhookEvent.error) != "")
    return session.scalars(
        sa.select(WebhookEvent).where(*is_failed).order_by(col(WebhookEvent.id).desc()).limit(most)
    ).all()


def waiting(session: Session) -> dict[str, int]:
    """Count the stored events that aren't done, however many are: due to be tried again, and waiting for a person."""
    state = sa.case((col(WebhookEvent.due_at).is_(None), "failed"), else_="retrying")
    is_open = col(WebhookEvent.done_at).is_(None)
    rows = session.execute(sa.select(state, sa.func.count()).where(is_open).group_by(state))
    return {row[0]: row[1] for row in rows}


def counts(session: Session) -> dict[str, int]:
    """Count the stored events: done, due to be tried again, and waiting for a person."""
    done = sa.select(sa.func.count()).where(col(WebhookEvent.done_at).is_not(None))
    return {"done": session.scalar(done) or 0, "retrying": 0, "failed": 0} | waiting(session)


def _due(now: datetime) -> sa.Select[int | None]:
    return sa.select(col(WebhookEvent.id)).where(col(WebhookEvent.done_at).is_(None), col(WebhookEvent.due_at) <= now)


def _change(session: Session, event_id: int, **values: Any) -> None:
    session.execute(
        sa.update(WebhookEvent)
        .where(col(WebhookEvent.id) == event_id)
        .values(**values)
        .execution_options(synchronize_session="fetch")
    )
