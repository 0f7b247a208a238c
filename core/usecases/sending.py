"""What happens to a delivery on its way out: queued, claimed before the call, given back."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from time import monotonic
from typing import Any, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col

from core.domain.lifecycles import IN_FLIGHT, BlastStatus, DeliveryStatus
from core.models import Blast, CanaryStatus, ChannelName, Delivery, DeliveryKind, SkipReason, Suppression
from core.models.columns import UtcDateTime
from core.models.dialect import read_in_order, recordset
from core.usecases import reach, text_backs
from core.usecases.merging import merged
from core.usecases.planning import BLAST_PRIORITY

T = TypeVar("T")
# A value, or the place for one in a statement that is made once.
Bound: TypeAlias = T | sa.BindParameter[T]

_URGENT = 0
_HOUR = timedelta(hours=1)
# When a recipient has had their fill for the hour, look again after this long.
_LOOK_AGAIN = timedelta(minutes=5)
# Spelled out, so that a plan made for any parameters may use the index of what is pending.
_IS_PENDING = col(Delivery.status) == sa.literal_column(f"'{DeliveryStatus.PENDING.value}'")
_RUNNING = (
    sa.select(col(Blast.id), col(Blast.resumed_at))
    .where(col(Blast.status) == BlastStatus.SENDING)
    .order_by(col(Blast.started_at))
)
_TABLE = SQLModel.metadata.tables[Delivery.__tablename__]
_KINDS = {kind.value: kind for kind in DeliveryKind}
_OTHER = sa.alias(_TABLE, "other")
_MAY_HAVE_REACHED = [
    status.value for status in (DeliveryStatus.CLAIMED, DeliveryStatus.UNKNOWN, *IN_FLIGHT, DeliveryStatus.DELIVERED)
]
# What has left counts against the hour, even if it didn't arrive: two machines that answer each other must end.
_HAS_NOT_LEFT = [status.value for status in (DeliveryStatus.PENDING, DeliveryStatus.REFUSED, DeliveryStatus.SKIPPED)]


class Claimed(NamedTuple):
    """A message that this process may now send, once, as this attempt."""

    id: int
    attempt: int
    kind: DeliveryKind
    address: str
    body: str
    segments: int
    blast_id: UUID | None
    closes_at: datetime | None = None
    claimed_at: datetime | None = None


class Run(NamedTuple):
    """A blast that is being sent, since it was started or last resumed: it never is the same run twice."""

    blast_id: UUID
    resumed_at: datetime | None


class Claims(list[Claimed]):
    """What a claim brought. `looked_at`: how many rows it decided on, also those that it skipped or put off.

    `since`: it knows of no STOP, pause or cancel that came later (on the monotonic clock, seconds).
    """

    def __init__(self, claimed: Iterable[Claimed] = (), *, looked_at: int = 0) -> None:
        super().__init__(claimed)
        self.looked_at = looked_at
        self.since = monotonic()


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
    found = {sender for lane in lanes(session) for sender in _due_in(session, lane, now)}
    return sorted(found)


def _due_in(session: Session, lane: UUID | None, now: datetime) -> Iterator[str]:
    # One index probe a sender: DISTINCT would read every waiting row.
    sender = _following(session, lane, "")
    while sender is not None:
        if session.scalar(sa.select(sa.literal(1)).where(*_due(sender, lane, now)).limit(1)) is not None:
            yield sender
        sender = _following(session, lane, sender)


def _following(session: Session, lane: UUID | None, sender: str) -> str | None:
    return session.scalar(
        sa.select(col(Delivery.sender))
        .where(_IS_PENDING, col(Delivery.blast_id) == lane, col(Delivery.sender) > sender)
        .order_by(col(Delivery.sender))
        .limit(1)
    )


def _due(sender: Bound[str], lane: Bound[UUID] | None, now: Bound[datetime]) -> list[sa.ColumnElement[bool]]:
    return [
        col(Delivery.sender) == sender,
        _IS_PENDING,
        col(Delivery.not_before) <= now,
        col(Delivery.closes_at).is_(None) | (col(Delivery.closes_at) > now),
        *_in_lane(lane),
    ]


def has_urgent(session: Session, sender: str, *, now: datetime) -> bool:
    """Tell whether a reply, an answer or a test is due."""
    return session.scalar(sa.select(sa.literal(1)).where(*_due(sender, None, now)).limit(1)) is not None


def lanes(session: Session) -> list[UUID | None]:
    """Return what shares a sender: first everything urgent (None), then each running blast."""
    return [None, *(run.blast_id for run in running(session))]


def running(session: Session) -> list[Run]:
    """Return the blasts that are being sent."""
    return [Run(*row) for row in session.execute(_RUNNING)]


def claim(
    session: Session,
    lane: UUID | None,
    *,
    sender: str,
    limit: int,
    hourly_cap: int,
    now: datetime,
    heard_since: datetime | None = None,
) -> Claims:
    """Claim up to `limit` due messages of a lane, oldest first, each of them for this process alone.

    One statement decides: whoever is suppressed by now is skipped, a blast that isn't `sending` by now yields nothing,
    and whoever has had `hourly_cap` messages within the hour, or sleeps, waits. A STOP or pause committed before wins.
    `heard_since`: who was messaged by another blast since then is skipped.
    """
    bound = {"by": sender, "most": limit, "cap": hourly_cap, "now": now}
    bound |= {"an_hour_ago": now - _HOUR, "later": now + _LOOK_AGAIN}
    bound |= {} if lane is None else {"lane": lane}
    is_capped = heard_since is not None and lane is not None
    bound |= {"heard_since": heard_since} if is_capped else {}
    read_in_order(session)
    rows = session.execute(_claiming(is_urgent=lane is None, is_capped=is_capped), bound).all()
    claimed = [row for row in rows if row.status == DeliveryStatus.CLAIMED.value]
    if lane is None:
        for row in rows:
            if row.skip_reason:
                text_backs.tell_skipped(session, _KINDS[row.kind], row.conversation_id, row.skip_reason, now=now)
    return Claims(_with_bodies(session, lane, claimed, now=now), looked_at=len(rows))


@lru_cache(maxsize=3)
def _claiming(*, is_urgent: bool, is_capped: bool) -> sa.Update:
    """Return the statement that claims; made once, since making it costs as much as running it."""
    now = sa.bindparam("now", type_=UtcDateTime())
    lane = None if is_urgent else sa.bindparam("lane", type_=sa.Uuid())
    cause = sa.func.coalesce(_cause(lane), _heard_lately()) if is_capped else _cause(lane)
    due = (
        # Judged here, where each row is looked at once, rather than in every column that depends on it.
        sa.select(_TABLE.c.id, _TABLE.c.address, cause.label("cause"), _sent_within_the_hour().label("sent"))
        .where(*_due(sa.bindparam("by", type_=sa.String()), lane, now))
        .order_by(_TABLE.c.priority, _TABLE.c.not_before, _TABLE.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True, of=_TABLE)
        .cte("due")
    )
    # A blast has one copy for each; of what is urgent, several may be for one person, and all of them count.
    earlier = (
        sa.func.row_number().over(partition_by=due.c.address, order_by=due.c.id) - 1 if is_urgent else sa.literal(0)
    )
    has_had_enough = due.c.sent + earlier >= sa.bindparam("cap", type_=sa.Integer())
    due = sa.select(due.c.id, due.c.cause, has_had_enough.label("has_had_enough")).cte("judged")
    is_suppressed = due.c.cause.is_not(None)
    may_go = sa.not_(sa.or_(is_suppressed, due.c.has_had_enough))
    told = ["id", "attempt", "address", "body", "contact_id", "closes_at", *(["conversation_id"] if is_urgent else [])]
    words = ["status", "kind", *(["skip_reason"] if is_urgent else [])]
    return (
        sa.update(_TABLE)
        .where(_TABLE.c.id == due.c.id)
        .values(
            status=sa.case(
                (is_suppressed, DeliveryStatus.SKIPPED.value),
                (due.c.has_had_enough, DeliveryStatus.PENDING.value),
                else_=DeliveryStatus.CLAIMED.value,
            ),
            skip_reason=due.c.cause,
            attempt=sa.case((may_go, _TABLE.c.attempt + 1), else_=_TABLE.c.attempt),
            claimed_at=sa.case((may_go, now), else_=_TABLE.c.claimed_at),
            ended_at=sa.case((is_suppressed, now), else_=None),
            not_before=sa.case((due.c.has_had_enough, _later()), else_=_TABLE.c.not_before),
        )
        # Plain text for the enums: turning every row's into a member costs more than all else here.
        .returning(*(_TABLE.c[name] for name in told), *(_as_text(name) for name in words))
    )


def _in_lane(lane: Bound[UUID] | None) -> list[sa.ColumnElement[bool]]:
    if lane is None:
        return [col(Delivery.blast_id).is_(None)]
    is_everybodys_turn = col(Blast.canary) != CanaryStatus.TRYING
    is_sending = sa.exists().where(
        col(Blast.id) == lane,
        col(Blast.status) == BlastStatus.SENDING,
        is_everybodys_turn | (col(Delivery.priority) < BLAST_PRIORITY),
    )
    return [col(Delivery.blast_id) == lane, is_sending]


def _cause(lane: Bound[UUID] | None) -> sa.ScalarSelect[str | None]:
    """Return the SQL for why a row's recipient must not be messaged, if they must not."""
    return (
        sa.select(sa.func.min(reach.skip_reason(col(Suppression.cause))))
        .where(
            col(Suppression.address) == _TABLE.c.address,
            reach.IS_ACTIVE,
            reach.IS_OF_ALL if lane is None else reach.is_for(reach.of_blast(lane)),
            # The one confirmation of an opt-out goes to somebody who is suppressed by then.
            _TABLE.c.kind != DeliveryKind.ANSWER.value,
        )
        .scalar_subquery()
        .correlate(_TABLE)
    )


def _sent_within_the_hour() -> sa.ScalarSelect[int]:
    since = sa.bindparam("an_hour_ago", type_=UtcDateTime())
    return (
        sa.select(sa.func.count())
        .select_from(_OTHER)
        .where(
            _OTHER.c.address == _TABLE.c.address,
            _OTHER.c.claimed_at > since,
            _OTHER.c.id != _TABLE.c.id,
            _OTHER.c.status.not_in(_HAS_NOT_LEFT),
        )
        .scalar_subquery()
        .correlate(_TABLE)
    )


def _heard_lately() -> sa.ColumnElement[str | None]:
    """Return the SQL for the reason not to message whom another blast has reached lately."""
    is_another = sa.exists().where(
        _OTHER.c.address == _TABLE.c.address,
        _OTHER.c.claimed_at > sa.bindparam("heard_since", type_=UtcDateTime()),
        _OTHER.c.blast_id != _TABLE.c.blast_id,
        _OTHER.c.channel == _TABLE.c.channel,
        _OTHER.c.status.in_(_MAY_HAVE_REACHED),
    )
    return sa.case((is_another.correlate(_TABLE), SkipReason.HEARD_LATELY.value))


def _later() -> sa.BindParameter[datetime]:
    return sa.bindparam("later", type_=UtcDateTime())


def _as_text(name: str) -> sa.ColumnElement[str]:
    return sa.type_coerce(_TABLE.c[name], sa.Text()).label(name)


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
        Claimed(row.id, row.attempt, _KINDS[row.kind], row.address, text.body, text.segments, lane, row.closes_at, now)
        for row, text in zip(rows, texts, strict=True)
        if not isinstance(text, SkipReason)
    ]


def release(session: Session, claims: Sequence[Claimed]) -> list[datetime]:
    """Give back what was claimed and is known not to have been sent: the next claim takes it up at once.

    Returns when each was claimed that was still to be given back.
    """
    rows = [{"id": claim.id, "claimed_at": claim.claimed_at} for claim in claims]
    back = recordset(session, "back", {"id": sa.BigInteger(), "claimed_at": UtcDateTime()}, rows)
    returned = session.scalars(
        sa.update(Delivery)
        .where(
            col(Delivery.id) == back.c.id,
            # The next claim has the same attempt: said twice, since the first answer was lost, this must not undo it.
            col(Delivery.claimed_at) == back.c.claimed_at,
            col(Delivery.status) == DeliveryStatus.CLAIMED,
        )
        .values(status=DeliveryStatus.PENDING, attempt=col(Delivery.attempt) - 1)
        .returning(_TABLE.c.claimed_at)
        .execution_options(synchronize_session=False)
    )
    return [at for at in returned if at]


def is_leaving(session: Session, address: str, *, since: datetime) -> bool:
    """Tell whether a message to `address` was claimed after `since` and may be on its way at this moment.

    Waits for a claim that is under way. Our answer to a keyword may always leave.
    """
    may_leave = col(Delivery.status).in_((DeliveryStatus.PENDING, DeliveryStatus.CLAIMED))
    rows = session.execute(
        sa.select(col(Delivery.status), col(Delivery.claimed_at))
        .where(col(Delivery.address) == address, may_leave, col(Delivery.kind) != DeliveryKind.ANSWER)
        .with_for_update(read=True)
    )
    return any(status is DeliveryStatus.CLAIMED and claimed_at > since for status, claimed_at in rows)
