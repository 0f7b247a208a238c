"""Hold a running blast whose failures or opt-outs are out of the ordinary; a person looks, and resumes or cancels."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from core import outbox
from core.domain.events import BlastChanged
from core.domain.lifecycles import LOST_BY_US, BlastStatus, DeliveryStatus, move
from core.domain.receipts import ENDS
from core.models import AuditEntry, Blast, Delivery, Suppression, SuppressionCause
from core.usecases import reach

# Of the last so many whose end is known; a handful of failures at the beginning says nothing yet.
_WINDOW = 200
_MOST_FAILED_SHARE = 0.15
_FEWEST_FAILED = 20
_MOST_OPTED_OUT_SHARE = 0.03
_FEWEST_OPTED_OUT = 10
# Nobody knows of these whether they left: a provider that only answers with errors takes all of them, or none.
_MOST_UNKNOWN_SHARE = 0.2
_FEWEST_UNKNOWN = 20
# Spelled as the index of what has ended is.
_HAS_ENDED = (*ENDS, DeliveryStatus.REFUSED)


def hold(session: Session, blast_id: UUID, reason: str, *, now: datetime) -> bool:
    """Pause a running blast with a reason for its card. Returns False if it wasn't running."""
    held = session.execute(
        sa.update(Blast)
        .where(col(Blast.id) == blast_id, col(Blast.status) == BlastStatus.SENDING)
        .values(status=move("pause", BlastStatus.SENDING), held_reason=reason)
        .execution_options(synchronize_session=False)
    )
    if held.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result has it
        return False
    session.add(AuditEntry(at=now, action="blast.hold", blast_id=blast_id, fields={"reason": reason}))
    outbox.record(session, BlastChanged(blast_id, note=reason), now=now)
    return True


_RUNNING = sa.select(col(Blast.id), col(Blast.started_at), col(Blast.resumed_at)).where(
    col(Blast.status) == BlastStatus.SENDING
)


def alarming(session: Session) -> list[tuple[UUID, str]]:
    """Return the running blasts that must be held, each with the reason for its card.

    What happened before somebody looked and resumed doesn't count again.
    """
    running = session.execute(_RUNNING).all()
    found = ((row.id, _alarm(session, row.id, since=row.resumed_at or row.started_at)) for row in running)
    return [(blast_id, reason) for blast_id, reason in found if reason]


def brake(session: Session, blast_id: UUID, *, now: datetime) -> bool:
    """Hold a blast that was found alarming, if it still is: since then a person may have looked, and resumed it."""
    row = session.execute(_RUNNING.where(col(Blast.id) == blast_id).with_for_update()).one_or_none()
    reason = _alarm(session, row.id, since=row.resumed_at or row.started_at) if row else None
    return reason is not None and hold(session, blast_id, reason, now=now)


def _alarm(session: Session, blast_id: UUID, *, since: datetime) -> str | None:
    latest = session.scalars(
        sa.select(col(Delivery.status))
        .where(col(Delivery.blast_id) == blast_id, col(Delivery.status).in_(_HAS_ENDED), col(Delivery.ended_at) > since)
        .order_by(col(Delivery.ended_at).desc())
        .limit(_WINDOW)
    ).all()
    failed = sum(status is not DeliveryStatus.DELIVERED for status in latest)
    if failed >= _FEWEST_FAILED and failed >= _MOST_FAILED_SHARE * len(latest):
        return (
            f"{failed} of the last {len(latest)} texts did not arrive. Look at the causes below; resume if they "
            "are no surprise, or cancel."
        )
    return _unknown_alarm(session, blast_id, since) or _opt_out_alarm(session, blast_id, since)


def _unknown_alarm(session: Session, blast_id: UUID, since: datetime) -> str | None:
    unknown = session.scalar(
        sa.select(sa.func.count()).where(
            col(Delivery.blast_id) == blast_id,
            col(Delivery.status) == DeliveryStatus.UNKNOWN,
            col(Delivery.claimed_at) > since,
            col(Delivery.error).not_in(LOST_BY_US),
        )
    )
    if not unknown or unknown < _FEWEST_UNKNOWN:
        return None
    if unknown >= _MOST_UNKNOWN_SHARE * (unknown + _left(session, blast_id, since)):
        return (
            f"The provider's answer to {unknown:,} texts was lost or an error, so nobody knows yet whether they left. "
            "Each is being looked up there. Look at the provider's status page; resume when it is well, or cancel."
        )
    return None


def _left(session: Session, blast_id: UUID, since: datetime) -> int:
    query = sa.select(sa.func.count()).where(col(Delivery.blast_id) == blast_id, col(Delivery.accepted_at) > since)
    return session.scalar(query) or 0


def _opt_out_alarm(session: Session, blast_id: UUID, since: datetime) -> str | None:
    # People, not requests: somebody may leave a topic, then all of it. Who was texted before somebody looked would be
    # held against the few texted since; and it's the last blast that somebody answers.
    later = aliased(Delivery)
    reached_by_another = sa.exists().where(
        col(later.address) == col(Delivery.address),
        col(later.blast_id) != blast_id,
        col(later.accepted_at) > col(Delivery.accepted_at),
        col(later.accepted_at) <= col(Suppression.created_at),
    )
    opted_out = session.scalar(
        sa.select(sa.func.count(sa.distinct(col(Suppression.address))))
        .select_from(Suppression)
        .join(Delivery, col(Delivery.address) == col(Suppression.address))
        .where(
            col(Delivery.blast_id) == blast_id,
            col(Delivery.accepted_at) > since,
            col(Delivery.accepted_at) <= col(Suppression.created_at),
            col(Suppression.cause) == SuppressionCause.OPT_OUT,
            col(Suppression.created_at) > since,
            reach.IS_ACTIVE,
            reach.is_for(reach.of_blast(blast_id)),
            ~reached_by_another,
        )
    )
    if not opted_out or opted_out < _FEWEST_OPTED_OUT:
        return None
    left = _left(session, blast_id, since)
    if opted_out >= _MOST_OPTED_OUT_SHARE * left:
        return (
            f"{opted_out} of {left:,} people opted out of this blast. Look at its words and its audience; resume if "
            "you expected this, or cancel."
        )
    return None
