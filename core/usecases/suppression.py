"""Who must not be messaged: put on the list, taken off it, and why; the next claim minds it."""

from datetime import datetime
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Session, col

from core.models import Suppression, SuppressionCause
from core.models.dialect import insert

_ACTIVE = col(Suppression.lifted_at).is_(None)
_REPLACED = "a stronger cause"
# The source of an opt-out that was read from free words and that staff have not confirmed yet.
LIKELY = "likely"
# Whoever writes START has a working phone and wants texts; what staff decided is staff's to undo.
MEMBERS_MAY_LIFT = frozenset({SuppressionCause.OPT_OUT, SuppressionCause.HARD_FAILURE})


def active(session: Session, address: str) -> Suppression | None:
    """Return why an address is out of reach now, or None when it isn't."""
    return session.scalars(sa.select(Suppression).where(col(Suppression.address) == address, _ACTIVE)).one_or_none()


def opt_out(
    session: Session,
    address: str,
    *,
    source: str,
    now: datetime,
    inbound_id: int | None = None,
    delivery_id: int | None = None,
    error_code: int = 0,
    staff_id: UUID | None = None,
) -> bool:
    """Unsubscribe an address for good, until its owner asks otherwise; effective at the next claim.

    Returns False when it was unsubscribed already.
    """
    return suppress(
        session,
        address,
        cause=SuppressionCause.OPT_OUT,
        source=source,
        now=now,
        inbound_id=inbound_id,
        delivery_id=delivery_id,
        error_code=error_code,
        staff_id=staff_id,
    )


def suppress(
    session: Session,
    address: str,
    *,
    cause: SuppressionCause,
    source: str,
    now: datetime,
    inbound_id: int | None = None,
    delivery_id: int | None = None,
    error_code: int = 0,
    staff_id: UUID | None = None,
) -> bool:
    """Put an address out of reach; a certain opt-out takes the place of anything else, and nothing takes its place.

    Returns False when the address was out of reach already, for this cause or a stronger one.
    """
    if cause is SuppressionCause.OPT_OUT and source != LIKELY:
        is_weaker = (col(Suppression.cause) != cause) | (col(Suppression.source) == LIKELY)
        _end(session, address, is_weaker, by=_REPLACED, now=now)
    added = session.scalar(
        insert(session, Suppression)
        .values(
            id=uuid4(),
            address=address,
            cause=cause,
            source=source,
            error_code=error_code,
            delivery_id=delivery_id,
            inbound_id=inbound_id,
            staff_id=staff_id,
            created_at=now,
            lifted_by="",
        )
        .on_conflict_do_nothing(index_elements=["address"], index_where=sa.text("lifted_at IS NULL"))
        .returning(col(Suppression.id))
    )
    return added is not None


def lift(
    session: Session,
    address: str,
    *,
    by: str,
    now: datetime,
    causes: frozenset[SuppressionCause] = frozenset(SuppressionCause),
) -> bool:
    """Let an address be messaged again; the record of why it wasn't is kept. Returns False when nothing was to lift.

    `by` says who wanted it: "member", "cli", or the id of a member of staff.
    """
    return _end(session, address, col(Suppression.cause).in_(causes), by=by, now=now)


def lift_likely(session: Session, address: str, *, by: str, now: datetime) -> bool:
    """Let an address be messaged again that was blocked on suspicion; who has said STOP meanwhile stays blocked."""
    return _end(session, address, col(Suppression.source) == LIKELY, by=by, now=now)


def _end(session: Session, address: str, which: sa.ColumnElement[bool], *, by: str, now: datetime) -> bool:
    ended = session.execute(
        sa.update(Suppression)
        .where(col(Suppression.address) == address, _ACTIVE, which)
        .values(lifted_at=now, lifted_by=by[:64])
        .execution_options(synchronize_session="fetch")
    )
    return bool(ended.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it
