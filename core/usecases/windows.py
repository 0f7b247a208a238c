"""When recipients may be messaged: from when their quiet hours end until they begin again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import hours
from core.domain.hours import QuietHours
from core.domain.lifecycles import DeliveryStatus
from core.errors import Invalid
from core.models import Contact, Delivery, SkipReason
from core.models.columns import UtcDateTime
from core.models.dialect import recordset

# So many are held at once: whoever asks after one of them, as a STOP does, waits for no more, and nor does the clock.
_MOST_HELD = 5_000
_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "zones": sa.Text(),
    "region": sa.Text(),
    "opens_at": UtcDateTime(),
    "closes_at": UtcDateTime(),
}


class Place(NamedTuple):
    """Where somebody may be: the time zones, comma-separated, and the region in which their number was issued."""

    zones: str
    region: str


def places(session: Session, who: sa.FromClause) -> list[Place]:
    """Return where people may be, each place once."""
    return [Place(*row) for row in session.execute(sa.select(who.c.zones, who.c.region).distinct())]


def of(session: Session, where: Sequence[Place], quiet: QuietHours | None, *, now: datetime) -> sa.FromClause:
    """Return (zones, region, opens_at, closes_at) for each place; `opens_at` is None where that never is.

    `closes_at` is None where quiet hours never begin again.
    """
    return recordset(session, "opens", _COLUMNS, [_window(each, quiet, now) for each in where])


def is_at(opens: sa.FromClause, who: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the SQL that finds somebody's window."""
    return sa.and_(opens.c.zones == who.c.zones, opens.c.region == who.c.region)


def opens_at(place: Place, quiet: QuietHours, *, now: datetime) -> datetime | None:
    """Return when people at a place may be messaged next, or None if they never may."""
    try:
        return hours.next_open(_zones(place), now, hours.of_region(quiet, place.region))
    except Invalid:  # the number may lie in zones so far apart that their hours never overlap
        return None


def has_closed(session: Session, *, now: datetime) -> bool:
    """Tell whether something waits whose recipient's quiet hours have begun again."""
    return session.scalar(sa.select(sa.literal(1)).where(*_has_closed(now)).limit(1)) is not None


def move_on(session: Session, quiet: QuietHours | None, *, now: datetime) -> int:
    """Hold what couldn't leave in its recipient's window until the next one; returns how many were held.

    It is some thousands at most, and nothing that others are busy with: those stay for the next turn.
    """
    due = sa.select(col(Delivery.id)).where(*_has_closed(now)).limit(_MOST_HELD).with_for_update(skip_locked=True)
    ids = session.scalars(due).all()
    closed = (
        sa.select(
            col(Delivery.id),
            sa.func.coalesce(col(Contact.zones), "").label("zones"),
            sa.func.coalesce(col(Contact.region), "").label("region"),
        )
        .outerjoin(Contact, col(Contact.id) == col(Delivery.contact_id))
        .where(col(Delivery.id).in_(ids))
        .subquery("closed")
    )
    opens = of(session, places(session, closed), quiet, now=now)
    moved = (
        sa.select(closed.c.id, opens.c.opens_at, opens.c.closes_at).join(opens, is_at(opens, closed)).subquery("moved")
    )
    never = moved.c.opens_at.is_(None)
    held = session.execute(
        sa.update(Delivery)
        .where(col(Delivery.id) == moved.c.id)
        .values(
            not_before=sa.func.coalesce(moved.c.opens_at, col(Delivery.not_before)),
            closes_at=moved.c.closes_at,
            status=sa.case((never, DeliveryStatus.SKIPPED.value), else_=DeliveryStatus.PENDING.value),
            skip_reason=sa.case((never, SkipReason.QUIET_HOURS.value)),
        )
        .execution_options(synchronize_session=False)
    )
    return int(held.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it


def _has_closed(now: datetime) -> list[sa.ColumnElement[bool]]:
    return [col(Delivery.status) == DeliveryStatus.PENDING, col(Delivery.closes_at) <= now]


def _window(place: Place, quiet: QuietHours | None, now: datetime) -> dict[str, Any]:
    window: dict[str, Any] = {**place._asdict(), "opens_at": now, "closes_at": None}
    if quiet is None:
        return window
    opening = opens_at(place, quiet, now=now)
    if opening is None:
        return window | {"opens_at": None}
    closing = hours.closes_at(_zones(place), opening, hours.of_region(quiet, place.region))
    return window | {"opens_at": opening, "closes_at": closing}


def _zones(place: Place) -> tuple[str, ...]:
    return tuple(filter(None, place.zones.split(",")))
