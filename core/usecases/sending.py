"""What happens to a delivery on its way out: queued, claimed before the call, given back, unknown after its lease."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Blast, ChannelName, Delivery, DeliveryKind, SkipReason, Suppression
from core.models.dialect import recordset
from core.usecases.merging import merged
from core.usecases.planning import skip_reason

_URGENT = 0
_HOUR = timedelta(hours=1)
# When a recipient has had their fill for the hour, look again after this long.
_LOOK_AGAIN = timedelta(minutes=5)
# Made once: an alias of so wide a table costs more than the rest of a claim.
_OTHER = sa.alias(sa.inspect(Delivery).local_table, "other")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process may now send, once, as this attempt."""

    id: int
    attempt: int
    kind: DeliveryKind
    address: str
    body: str
    segments: int
    blast_id: UUID | None
    closes_at: datetime | None = None


def queue(
    session: Session,
    *,
    kind: DeliveryKind,
    address: str,
    body: str,
    sender: str,
    now: datetime,
    conversation_id: UUID | None = None,
    contact_id: UUID | None = None,
    staff_id: UUID | None = None,
) -> Delivery:
    """Queue a reply, an answer or a test; it overtakes every blast."""
    delivery = Delivery(
        kind=kind,
        channel=ChannelName.SMS,
        sender=sender,
        address=address,
        body=body,
        priority=_URGENT,
        conversation_id=conversation_id,
        contact_id=contact_id,
        staff_id=staff_id,
        created_at=now,
        not_before=now,
    )
    session.add(delivery)
    session.flush()
    return delivery


def due_senders(session: Session, *, now: datetime) -> list[str]:
    """Return the senders that have something to send now; its cost doesn't grow with what waits."""
    running = lanes(session)
    return [
        sender for sender in _waiting_senders(session) if any(_is_due(session, sender, lane, now) for lane in running)
    ]


def _waiting_senders(session: Session) -> list[str]:
    # One index probe a sender: DISTINCT would read every waiting row.
    found: list[str] = []
    following: str | None = ""
    while following is not None:
        following = session.scalar(
            sa.select(col(Delivery.sender))
            .where(col(Delivery.status) == DeliveryStatus.PENDING, col(Delivery.sender) > following)
            .order_by(col(Delivery.sender))
            .limit(1)
        )
        found += [following] if following is not None else []
    return found


def _is_due(session: Session, sender: str, lane: UUID | None, now: datetime) -> bool:
    due = sa.select(sa.literal(1)).where(*_due(sender, lane, now)).limit(1)
    return session.scalar(due) is not None


def _due(sender: str, lane: UUID | None, now: datetime) -> list[sa.ColumnElement[bool]]:
    return [
        col(Delivery.sender) == sender,
        col(Delivery.status) == DeliveryStatus.PENDING,
        col(Delivery.not_before) <= now,
        col(Delivery.closes_at).is_(None) | (col(Delivery.closes_at) > now),
        *_in_lane(lane),
    ]


def lanes(session: Session) -> list[UUID | None]:
    """Return what shares a sender: first everything urgent (None), then each running blast."""
    running = session.scalars(
        sa.select(col(Blast.id)).where(col(Blast.status) == BlastStatus.SENDING).order_by(col(Blast.started_at))
    )
    return [None, *running]


def claim(
    session: Session, lane: UUID | None, *, sender: str, limit: int, hourly_cap: int, now: datetime
) -> list[Claimed]:
    """Claim up to `limit` due messages of a lane, oldest first, each of them for this process alone.

    One statement decides: whoever is suppressed by now is skipped, a blast that isn't `sending` by now yields nothing,
    and whoever has had `hourly_cap` messages within the hour, or sleeps, waits. A STOP or pause committed before wins.
    """
    due = (
        sa.select(col(Delivery.id))
        .where(*_due(sender, lane, now))
        .order_by(col(Delivery.priority), col(Delivery.not_before), col(Delivery.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    cause = (
        sa.select(skip_reason(col(Suppression.cause)))
        .where(
            col(Suppression.address) == col(Delivery.address),
            col(Suppression.lifted_at).is_(None),
            # The one confirmation of an opt-out goes to somebody who is suppressed by then.
            col(Delivery.kind) != DeliveryKind.ANSWER,
        )
        .scalar_subquery()
    )
    has_had_enough = _sent_within_the_hour(now) >= hourly_cap
    may_go = sa.and_(cause.is_(None), ~has_had_enough)
    rows = session.execute(
        sa.update(Delivery)
        .where(col(Delivery.id).in_(sa.select(due.c.id)))
        .values(
            status=sa.case(
                (cause.is_not(None), DeliveryStatus.SKIPPED.value),
                (has_had_enough, DeliveryStatus.PENDING.value),
                else_=DeliveryStatus.CLAIMED.value,
            ),
            skip_reason=cause,
            attempt=sa.case((may_go, col(Delivery.attempt) + 1), else_=col(Delivery.attempt)),
            claimed_at=sa.case((may_go, now), else_=col(Delivery.claimed_at)),
            ended_at=sa.case((cause.is_not(None), now), else_=None),
            not_before=sa.case((has_had_enough, now + _LOOK_AGAIN), else_=col(Delivery.not_before)),
        )
        .returning(
            col(Delivery.id),
            col(Delivery.attempt),
            col(Delivery.status),
            col(Delivery.kind),
            col(Delivery.address),
            col(Delivery.body),
            col(Delivery.contact_id),
            col(Delivery.closes_at),
        )
        .execution_options(synchronize_session=False)
    ).all()
    claimed = [row for row in rows if row.status is DeliveryStatus.CLAIMED]
    return _with_bodies(session, lane, claimed, now=now)


def _in_lane(lane: UUID | None) -> list[sa.ColumnElement[bool]]:
    if lane is None:
        return [col(Delivery.blast_id).is_(None)]
    is_sending = sa.exists().where(col(Blast.id) == lane, col(Blast.status) == BlastStatus.SENDING)
    return [col(Delivery.blast_id) == lane, is_sending]


def _sent_within_the_hour(now: datetime) -> sa.ScalarSelect[int]:
    return (
        sa.select(sa.func.count())
        .select_from(_OTHER)
        .where(_OTHER.c.address == col(Delivery.address), _OTHER.c.claimed_at > now - _HOUR)
        .scalar_subquery()
    )


def _with_bodies(session: Session, lane: UUID | None, rows: Sequence[sa.Row[Any]], *, now: datetime) -> list[Claimed]:
    """Give each claimed row its text; one for whom it can't be made any more is skipped, with the reason."""
    texts = merged(session, lane, rows)
    unmade = {row.id: text for row, text in zip(rows, texts, strict=True) if isinstance(text, SkipReason)}
    for reason in set(unmade.values()):
        session.execute(
            sa.update(Delivery)
            .where(col(Delivery.id).in_([key for key, why in unmade.items() if why is reason]))
            .values(status=DeliveryStatus.SKIPPED, skip_reason=reason, ended_at=now)
            .execution_options(synchronize_session=False)
        )
    return [
        Claimed(row.id, row.attempt, row.kind, row.address, text.body, text.segments, lane, row.closes_at)
        for row, text in zip(rows, texts, strict=True)
        if not isinstance(text, SkipReason)
    ]


def release(session: Session, claims: Sequence[Claimed]) -> None:
    """Give back what was claimed and is known not to have been sent: the next claim takes it up at once."""
    rows = [{"id": claim.id, "attempt": claim.attempt} for claim in claims]
    back = recordset(session, "back", {"id": sa.BigInteger(), "attempt": sa.Integer()}, rows)
    session.execute(
        sa.update(Delivery)
        .where(
            col(Delivery.id) == back.c.id,
            col(Delivery.attempt) == back.c.attempt,
            col(Delivery.status) == DeliveryStatus.CLAIMED,
        )
        .values(status=DeliveryStatus.PENDING, attempt=col(Delivery.attempt) - 1)
        .execution_options(synchronize_session=False)
    )


def has_stale_claims(session: Session, *, lease: timedelta, now: datetime) -> bool:
    """Tell whether a claim is older than `lease`."""
    return session.scalar(sa.select(sa.literal(1)).where(*_is_stale(lease, now)).limit(1)) is not None


def end_leases(session: Session, *, lease: timedelta, now: datetime) -> int:
    """Call unknown what was claimed longer than `lease` ago: its process died, or its answer was lost.

    Returns how many.
    """
    ended = session.execute(
        sa.update(Delivery)
        .where(*_is_stale(lease, now))
        .values(status=DeliveryStatus.UNKNOWN, error="No answer was recorded before its lease ended.", not_before=now)
        .execution_options(synchronize_session=False)
    )
    return int(ended.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it


def _is_stale(lease: timedelta, now: datetime) -> list[sa.ColumnElement[bool]]:
    return [col(Delivery.status) == DeliveryStatus.CLAIMED, col(Delivery.claimed_at) < now - lease]
