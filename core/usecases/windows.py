"""When recipients may be messaged: from when their quiet hours end until they begin again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import hours
from core.domain.hours import QuietHours
from core.domain.lifecycles import DeliveryStatus
from core.errors import Invalid
from core.models import Contact, Delivery, SkipReason
from core.models.columns import UtcDateTime
from core.models.dialect import recordset

_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "zones": sa.Text(),
    "opens_at": UtcDateTime(),
    "closes_at": UtcDateTime(),
}


def of(session: Session, zones: Sequence[str], quiet: QuietHours | None, *, now: datetime) -> sa.FromClause:
    """Return (zones, opens_at, closes_at) for each set of zones; `opens_at` is None where that never is.

    `closes_at` is None where quiet hours never begin again.
    """
    return recordset(session, "opens", _COLUMNS, [_window(each, quiet, now) for each in zones])


def has_closed(session: Session, *, now: datetime) -> bool:
    """Tell whether something waits whose recipient's quiet hours have begun again."""
    return session.scalar(sa.select(sa.literal(1)).where(*_has_closed(now)).limit(1)) is not None


def move_on(session: Session, quiet: QuietHours | None, *, now: datetime) -> int:
    """Hold what couldn't leave in its recipient's window until the next one; returns how many were held."""
    closed = (
        sa.select(col(Delivery.id), sa.func.coalesce(col(Contact.zones), "").label("zones"))
        .outerjoin(Contact, col(Contact.id) == col(Delivery.contact_id))
        .where(*_has_closed(now))
        .subquery("closed")
    )
    opens = of(session, session.scalars(sa.select(closed.c.zones).distinct()).all(), quiet, now=now)
    moved = (
        sa.select(closed.c.id, opens.c.opens_at, opens.c.closes_at)
        .join(opens, opens.c.zones == closed.c.zones)
        .subquery("moved")
    )
    never = moved.c.opens_at.is_(None)
    held = session.execute(
        sa.update(Delivery)
        .where(col(Delivery.id) == moved.c.id, *_has_closed(now))
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


def _window(zones: str, quiet: QuietHours | None, now: datetime) -> dict[str, Any]:
    if quiet is None:
        return {"zones": zones, "opens_at": now, "closes_at": None}
    places = tuple(filter(None, zones.split(",")))
    try:
        opens_at = hours.next_open(places, now, quiet)
    except Invalid:  # the number may lie in zones so far apart that their hours never overlap
        return {"zones": zones, "opens_at": None, "closes_at": None}
    return {"zones": zones, "opens_at": opens_at, "closes_at": hours.closes_at(places, opens_at, quiet)}
