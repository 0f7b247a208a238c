"""Of calls as little is kept as serves their callers, and for no longer than it must be."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import voice as spoken
from core.domain.voice import Recording, Ring
from core.errors import NotAllowed, NotFound
from core.models import Conversation, Inbound, IncomingCall, OutboxEvent, Role, Staff
from core.settings import load
from core.usecases import cleanup, conversations, erasure, inbound, inbox, staffing, suppression, voice
from core.usecases.inbound import Text
from core.usecases.processors import House
from tests.factories import NOON, SENDER, phone

SHE = phone(1)
SERVICE = "MG" + "0" * 32
RING = Ring("CA1", SHE, SENDER)
MESSAGE = Recording("RE1", "CA1", "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1", 23)


def unwanted(session: Session) -> list[str]:
    found = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "recording.unwanted"))
    return [event.payload["recording_sid"] for event in found]


def leave_message(session: Session) -> Inbound:
    voice.ring(session, RING, now=NOON)
    assert voice.take(session, MESSAGE, at=NOON, now=NOON)
    return session.scalars(sa.select(Inbound).where(col(Inbound.provider_sid) == "RE1")).one()


def test_a_message_goes_where_its_caller_texts_with_us(session: Session) -> None:
    inbound.take(session, Text("SM1", SHE, SERVICE, "Hello?"), organization="x", now=NOON)
    assert leave_message(session).sender == SERVICE
    assert len(session.scalars(sa.select(Conversation)).all()) == 1


@pytest.mark.parametrize(
    ("senders", "number", "sender"),
    [
        (f"{SENDER}=1,{SERVICE}=1", SENDER, SENDER),
        (f"{SENDER}=1,{SERVICE}=1", "+12125550199", SERVICE),
        (f"{SENDER}=1", "+12125550199", "+12125550199"),
    ],
)
def test_who_has_not_texted_yet_is_answered_from_the_number_or_the_service_that_it_is_in(
    senders: str, number: str, sender: str
) -> None:
    assert House.of(load(twilio_senders=senders)).sender_of(number) == sender


def test_who_withheld_their_number_is_answered_by_nobody(session: Session) -> None:
    by: Staff = staffing.add(session, "U1", Role.ORGANIZER, now=NOON)
    voice.ring(session, Ring("CA1", "", SENDER), now=NOON)
    voice.take(session, MESSAGE, at=NOON, now=NOON)
    talk = session.scalars(sa.select(Conversation)).one()
    assert spoken.is_withheld(talk.address)
    with pytest.raises(NotAllowed, match="withheld"):
        conversations.reply(session, talk.id, "Hello", by=by, now=NOON)


def test_of_somebody_erased_no_call_is_told_and_what_they_said_is_deleted(session: Session) -> None:
    leave_message(session)
    erasure.erase(session, SHE, now=NOON)
    session.expire_all()
    call = session.scalars(sa.select(IncomingCall)).one()
    kept = session.scalars(sa.select(Inbound)).one()
    assert call.address.startswith(erasure.NOBODY)
    assert (kept.address, kept.media) == (call.address, [])
    assert unwanted(session) == ["RE1"]


def test_who_did_nothing_but_call_can_be_erased(session: Session) -> None:
    voice.ring(session, RING, now=NOON)
    erasure.erase(session, SHE, now=NOON)
    with pytest.raises(NotFound):
        erasure.erase(session, SHE, now=NOON)


def test_who_was_erased_in_the_middle_of_a_call_may_still_stop_texts(session: Session) -> None:
    voice.ring(session, RING, now=NOON)
    erasure.erase(session, SHE, now=NOON)
    assert voice.opt_out(session, RING, at=NOON, now=NOON)
    assert suppression.active(session, SHE) is not None


def test_a_start_that_was_texted_before_the_key_and_comes_after_it_changes_nothing(session: Session) -> None:
    voice.opt_out(session, RING, at=NOON, now=NOON)
    start = Text("SM1", SHE, SENDER, "START")
    inbound.take(session, start, organization="x", sent_at=NOON - timedelta(minutes=1), now=NOON + timedelta(minutes=5))
    assert suppression.active(session, SHE) is not None


def test_the_key_makes_certain_what_was_likely(session: Session) -> None:
    suppression.opt_out(session, SHE, source=suppression.LIKELY, now=NOON)
    voice.opt_out(session, RING, at=NOON, now=NOON)
    held = suppression.active(session, SHE)
    assert held is not None
    assert held.source == "voice"


def test_old_calls_are_cleared_away_and_their_recordings_with_them(session: Session) -> None:
    leave_message(session)
    voice.ring(session, Ring("CA2", phone(2), SENDER), now=NOON + timedelta(days=2))
    counts = cleanup.clean(session, before=NOON + timedelta(days=1), now=NOON + timedelta(days=31))
    assert counts["incoming_calls"] == 1
    assert unwanted(session) == ["RE1"]
    assert [call.sid for call in session.scalars(sa.select(IncomingCall))] == ["CA2"]


def test_a_call_is_told_of_unless_a_message_came_of_it_meanwhile(session: Session) -> None:
    inbound.take(session, Text("SM1", SHE, SENDER, "Hello?"), organization="x", now=NOON)
    voice.ring(session, RING, now=NOON)
    voice.end(session, RING, now=NOON)
    assert voice.without_message(session, "CA1") is not None
    voice.take(session, MESSAGE, at=NOON, now=NOON)
    assert voice.without_message(session, "CA1") is None
    assert voice.without_message(session, "CA9") is None


def test_nobody_is_reminded_of_who_withheld_their_number(session: Session) -> None:
    voice.ring(session, Ring("CA1", "", SENDER), now=NOON)
    voice.take(session, MESSAGE, at=NOON, now=NOON)
    talk = session.scalars(sa.select(Conversation)).one()
    talk.thread_ts = "17.1"
    session.flush()
    later = NOON + timedelta(hours=9)
    assert not inbox.has_neglected(session, after=timedelta(hours=2), now=later)
    assert inbox.nag(session, after=timedelta(hours=2), now=later) == 0
    (listed,) = inbox.listed(session)
    assert listed.is_out_of_reach
