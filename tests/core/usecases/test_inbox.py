"""Whoever writes is answered, or staff are reminded; which blast it is about is shown and can be changed."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.errors import Invalid, NotFound
from core.models import Blast, Conversation, OutboxEvent
from core.slack.views import thread
from core.usecases import calls, conversations, erasure, inbound, inbox, saved, suppression, threads
from core.usecases.calls import Wanted
from core.usecases.inbound import Text
from tests import factories
from tests.factories import NOON, SENDER, phone

SHE = phone(1)
HOUR = timedelta(hours=1)


def write(session: Session, body: str = "Who is this?", *, hours: float = 0, number: int = 1) -> Conversation:
    text = Text(f"SM{number}.{hours}", phone(number), SENDER, body)
    inbound.take(session, text, organization="Us", now=NOON + hours * HOUR)
    found = session.scalars(sa.select(Conversation).where(col(Conversation.address) == phone(number))).one()
    found.thread_channel, found.thread_ts = "C0REPLIES", f"17{number}.000100"
    session.flush()
    return found


def nags(session: Session) -> int:
    rows = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "conversation.waiting"))
    return len(rows.all())


def reached(session: Session, name: str, body: str, *, hours: float) -> Blast:
    made = factories.blast(session, name=name, body=body, status=BlastStatus.SENDING)
    values: dict[str, Any] = {"status": DeliveryStatus.DELIVERED, "claimed_at": NOON + hours * HOUR}
    factories.delivery(session, 1, blast_id=made.id, **values)
    return made


def test_who_waits_for_two_hours_is_reminded_of_once(session: Session) -> None:
    write(session)
    for hours, is_due in ((1.9, False), (2, True), (3, False)):
        now = NOON + hours * HOUR
        assert inbox.has_neglected(session, after=2 * HOUR, now=now) is is_due
        assert inbox.nag(session, after=2 * HOUR, now=now) == int(is_due)
    write(session, "Hello?", hours=4)
    assert inbox.nag(session, after=2 * HOUR, now=NOON + 6 * HOUR) == 1
    assert nags(session) == 2


def test_who_was_answered_or_closed_is_not_reminded_of(session: Session) -> None:
    staff = factories.staff(session)
    conversations.reply(session, write(session).id, "Hi", by=staff, now=NOON + HOUR)
    conversations.close(session, write(session, number=2).id, by=staff, now=NOON + HOUR)
    assert inbox.nag(session, after=2 * HOUR, now=NOON + 9 * HOUR) == 0


def test_nobody_is_reminded_to_answer_who_has_opted_out(session: Session) -> None:
    write(session)
    suppression.opt_out(session, SHE, source="inbound", now=NOON)
    assert inbox.nag(session, after=2 * HOUR, now=NOON + 9 * HOUR) == 0
    write(session, "please cancel", number=2)
    assert inbox.nag(session, after=2 * HOUR, now=NOON + 9 * HOUR) == 1


def test_nobody_is_reminded_of_whom_somebody_is_going_to_call(session: Session) -> None:
    staff, late = factories.staff(session), NOON + 9 * HOUR
    wanted = Wanted(NOON + 24 * HOUR, staff.slack_user_id)
    made = write(session)
    call = calls.plan(session, made.id, wanted, by=staff, now=NOON + HOUR)
    assert inbox.nag(session, after=2 * HOUR, now=late) == 0
    calls.cancel(session, made.id, call.id, by=staff, now=late)
    assert inbox.nag(session, after=2 * HOUR, now=late) == 1
    calls.plan(session, made.id, wanted, by=staff, now=late)
    write(session, "I can't talk tomorrow", hours=10)
    assert inbox.nag(session, after=2 * HOUR, now=NOON + 13 * HOUR) == 1


def test_who_has_opted_out_does_not_wait_and_who_was_erased_is_not_listed(session: Session) -> None:
    gone, likely, erased = (write(session, number=number) for number in (1, 2, 3))
    suppression.opt_out(session, gone.address, source="inbound", now=NOON)
    suppression.opt_out(session, likely.address, source=suppression.LIKELY, now=NOON)
    erasure.erase(session, erased.address, now=NOON)
    listed = inbox.listed(session)
    assert [(each.conversation.id, each.is_out_of_reach) for each in listed] == [(likely.id, False), (gone.id, True)]
    lines = thread.listing(listed)
    assert "waits since" in lines[0]
    assert "can't be texted, last wrote" in lines[1]


def test_the_inbox_lists_who_waits_longest_first(session: Session) -> None:
    first, second, third = (write(session, hours=hours, number=number) for hours, number in ((2, 1), (1, 2), (0, 3)))
    staff = factories.staff(session)
    conversations.reply(session, third.id, "Hi", by=staff, now=NOON + HOUR)
    listed = inbox.listed(session)
    assert [each.conversation.id for each in listed] == [second.id, first.id, third.id]
    assert listed[-1].claimed_by == staff.slack_user_id


def test_a_talk_stays_about_its_blast_and_a_newer_blast_begins_another(session: Session) -> None:
    rally = reached(session, "Rally", "Come to the rally at city hall", hours=-30)
    rent = reached(session, "Rent", "Your rent is going up", hours=-1)
    assert write(session, "Where is the rally at city hall?").blast_id == rally.id
    assert write(session, "ok thanks", hours=1).blast_id == rally.id
    assert write(session, "my rent is going up, by the way", hours=2).blast_id == rent.id
    picnic = reached(session, "Picnic", "The picnic is tomorrow", hours=3)
    assert write(session, "ok thanks", hours=4).blast_id == picnic.id


def test_a_talk_of_last_week_is_over(session: Session) -> None:
    reached(session, "Rally", "Come to the rally at city hall", hours=-30)
    rent = reached(session, "Rent", "Your rent is going up", hours=-1)
    write(session, "Where is the rally at city hall?")
    assert write(session, "ok thanks", hours=24 * 7).blast_id == rent.id


def test_a_text_is_matched_to_the_blast_that_it_speaks_of(session: Session) -> None:
    rally = reached(session, "Rally", "Come to the rally at city hall", hours=-30)
    rent = reached(session, "Rent", "Your rent is going up", hours=-1)
    found = write(session, "Where is the rally? city hall?")
    assert found.blast_id == rally.id
    facts = threads.facts(session, found.id, now=NOON)
    assert facts.answerable == [(rent.id, "Rent"), (rally.id, "Rally")]


def test_what_staff_choose_stands_until_another_blast_reaches_them(session: Session) -> None:
    rally = reached(session, "Rally", "Come to the rally at city hall", hours=-30)
    reached(session, "Rent", "Your rent is going up", hours=-1)
    found = write(session, "Who is this?")
    conversations.choose_blast(session, found.id, rally.id, by=factories.staff(session), now=NOON)
    assert write(session, "rent rent rent", hours=1).blast_id == rally.id
    picnic = reached(session, "Picnic", "Potato salad", hours=2)
    assert write(session, "Yum", hours=3).blast_id == picnic.id


def test_a_blast_that_never_reached_them_cannot_be_chosen(session: Session) -> None:
    other, found = factories.blast(session), write(session)
    with pytest.raises(NotFound):
        conversations.choose_blast(session, found.id, other.id, by=factories.staff(session), now=NOON)


def test_saved_answers_have_one_body_a_name(session: Session) -> None:
    saved.put(session, "Where  we meet", "At the hall.", by=None, now=NOON)
    saved.put(session, "where we meet", "At the library.", by=None, now=NOON)
    assert [(each.name, each.body) for each in saved.listed(session)] == [("where we meet", "At the library.")]
    saved.remove(session, "WHERE WE MEET")
    with pytest.raises(NotFound):
        saved.remove(session, "where we meet")
    with pytest.raises(Invalid):
        saved.put(session, " ", "Hello", by=None, now=NOON)
