"""A call is planned, brought to mind once, and done, cancelled or missed; its number is for who calls."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.errors import IllegalMove, Invalid, NotAllowed, NotFound
from core.models import AuditEntry, Call, CallStatus, Conversation, OutboxEvent, Staff
from core.usecases import calls, conversations, erasure, inbox, suppression
from core.usecases.calls import Wanted
from tests import factories
from tests.factories import NOON

HOUR = timedelta(hours=1)
AT = NOON + 3 * HOUR


@pytest.fixture
def found(session: Session) -> Conversation:
    return factories.conversation(session, 1)


@pytest.fixture
def organizer(session: Session) -> Staff:
    return factories.staff(session)


def plan(session: Session, found: Conversation, by: Staff, *, at: datetime | None = AT, **values: Any) -> Call:
    wanted = Wanted(at, **({"caller": by.slack_user_id} | values))
    return calls.plan(session, found.id, wanted, by=by, now=NOON)


def told(session: Session, name: str) -> int:
    return len(session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == name)).all())


def audited(session: Session) -> list[str]:
    return list(session.scalars(sa.select(col(AuditEntry.action)).order_by(col(AuditEntry.id))))


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"at": None}, "at", "choose a date"),
        ({"at": NOON}, "at", "in the past"),
        ({"at": NOON + timedelta(days=60, seconds=1)}, "at", "more than 60 days"),
        ({"caller": "U0STRANGER"}, "caller", "no role in Blast"),
        ({"note": "x" * 1001}, "note", "longer than 1,000"),
    ],
)
def test_a_call_that_cannot_be_is_refused_at_its_field(
    session: Session, found: Conversation, organizer: Staff, values: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(Invalid, match=said) as refusal:
        plan(session, found, organizer, **values)
    assert refusal.value.field == field


def test_the_same_hold_for_a_call_as_for_a_text(session: Session, found: Conversation, organizer: Staff) -> None:
    other = factories.staff(session, "U0OTHER")
    conversations.claim(session, found.id, by=other, now=NOON)
    with pytest.raises(NotAllowed, match="Somebody else"):
        plan(session, found, organizer)
    suppression.opt_out(session, found.address, source="staff", now=NOON)
    with pytest.raises(NotAllowed, match="opted out"):
        plan(session, found, other)


def test_who_calls_is_reminded_once_and_at_its_time(session: Session, found: Conversation, organizer: Staff) -> None:
    plan(session, found, organizer)
    assert not calls.has_due(session, now=AT - timedelta(seconds=1))
    assert calls.has_due(session, now=AT)
    assert [calls.remind(session, now=AT), calls.remind(session, now=AT)] == [1, 0]
    assert not calls.has_due(session, now=AT)
    assert told(session, "call.due") == 1


def test_a_call_that_nobody_marked_is_missed_and_may_be_done_late(
    session: Session, found: Conversation, organizer: Staff
) -> None:
    call, late = plan(session, found, organizer), AT + 24 * HOUR
    assert calls.miss(session, now=late - timedelta(seconds=1)) == 0
    assert calls.has_due(session, now=late)
    assert [calls.remind(session, now=late), calls.miss(session, now=late), calls.miss(session, now=late)] == [0, 1, 0]
    assert session.scalar(sa.select(col(Call.status))) is CallStatus.MISSED
    with pytest.raises(IllegalMove, match="missed already"):
        calls.cancel(session, found.id, call.id, by=organizer, now=late)
    calls.finish(session, found.id, call.id, by=organizer, now=late)
    assert session.scalar(sa.select(col(Call.status))) is CallStatus.DONE
    assert audited(session)[-3:] == [f"conversation.call_{step}" for step in ("planned", "missed", "done")]
    assert told(session, "call.changed") == 3


def test_a_call_answers_what_came_before_it(session: Session, found: Conversation, organizer: Staff) -> None:
    call = plan(session, found, organizer)
    calls.finish(session, found.id, call.id, by=organizer, now=AT + HOUR)
    assert found.answered_at == AT
    with pytest.raises(IllegalMove, match="done already"):
        calls.finish(session, found.id, call.id, by=organizer, now=AT + HOUR)


def test_a_cancelled_call_comes_to_nobodys_mind(session: Session, found: Conversation, organizer: Staff) -> None:
    call = plan(session, found, organizer)
    calls.cancel(session, found.id, call.id, by=organizer, now=NOON)
    assert not calls.has_due(session, now=AT)
    assert not calls.has_due(session, now=AT + 48 * HOUR)
    assert found.answered_at is None


def test_only_who_calls_sees_the_number(session: Session, found: Conversation, organizer: Staff) -> None:
    other = factories.staff(session, "U0OTHER")
    call = plan(session, found, organizer, caller="U0OTHER")
    with pytest.raises(NotAllowed, match="Only who calls"):
        calls.number(session, found.id, call.id, by=organizer, now=NOON)
    assert calls.number(session, found.id, call.id, by=other, now=NOON) == found.address
    assert audited(session)[-1] == "conversation.call_number"
    suppression.opt_out(session, found.address, source="inbound", now=NOON)
    with pytest.raises(NotAllowed, match="Don't call"):
        calls.number(session, found.id, call.id, by=other, now=NOON)
    calls.cancel(session, found.id, call.id, by=other, now=NOON)
    with pytest.raises(IllegalMove, match="isn't shown any more"):
        calls.number(session, found.id, call.id, by=other, now=NOON)


def test_a_call_belongs_to_its_conversation(session: Session, found: Conversation, organizer: Staff) -> None:
    call = plan(session, found, organizer)
    with pytest.raises(NotFound):
        calls.finish(session, factories.conversation(session, 2).id, call.id, by=organizer, now=NOON)


def test_the_inbox_names_the_next_call(session: Session, found: Conversation, organizer: Staff) -> None:
    plan(session, found, organizer, at=AT + HOUR)
    first = plan(session, found, organizer)
    (listed,) = inbox.listed(session)
    assert listed.call_at == AT
    calls.finish(session, found.id, first.id, by=organizer, now=AT)
    (listed,) = inbox.listed(session)
    assert listed.call_at == AT + HOUR


def test_erasing_somebody_removes_their_calls(session: Session, found: Conversation, organizer: Staff) -> None:
    plan(session, found, organizer, note="Ask about the roof")
    erasure.erase(session, found.address, now=NOON)
    assert session.scalars(sa.select(Call)).all() == []
