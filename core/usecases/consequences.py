"""What follows from a failure, told at once or by a receipt: an address is suppressed, a blast is held."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import settings
from core.domain import failures
from core.domain.caps import DAY_IS_OVER, next_midnight
from core.domain.failures import Failure
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.domain.receipts import ENDS
from core.models import Blast, Delivery, DeliveryKind, SuppressionCause
from core.usecases import brakes, caps, lifting, suppression, text_backs

_HISTORY = 100
_REWORD = "To reword it, cancel it and write a new blast: resumed, the rest gets the same words."


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that failed for good, and what the provider's code means; in which conversation, if staff wrote it."""

    delivery_id: int
    blast_id: UUID | None
    address: str
    failure: Failure
    reply_in: UUID | None = None


def follow(session: Session, refusals: Sequence[Refusal], *, now: datetime) -> None:
    """Do what each failure asks for. Strikes (codes that count only when repeated) are the receipts' to count."""
    _suppress(session, [refusal for refusal in refusals if refusal.failure.strikes <= 1], now=now)
    _hold_all(session, [refusal for refusal in refusals if refusal.failure.stops_blast], now=now)


def follow_receipts(session: Session, refusals: Sequence[Refusal], *, now: datetime) -> None:
    """Do what failures ask for that a receipt tells of: also what only several of them, taken together, ask for."""
    _suppress(session, refusals, now=now)
    may_hold = [refusal for refusal in refusals if refusal.failure.stops_blast or refusal.failure.cls == "content"]
    _hold_all(session, may_hold, now=now)
    if any(refusal.failure.code in DAY_IS_OVER for refusal in refusals):
        # Who is with that carrier we can't know: waiting costs a few hours, going on costs them the message.
        caps.hold(session, until=next_midnight(settings.current().daily_cap_zone, now))
    for refusal in refusals:
        text_backs.tell_failed(session, DeliveryKind.REPLY, refusal.reply_in, refusal.failure, now=now)


def hold(session: Session, blast_id: UUID, failure: Failure, *, now: datetime) -> bool:
    """Pause a running blast because of what a provider said; its card shows why, and what to do."""
    how = f" {_REWORD}" if failure.cls == "content" else ""
    return brakes.hold(session, blast_id, f"{failure.title} ({failure.code}). {failure.advice}{how}", now=now)


# Who holds several people or blasts locks them in one order, people first: two who do would wait for each other.
def _suppress(session: Session, refusals: Sequence[Refusal], *, now: datetime) -> None:
    for refusal in sorted(refusals, key=lambda each: each.address):
        if refusal.failure.suppress is None:
            continue
        if refusal.failure.strikes > 1:
            _strike(session, refusal, now=now)
        else:
            _put_out_of_reach(session, refusal, source="refusal", strikes=1, now=now)


def _hold_all(session: Session, refusals: Sequence[Refusal], *, now: datetime) -> None:
    """Hold each blast once, for what stops it at once rather than for what counts only in numbers."""
    latest = {refusal.blast_id: refusal for refusal in sorted(refusals, key=lambda each: each.failure.stops_blast)}
    for blast_id in sorted(each for each in latest if each is not None):
        if latest[blast_id].failure.stops_blast:
            hold(session, blast_id, latest[blast_id].failure, now=now)
        else:
            _hold_when_filtered(session, latest[blast_id], now=now)


def _put_out_of_reach(session: Session, refusal: Refusal, *, source: str, strikes: int, now: datetime) -> None:
    """Suppress an address, and have its conversations show it: nobody should text back in vain."""
    failure = refusal.failure
    is_opt_out = failure.suppress == "opt_out"
    is_new = suppression.suppress(
        session,
        refusal.address,
        cause=SuppressionCause.OPT_OUT if is_opt_out else SuppressionCause.HARD_FAILURE,
        source=source,
        delivery_id=refusal.delivery_id,
        error_code=failure.code,
        strikes=strikes,
        now=now,
    )
    if is_new:
        why = "Their provider says that they opted out" if is_opt_out else f"{failure.title} ({failure.code})"
        lifting.tell(session, [refusal.address], f"Texts to them are stopped: {why}.", now=now)


def _strike(session: Session, refusal: Refusal, *, now: datetime) -> None:
    """Suppress an address after as many such failures, on as many days, as its code asks, none delivered between."""
    history = session.execute(
        sa.select(col(Delivery.status), col(Delivery.error_code), col(Delivery.ended_at))
        .where(col(Delivery.address) == refusal.address, col(Delivery.status).in_(ENDS))
        .order_by(col(Delivery.ended_at).desc(), col(Delivery.id).desc())
        .limit(_HISTORY)
    )
    strikes: list[datetime] = []
    for status, code, ended_at in history:
        if status is DeliveryStatus.DELIVERED:
            break
        if code == refusal.failure.code:
            strikes.append(ended_at)
    days = {ended_at.date() for ended_at in strikes}
    if len(strikes) >= refusal.failure.strikes and len(days) >= refusal.failure.strike_days:
        _put_out_of_reach(session, refusal, source="receipt", strikes=len(strikes), now=now)


def _hold_when_filtered(session: Session, refusal: Refusal, *, now: datetime) -> None:
    """Pause a running blast when carriers filter too many of its latest messages, since somebody last resumed it."""
    # One batch at a time counts: two that each saw half of the failures would both find them too few.
    running = session.execute(
        sa.select(col(Blast.resumed_at))
        .where(col(Blast.id) == refusal.blast_id, col(Blast.status) == BlastStatus.SENDING)
        .with_for_update()
    ).one_or_none()
    if refusal.blast_id is None or running is None:
        return
    since = running.resumed_at
    latest = session.scalars(
        sa.select(col(Delivery.error_code))
        .where(
            col(Delivery.blast_id) == refusal.blast_id,
            col(Delivery.status).in_(ENDS),
            col(Delivery.ended_at) > since if since else sa.true(),
        )
        .order_by(col(Delivery.ended_at).desc())
        .limit(failures.CONTENT_WINDOW)
    ).all()
    filtered = sum(failures.classify(code, at_create=False).cls == "content" for code in latest if code)
    if failures.too_many_filtered(filtered, of=len(latest)):
        hold(session, refusal.blast_id, refusal.failure, now=now)
