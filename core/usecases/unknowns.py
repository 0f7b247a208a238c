"""What a person decides about texts that may have left and can't be traced: send them again, or leave them.

One that is left stays `unknown`, since that is what we know of it, and gets an end, so that its blast ends as well.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain.events import BlastChanged
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.errors import IllegalMove, NotFound, Stale
from core.models import AuditEntry, Blast, Delivery, Role, Staff
from core.usecases import staffing

_RUNNING = frozenset({BlastStatus.SENDING, BlastStatus.PAUSED})
_IS_OPEN = (col(Delivery.status) == DeliveryStatus.UNKNOWN, col(Delivery.ended_at).is_(None))


def resend(session: Session, blast_id: UUID, *, by: Staff, seen: int, now: datetime) -> Blast:
    """Send a blast's untraced texts again, as staff accept that somebody may get theirs twice.

    Raises:
        NotAllowed: `by` is no approver.
        IllegalMove: the blast isn't running, or nothing of it is in doubt any more.
    """
    blast = _running(session, blast_id, by=by, seen=seen)
    again = {"status": DeliveryStatus.PENDING, "was_resent": True, "looks": 0, "untraced_at": None, "not_before": now}
    return _decide(session, blast, "resend_unknown", again, by=by, now=now)


def leave(session: Session, blast_id: UUID, *, by: Staff, seen: int, now: datetime) -> Blast:
    """Leave a blast's untraced texts as they are: nothing waits for them any more; a late receipt still counts.

    Raises:
        As for `resend`.
    """
    blast = _running(session, blast_id, by=by, seen=seen)
    return _decide(session, blast, "leave_unknown", {"ended_at": now}, by=by, now=now)


def has_old(session: Session, *, after: timedelta, now: datetime) -> bool:
    """Tell whether an unknown has been open for longer than `after`."""
    return session.scalar(sa.select(sa.literal(1)).where(*_is_old(after, now)).limit(1)) is not None


def leave_old(session: Session, *, after: timedelta, now: datetime) -> int:
    """Leave what nobody has decided about for so long, since every blast must end; returns how many."""
    left = session.execute(
        sa.update(Delivery)
        .where(*_is_old(after, now))
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )
    return int(left.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it


def _is_old(after: timedelta, now: datetime) -> list[sa.ColumnElement[bool]]:
    return [*_IS_OPEN, col(Delivery.claimed_at) < now - after]


def _running(session: Session, blast_id: UUID, *, by: Staff, seen: int) -> Blast:
    """Return the blast, held to the end of the transaction: of two who press at once, one comes second."""
    staffing.require(by, Role.APPROVER)
    blast = session.get(Blast, blast_id, with_for_update=True, populate_existing=True)
    if blast is None:
        raise NotFound("There is no such blast any more.")
    if blast.revision != seen:
        raise Stale("This blast was changed since you saw it. Its card now shows what it says: read it again.")
    if blast.status not in _RUNNING:
        raise IllegalMove("This blast isn't being sent any more, so nothing of it is sent again.")
    return blast


def _decide(session: Session, blast: Blast, verb: str, values: dict[str, Any], *, by: Staff, now: datetime) -> Blast:
    decided = session.execute(
        sa.update(Delivery)
        .where(col(Delivery.blast_id) == blast.id, *_IS_OPEN, col(Delivery.untraced_at).is_not(None))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    count = int(decided.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it
    if not count:
        raise IllegalMove("Nothing of this blast is in doubt any more: a receipt or somebody else was quicker.")
    session.add(AuditEntry(at=now, action=f"blast.{verb}", staff_id=by.id, blast_id=blast.id, fields={"count": count}))
    outbox.record(session, BlastChanged(blast.id, by.id), now=now)
    return blast
