"""Who must not be messaged: put on the list, taken off it, and why; the next claim minds it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Session, col

from core.models import Audience, AudienceKind, Contact, Suppression, SuppressionCause
from core.models.dialect import insert
from core.usecases import provider_blocks, reach

_ACTIVE = reach.IS_ACTIVE
REPLACED = "a stronger cause"
_MOST_CONFIRMED = 200
# The source of an opt-out that was read from free words and that staff have not confirmed yet.
LIKELY = "likely"
# The source of an opt-out whose text can't be taken in yet: once it is, the text takes its place, and is answered.
UNSAVED = "unsaved"
# The same for the text that leaves a topic, while it can't be told which: of everything, until the text is taken in.
UNSAVED_TOPIC = "unsaved topic"
# The source of what still holds of somebody who was erased: where it came from is forgotten.
ERASED = "erased"
_UNTIL_THEN = (LIKELY, UNSAVED, UNSAVED_TOPIC)
# Whoever writes START has a working phone and wants texts; what staff decided is staff's to undo.
MEMBERS_MAY_LIFT = frozenset({SuppressionCause.OPT_OUT, SuppressionCause.HARD_FAILURE})


def active(session: Session, address: str) -> Suppression | None:
    """Return why an address is out of reach of everything now, or None when it isn't."""
    is_theirs = col(Suppression.address) == address
    return session.scalars(sa.select(Suppression).where(is_theirs, _ACTIVE, reach.IS_OF_ALL)).one_or_none()


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
    strikes: int = 0,
    staff_id: UUID | None = None,
) -> bool:
    """Put an address out of reach; a certain opt-out takes the place of anything else, and nothing takes its place.

    `strikes`: how many failures it took. Returns False when the address was out of reach already, for this cause or a
    stronger one.
    """
    provider_blocks.note_refusal(session, error_code, delivery_id, now=now)
    if cause is SuppressionCause.OPT_OUT and source not in (LIKELY, UNSAVED_TOPIC):
        is_weaker = (col(Suppression.cause) != cause) | col(Suppression.source).in_(_UNTIL_THEN)
        _end(session, address, is_weaker & reach.IS_OF_ALL, by=REPLACED, now=now)
    return _add(
        session,
        address,
        cause=cause,
        source=source,
        error_code=error_code,
        strikes=strikes,
        delivery_id=delivery_id,
        inbound_id=inbound_id,
        staff_id=staff_id,
        now=now,
    )


def reached_with(session: Session, address: str) -> list[str]:
    """Return all addresses at which messages stop when they are to stop at one: by e-mail one asks us, not a channel.

    In one order for everybody, so that two who put them out of reach can't wait for each other.
    """
    phones = sa.select(col(Contact.phone)).where(col(Contact.email) == address, col(Contact.phone).is_not(None))
    return sorted({address, *(each for each in session.scalars(phones) if each)})


def leave(
    session: Session,
    address: str,
    *,
    audience_id: UUID | None = None,
    kind: AudienceKind | None = None,
    source: str = "inbound",
    inbound_id: int | None = None,
    now: datetime,
) -> bool:
    """Take an address out of one audience's reach, or of all of one kind; the rest may still message it.

    Returns False when it was out already.
    """
    if source != UNSAVED:
        is_unsaved = col(Suppression.source) == UNSAVED
        _end(session, address, is_unsaved & _is_scope(audience_id, kind), by=REPLACED, now=now)
    return _add(
        session,
        address,
        cause=SuppressionCause.OPT_OUT,
        source=source,
        audience_id=audience_id,
        audience_kind=kind,
        inbound_id=inbound_id,
        now=now,
    )


def rejoin(
    session: Session,
    address: str,
    *,
    audience_id: UUID | None = None,
    kind: AudienceKind | None = None,
    now: datetime,
) -> bool:
    """Undo `leave`; with no scope, all that was left. Returns False when nothing was."""
    is_named = _is_scope(audience_id, kind) if audience_id or kind else ~reach.IS_OF_ALL
    return _end(session, address, is_named, by="member", now=now)


def rejoin_each(session: Session, address: str, kind: AudienceKind, *, now: datetime) -> bool:
    """Undo what was left by name of the audiences of one kind. Returns False when nothing was."""
    pools = sa.select(col(Audience.id)).where(col(Audience.kind) == kind)
    return _end(session, address, col(Suppression.audience_id).in_(pools), by="member", now=now)


def narrow(session: Session, address: str, *, now: datetime) -> None:
    """Undo what held of everything only because a text that leaves a topic could not be taken in."""
    _end(session, address, reach.IS_OF_ALL & (col(Suppression.source) == UNSAVED_TOPIC), by=REPLACED, now=now)


def _is_scope(audience_id: UUID | None, kind: AudienceKind | None) -> sa.ColumnElement[bool]:
    of_audience = (col(Suppression.audience_id) == audience_id) & col(Suppression.audience_id).is_not(None)
    return of_audience | (col(Suppression.audience_kind) == kind) & col(Suppression.audience_kind).is_not(None)


def _add(session: Session, address: str, *, now: datetime, **values: Any) -> bool:
    usual = {"id": uuid4(), "address": address, "error_code": 0, "strikes": 0, "created_at": now, "lifted_by": ""}
    added = session.scalar(
        insert(session, Suppression).values(**(usual | values)).on_conflict_do_nothing().returning(col(Suppression.id))
    )
    return added is not None


def lift(session: Session, address: str, *, by: str, now: datetime) -> bool:
    """Let an address be messaged again; the record of why it wasn't is kept. Returns False when nothing was to lift.

    `by` says who wanted it: "cli" or "member". Staff lift what they have seen: `lift_one`.
    """
    return _end(session, address, sa.true(), by=by, now=now)


def lift_one(session: Session, found: Suppression, *, by: str, now: datetime) -> bool:
    """Lift this suppression and no other. Returns False when it was lifted or replaced meanwhile."""
    return _end(session, found.address, col(Suppression.id) == found.id, by=by, now=now)


def lift_request(session: Session, found: Suppression, *, by: str, now: datetime) -> list[str]:
    """Lift this suppression, and those of the person's other addresses that the same request made.

    Returns the addresses that may be messaged again; none when it was lifted or replaced meanwhile.
    """
    if not lift_one(session, found, by=by, now=now):
        return []
    others = session.scalars(sa.select(Suppression).where(_is_of_same_request(found), _ACTIVE, reach.IS_OF_ALL)).all()
    return [found.address, *(each.address for each in others if lift_one(session, each, by=by, now=now))]


def _is_of_same_request(found: Suppression) -> sa.ColumnElement[bool]:
    """Return the SQL for whether the same text or click put another address of the person out of reach."""
    theirs = sa.select(Contact).where((col(Contact.phone) == found.address) | (col(Contact.email) == found.address))
    addresses = theirs.subquery()
    is_hers = col(Suppression.address).in_(sa.select(addresses.c.phone).union(sa.select(addresses.c.email)))
    is_at_once = col(Suppression.created_at) == found.created_at
    is_of_text = col(Suppression.inbound_id) == found.inbound_id if found.inbound_id else sa.false()
    return sa.and_(
        is_hers,
        col(Suppression.address) != found.address,
        col(Suppression.cause) == found.cause,
        sa.or_(is_of_text, is_at_once),
    )


def forget(session: Session, addresses: Sequence[str]) -> int:
    """Forget of these addresses what holds no more and what failed, and of the rest all but cause, scope and time.

    Returns how many this changed.
    """
    is_theirs = col(Suppression.address).in_(addresses)
    is_over = ~_ACTIVE | (col(Suppression.cause) == SuppressionCause.HARD_FAILURE)
    unsynced = {"synchronize_session": False}
    gone = session.execute(sa.delete(Suppression).where(is_theirs, is_over).execution_options(**unsynced))
    blank = {"source": ERASED, "error_code": 0, "strikes": 0, "delivery_id": None, "inbound_id": None, "staff_id": None}
    blanking = sa.update(Suppression).where(is_theirs, col(Suppression.source) != ERASED).values(**blank)
    left = session.execute(blanking.execution_options(**unsynced))
    return int(gone.rowcount + left.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it


def start(session: Session, address: str, *, now: datetime) -> bool:
    """Undo a member's STOP, as they ask; topics that they have left stay left. Returns False when there was none."""
    is_theirs = reach.IS_OF_ALL & col(Suppression.cause).in_(MEMBERS_MAY_LIFT)
    return _end(session, address, is_theirs, by="member", now=now)


def confirm_likely(session: Session, *, before: datetime, now: datetime) -> list[Suppression]:
    """Make likely opt-outs certain that nobody has looked at since `before`; returns those that they replace."""
    found = session.scalars(_unanswered(before).limit(_MOST_CONFIRMED).with_for_update(skip_locked=True)).all()
    for each in found:
        opt_out(session, each.address, source="unanswered", inbound_id=each.inbound_id, now=now)
    return list(found)


def has_unanswered(session: Session, *, before: datetime) -> bool:
    """Tell whether a likely opt-out has waited for staff since `before`."""
    return session.scalar(_unanswered(before).limit(1)) is not None


def _unanswered(before: datetime) -> sa.Select[Suppression]:
    is_due = (_ACTIVE, col(Suppression.source) == LIKELY, col(Suppression.created_at) <= before)
    return sa.select(Suppression).where(*is_due).order_by(col(Suppression.created_at))


def lift_likely(session: Session, address: str, *, by: str, now: datetime) -> bool:
    """Let an address be messaged again that was blocked on suspicion, and others that the same text blocked.

    Who has said STOP meanwhile stays blocked.
    """
    is_suspected = col(Suppression.source) == LIKELY
    lifted = [_end(session, each, is_suspected, by=by, now=now) for each in suspected(session, address)]
    return any(lifted)


def suspected(session: Session, address: str) -> list[str]:
    """Return this address and the person's others that the same text blocked on suspicion, if it did; in one order."""
    held = active(session, address)
    if held is None or held.source != LIKELY:
        return []
    is_likely = (_is_of_same_request(held), _ACTIVE, col(Suppression.source) == LIKELY)
    return sorted({address, *session.scalars(sa.select(col(Suppression.address)).where(*is_likely))})


def _end(session: Session, address: str, which: sa.ColumnElement[bool], *, by: str, now: datetime) -> bool:
    ended = session.execute(
        sa.update(Suppression)
        .where(col(Suppression.address) == address, _ACTIVE, which)
        .values(lifted_at=now, lifted_by=by[:64])
        .execution_options(synchronize_session="fetch")
    )
    return bool(ended.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it
