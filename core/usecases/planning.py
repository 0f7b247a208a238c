"""Who receives a blast, and the one statement that writes a delivery for each of them."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain.events import BlastExpired, BlastStarted
from core.domain.hours import QuietHours
from core.domain.lifecycles import BlastStatus, DeliveryStatus, move
from core.domain.senders import Sender
from core.models import (
    Blast,
    BlastAudience,
    ChannelName,
    Contact,
    Delivery,
    DeliveryKind,
    Membership,
    SkipReason,
)
from core.models.columns import UtcDateTime
from core.models.dialect import insert
from core.usecases import assigning, canary, reach, windows

BLAST_PRIORITY = 5


def recipients(
    audience_ids: Collection[UUID], excluded_ids: Collection[UUID], channel: ChannelName
) -> sa.Select[UUID, str, str, str]:
    """Return the query for (contact id, address, zones, region) of everybody in the audiences and in no excluded one.

    A contact in several audiences comes once.
    """
    address = col(Contact.email) if channel is ChannelName.EMAIL else col(Contact.phone)
    chosen = sa.select(col(Membership.contact_id)).where(col(Membership.audience_id).in_(audience_ids))
    query: sa.Select[UUID, str, str, str] = sa.select(
        col(Contact.id), sa.type_coerce(address, sa.Text()).label("address"), col(Contact.zones), col(Contact.region)
    ).where(col(Contact.id).in_(chosen), address.is_not(None))
    if excluded_ids:
        left_out = sa.select(col(Membership.contact_id)).where(col(Membership.audience_id).in_(excluded_ids))
        query = query.where(col(Contact.id).not_in(left_out))
    return query


def audiences(session: Session, blast_id: UUID) -> tuple[list[UUID], list[UUID]]:
    """Return the ids of the audiences that a blast is for, and of those it leaves out."""
    rows = session.execute(
        sa.select(col(BlastAudience.audience_id), col(BlastAudience.is_excluded)).where(
            col(BlastAudience.blast_id) == blast_id
        )
    ).all()
    return [row[0] for row in rows if not row[1]], [row[0] for row in rows if row[1]]


# Made once, since it is asked twenty times a second.
_DUE = (
    sa.select(col(Blast.id))
    .where(col(Blast.status) == BlastStatus.APPROVED, col(Blast.starts_at) <= sa.bindparam("now", type_=UtcDateTime()))
    .order_by(col(Blast.starts_at))
)


def due(session: Session, *, now: datetime) -> list[UUID]:
    """Return the approved blasts whose time has come."""
    return list(session.scalars(_DUE, {"now": now}))


def start(
    session: Session,
    blast_id: UUID,
    *,
    sender: str,
    quiet: QuietHours | None,
    max_lag: timedelta,
    now: datetime,
    canary_size: int = 0,
    among: Sequence[Sender] = (),
) -> BlastStatus | None:
    """Start an approved blast whose time has come: plan its deliveries, or let it expire when it was found too late.

    `among`: the senders that its texts may leave from; with none of them given, all leave from `sender`.
    Returns its new status, or None when another clock was quicker, or it was undone or cancelled meanwhile.
    """
    blast = session.get(Blast, blast_id)
    if blast is None or blast.starts_at is None:
        return None
    is_late = now - blast.starts_at > max_lag
    target = move("expire" if is_late else "start", BlastStatus.APPROVED)
    moved = session.execute(
        sa.update(Blast)
        .where(col(Blast.id) == blast_id, col(Blast.status) == BlastStatus.APPROVED, col(Blast.starts_at) <= now)
        .values(status=target, **({"finished_at": now} if is_late else {"started_at": now}))
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result has it
        return None
    if is_late:
        outbox.record(session, BlastExpired(blast_id), now=now)
        return target
    plan(session, blast, sender=sender, among=among, quiet=quiet, now=now)
    if canary_size:
        canary.choose(session, blast_id, size=canary_size, now=now)
    outbox.record(session, BlastStarted(blast_id), now=now)
    return target


def plan(
    session: Session,
    blast: Blast,
    *,
    sender: str,
    quiet: QuietHours | None,
    now: datetime,
    among: Sequence[Sender] = (),
) -> None:
    """Write a delivery for each recipient, in one INSERT … SELECT; it may run twice.

    Suppressed ones get theirs too, skipped with the reason, so that it can be told why they weren't messaged.
    """
    wanted, left_out = audiences(session, blast.id)
    who = recipients(wanted, left_out, blast.channel).subquery("who")
    opens = windows.of(session, windows.places(session, who), quiet, now=now)
    held = reach.held(wanted)
    reason = sa.func.coalesce(held.c.reason, sa.case((opens.c.opens_at.is_(None), SkipReason.QUIET_HOURS.value)))
    columns: dict[str, sa.ColumnElement[Any]] = {
        "contact_id": who.c.id,
        "address": who.c.address,
        "not_before": sa.func.coalesce(opens.c.opens_at, sa.literal(now, type_=UtcDateTime())),
        "closes_at": opens.c.closes_at,
        "status": sa.case((reason.is_not(None), DeliveryStatus.SKIPPED.value), else_=DeliveryStatus.PENDING.value),
        "skip_reason": reason,
        "sender": assigning.sender_of(who, _senders(blast, sender, among)),
        **_constants(blast, now),
    }
    source = who.join(opens, windows.is_at(opens, who)).outerjoin(held, held.c.address == who.c.address)
    # SQLite wants a WHERE before ON CONFLICT.
    rows = sa.select(*columns.values()).select_from(source).where(who.c.address.is_not(None))
    # Not WHERE NOT EXISTS: a planner that takes the table for empty would read all of it again for every row.
    again = insert(session, Delivery).from_select(list(columns), rows).on_conflict_do_nothing()
    session.execute(again)


def _senders(blast: Blast, sender: str, among: Sequence[Sender]) -> Sequence[Sender]:
    is_by_phone = blast.channel is ChannelName.SMS
    return among if among and is_by_phone else [Sender(sender, 0)]


def _constants(blast: Blast, now: datetime) -> dict[str, sa.ColumnElement[Any]]:
    return {
        "blast_id": sa.literal(blast.id, type_=sa.Uuid()),
        "kind": sa.literal(DeliveryKind.BLAST.value),
        "channel": sa.literal(blast.channel.value),
        "created_at": sa.literal(now, type_=UtcDateTime()),
        "priority": sa.literal(BLAST_PRIORITY),
        "error": sa.literal(""),
        "was_resent": sa.false(),
        **{name: sa.literal(0) for name in ("attempt", "rank", "segments", "error_code")},
    }
