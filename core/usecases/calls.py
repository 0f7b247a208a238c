"""Follow-up calls: planned from a conversation's thread, brought to mind at their time, done, cancelled or missed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain.events import CallChanged, CallDue
from core.errors import IllegalMove, Invalid, NotAllowed, NotFound
from core.models import AuditEntry, Call, CallStatus, Conversation, Staff
from core.usecases import conversations, staffing, suppression

LONGEST_NOTE = 1000
_FURTHEST = timedelta(days=60)
_MISSED_AFTER = timedelta(hours=24)
_MOST_AT_ONCE = 50
_GONE = "This call is gone. Its conversation was erased or cleaned up."
_MISSED = "Nobody has said that this call took place, so it counts as missed. Press Done if it did."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked for; `caller` is a Slack user's id."""

    at: datetime | None
    caller: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A call as its thread shows it; `caller` and `made_by` are Slack users' ids."""

    call: Call
    caller: str
    made_by: str


def plan(session: Session, conversation_id: UUID, wanted: Wanted, *, by: Staff, now: datetime) -> Call:
    """Plan a call to a conversation's member; its thread shows it, and who calls is reminded at its time.

    Raises:
        Invalid: its time is missing, past or too far ahead, who calls isn't staff, or the note is too long.
        NotAllowed: somebody else has the conversation, or its member must not or can't be texted.
    """
    conversation = session.get(
        Conversation, conversation_id, with_for_update=conversations.LOCKED, populate_existing=True
    )
    conversations.require_answerable(session, conversation_id, by=by, now=now)
    if conversation is not None and conversation.claimed_by == by.id:
        conversation.claimed_at = now
    at = _require_time(wanted.at, now)
    caller = staffing.find(session, wanted.caller)
    if caller is None:
        raise Invalid("They have no role in Blast, so they can't call. Choose somebody of the staff.", field="caller")
    if len(wanted.note) > LONGEST_NOTE:
        raise Invalid(f"The note is longer than {LONGEST_NOTE:,} characters. Shorten it.", field="note")
    call = Call(
        conversation_id=conversation_id,
        caller_id=caller.id,
        made_by=by.id,
        at=at,
        note=wanted.note.strip(),
        created_at=now,
    )
    session.add(call)
    session.flush()
    _record(session, call, "call_planned", by=by, now=now)
    return call


def finish(session: Session, conversation_id: UUID, call_id: UUID, /, *, by: Staff, now: datetime) -> Call:
    """Say that a call took place; what its member wrote before it is answered.

    Raises:
        IllegalMove: it is done already, or cancelled.
    """
    call = _end(session, conversation_id, call_id, CallStatus.DONE, by=by, now=now)
    conversation = session.get(
        Conversation, conversation_id, with_for_update=conversations.LOCKED, populate_existing=True
    )
    if conversation is not None:
        answered_at = min(now, call.at)
        conversation.answered_at = max(conversation.answered_at or answered_at, answered_at)
    return call


def cancel(session: Session, conversation_id: UUID, call_id: UUID, /, *, by: Staff, now: datetime) -> Call:
    """Say that a call won't take place.

    Raises:
        IllegalMove: it is over.
    """
    return _end(session, conversation_id, call_id, CallStatus.CANCELLED, by=by, now=now)


def number(session: Session, conversation_id: UUID, call_id: UUID, *, by: Staff, now: datetime) -> str:
    """Return the whole number to call, to who calls and nobody else; that they saw it is on record.

    Raises:
        NotAllowed: somebody else calls, or the member has got out of reach since.
        IllegalMove: the call is over.
    """
    call = _get(session, conversation_id, call_id)
    if call.caller_id != by.id:
        raise NotAllowed("Only who calls sees the number. Schedule a call of your own, or ask them.")
    if call.status not in _MAY_BECOME[CallStatus.DONE]:
        raise IllegalMove(f"This call is {call.status.value}, so its number isn't shown any more. Schedule a new one.")
    conversation = session.get_one(Conversation, conversation_id)
    if suppression.active(session, conversation.address):
        raise NotAllowed("They have opted out since, or their number is blocked. Don't call them; cancel the call.")
    _audit(session, call, "call_number", by=by, now=now)
    return conversation.address


def shown(session: Session, call_id: UUID) -> Shown | None:
    """Return what a thread shows of a call, or None when it is gone."""
    call = session.get(Call, call_id)
    if call is None:
        return None
    caller, made_by = (session.get_one(Staff, each).slack_user_id for each in (call.caller_id, call.made_by))
    return Shown(call, caller, made_by)


def has_due(session: Session, *, now: datetime) -> bool:
    """Tell whether somebody is to be reminded of a call, or one is to be called missed."""
    return session.scalar(sa.select(col(Call.id)).where(_is_due(now) | _is_missed(now)).limit(1)) is not None


def remind(session: Session, *, now: datetime) -> int:
    """Remind who calls, once for each call, that its time has come; returns how many."""
    found = _taken(session, _is_due(now))
    for call in found:
        call.reminded_at = now
        outbox.record(session, CallDue(call.id), now=now)
    return len(found)


def miss(session: Session, *, now: datetime) -> int:
    """Call missed what nobody has marked within a day of its time, and tell the threads; returns how many."""
    found = _taken(session, _is_missed(now))
    for call in found:
        call.status = CallStatus.MISSED
        _record(session, call, "call_missed", by=None, note=_MISSED, now=now)
    return len(found)


# A day is soon over: who forgot to say that they called may say so later.
_MAY_BECOME = {
    CallStatus.DONE: (CallStatus.PLANNED, CallStatus.MISSED),
    CallStatus.CANCELLED: (CallStatus.PLANNED,),
}


def _end(
    session: Session, conversation_id: UUID, call_id: UUID, status: CallStatus, *, by: Staff, now: datetime
) -> Call:
    call = _get(session, conversation_id, call_id)
    if call.status not in _MAY_BECOME[status]:
        raise IllegalMove(f"This call is {call.status.value} already, so nothing was changed. Look at the thread.")
    call.status = status
    _record(session, call, f"call_{status.value}", by=by, note=f"The call is {status.value}.", now=now)
    return call


def _get(session: Session, conversation_id: UUID, call_id: UUID) -> Call:
    """Return a call, locked: of two people who press at once, one comes second."""
    found = session.get(Call, call_id, with_for_update=True, populate_existing=True)
    if found is None or found.conversation_id != conversation_id:
        raise NotFound(_GONE)
    return found


def _require_time(at: datetime | None, now: datetime) -> datetime:
    if at is None:
        raise Invalid("Say when to call: choose a date and a time.", field="at")
    if at <= now:
        raise Invalid("This time is in the past. Choose a later one.", field="at")
    if at > now + _FURTHEST:
        raise Invalid(f"This is more than {_FURTHEST.days} days ahead. Choose an earlier time.", field="at")
    return at


def _is_due(now: datetime) -> sa.ColumnElement[bool]:
    is_planned = col(Call.status) == CallStatus.PLANNED
    return sa.and_(is_planned, col(Call.at) <= now, col(Call.at) > now - _MISSED_AFTER, col(Call.reminded_at).is_(None))


def _is_missed(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(col(Call.status) == CallStatus.PLANNED, col(Call.at) <= now - _MISSED_AFTER)


def _taken(session: Session, which: sa.ColumnElement[bool]) -> Sequence[Call]:
    statement = sa.select(Call).where(which).order_by(col(Call.at)).limit(_MOST_AT_ONCE)
    return session.scalars(statement.with_for_update(skip_locked=True)).all()


def _record(session: Session, call: Call, step: str, *, by: Staff | None, now: datetime, note: str = "") -> None:
    _audit(session, call, step, by=by, now=now)
    outbox.record(session, CallChanged(call.id, by=by.id if by else None, note=note or None), now=now)


def _audit(session: Session, call: Call, step: str, *, by: Staff | None, now: datetime) -> None:
    fields = {"conversation": str(call.conversation_id), "call": str(call.id)}
    session.add(AuditEntry(at=now, action=f"conversation.{step}", staff_id=by.id if by else None, fields=fields))
