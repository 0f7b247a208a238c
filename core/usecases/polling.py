"""What no callback has told: messages that stay open are asked for, and missed texts are looked for at the provider."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import IN_FLIGHT
from core.models import Blast, Bookmark, ChannelName, Delivery
from core.usecases import bookmarks

_MOST = 100
# `sent` can be a message's last word: after a day there is no other to expect.
_FOR = timedelta(days=1)
_INBOUND = "inbound"
# The provider lists a text a little after it has come, and clocks differ.
_OVERLAP = timedelta(minutes=15)
# Where nothing was looked through before: as far back as texts could have come while we were being set up.
_AT_FIRST = timedelta(days=1)


def has_open(session: Session, *, every: timedelta, now: datetime) -> bool:
    """Tell whether a message has been open for so long that the provider should be asked."""
    return any(session.scalar(_open(blast_id, every, now).limit(1)) for blast_id in _blasts(session, every, now))


class Open(NamedTuple):
    """A message whose last word hasn't come; `since`: when the provider took it."""

    sid: str
    sender: str
    address: str
    since: datetime


def take_open(session: Session, *, every: timedelta, now: datetime) -> list[Open]:
    """Return the messages to ask for; nobody asks for them again before `every` has passed."""
    found: list[Open] = []
    for blast_id in _blasts(session, every, now):
        due = _open(blast_id, every, now).limit(_MOST - len(found)).with_for_update(skip_locked=True).cte("due")
        taken = session.execute(
            sa.update(Delivery)
            .where(col(Delivery.id).in_(sa.select(due.c.id)))
            .values(not_before=now + every)
            .returning(*(getattr(Delivery, name) for name in ("provider_sid", "sender", "address", "accepted_at")))
            .execution_options(synchronize_session=False)
        )
        found += [Open(*row) for row in taken]
        if len(found) >= _MOST:
            break
    return found


def gap_since(session: Session, *, every: timedelta, now: datetime) -> datetime | None:
    """Return since when missed texts are to be looked for, or None while it isn't time yet."""
    mark = session.get(Bookmark, _INBOUND)
    if mark is None:
        return now - _AT_FIRST
    return mark.at - _OVERLAP if mark.at <= now - every else None


def filled(session: Session, *, until: datetime) -> None:
    """Remember up to when no text is missing."""
    bookmarks.put(session, _INBOUND, at=until)


def _blasts(session: Session, every: timedelta, now: datetime) -> Sequence[UUID | None]:
    """Return the blasts that may have old open messages, and None for all else: so an index finds these."""
    is_old_enough = col(Blast.started_at) <= now - every
    is_young_enough = sa.func.coalesce(col(Blast.finished_at), now) > now - _FOR
    found = session.scalars(sa.select(col(Blast.id)).where(is_old_enough, is_young_enough))
    return [None, *found]


def _open(blast_id: UUID | None, every: timedelta, now: datetime) -> sa.Select[int | None]:
    return sa.select(col(Delivery.id)).where(
        col(Delivery.blast_id) == blast_id,
        col(Delivery.status).in_(IN_FLIGHT),
        col(Delivery.channel) == ChannelName.SMS,
        col(Delivery.provider_sid).is_not(None),
        col(Delivery.accepted_at) <= now - every,
        col(Delivery.accepted_at) > now - _FOR,
        # For what has left, `not_before` is when it may be asked for again.
        col(Delivery.not_before) <= now,
    )
