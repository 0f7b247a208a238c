"""An answer by e-mail becomes a conversation; what asks for an end of it is heeded at once."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import email_events
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.errors import NotAllowed
from core.models import ChannelName, Conversation, Delivery, Inbound, OutboxEvent, Role
from core.slack.views import thread
from core.usecases import backfill, conversations, inbound, mail, processors, suppression, threads, topics
from core.usecases.inbound import Text
from core.usecases.processors import House
from tests import factories
from tests.factories import NOON, phone

SHE = "ann@example.org"
QUOTED = "\n\nOn Tue, 3 Mar 2026 at 10:00, Tenants <t@example.org> wrote:\n> Reply STOP to unsubscribe"


def take(session: Session, text: str, **values: Any) -> None:
    event = email_events.read({"event": "replied", "email": SHE, "text": text} | values)
    mail.take(session, event, organization="Us", now=NOON)


def conversation(session: Session) -> Conversation:
    return session.scalars(sa.select(Conversation)).one()


def held(session: Session) -> str | None:
    found = suppression.active(session, SHE)
    return found.source if found else None


def test_it_is_their_contacts_and_has_one_thread_however_often_they_write(session: Session) -> None:
    contact = factories.contact(session, email=SHE)
    take(session, "Is there parking?" + QUOTED)
    take(session, "And a ramp?" + QUOTED, to="another@example.org")
    assert conversation(session).contact_id == contact.id
    assert [each.body for each in session.scalars(sa.select(Inbound).order_by(col(Inbound.id)))] == [
        "Is there parking?",
        "And a ramp?",
    ]
    told = session.scalars(sa.select(OutboxEvent)).all()
    assert [each.name for each in told] == ["message.received"] * 2


def test_what_comes_again_is_kept_once(session: Session) -> None:
    for _ in range(2):
        take(session, "Is there parking?", id="same")
    assert len(session.scalars(sa.select(Inbound)).all()) == 1


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Thanks!" + QUOTED, None),
        ("Unsubscribe" + QUOTED, "email"),
        ("Please stop emailing me\n\nAnn", "email"),
        ("I'd love to come.\nSTOP by if you can" + QUOTED, None),
        ("who is this stop" + QUOTED, "likely"),
        ("START" + QUOTED, None),
        ("Stop\nby my house" + QUOTED, None),
        ("Hi,\nSTOP\nThanks\nAnn" + QUOTED, "email"),
        ("Sent from my phone\nSTOP", "email"),
        (QUOTED + "\n\nunsubscribe", "email"),
    ],
)
def test_words_above_the_quotation_decide(session: Session, text: str, source: str | None) -> None:
    take(session, text)
    assert held(session) == source
    assert conversation(session).address == SHE
    assert not session.scalars(sa.select(Delivery)).all()


def reached(
    session: Session, name: str, message_id: str, *, channel: ChannelName = ChannelName.EMAIL, **values: Any
) -> UUID:
    """Have a blast reach her; returns it."""
    blast = factories.blast(session, name=name, body=name, status=BlastStatus.SENDING)
    told: dict[str, Any] = {
        "address": SHE,
        "status": DeliveryStatus.DELIVERED,
        "provider_sid": message_id,
        "claimed_at": NOON,
    } | values
    factories.delivery(session, blast_id=blast.id, channel=channel, **told)
    return blast.id


@pytest.mark.parametrize(
    "headers",
    [
        {"in-reply-to": "<m-1@mail.example.org>"},
        {"In-Reply-To": "<their-own@x>", "References": "<m-0@x> <m-1@mail.example.org>"},
        {"Headers": [{"Name": "In-Reply-To", "Value": "<m-1@mail.example.org>"}]},
        {"message-headers": [["References", "<m-1@mail.example.org>"]]},
        {"headers": "Subject: x\r\nReferences: <m-0@x>\r\n <m-1@mail.example.org>\r\n"},
        {"headers": {"In-Reply-To": "m-1@mail.example.org"}},
    ],
)
@pytest.mark.parametrize("kept_as", ["m-1@mail.example.org", "<m-1@mail.example.org>", "m-1"])
def test_an_answer_is_about_the_message_that_it_names(session: Session, headers: dict[str, Any], kept_as: str) -> None:
    rent = reached(session, "Rent", kept_as, claimed_at=NOON - timedelta(days=9))
    reached(session, "Picnic", "m-2@mail.example.org")
    take(session, "I'll be at the picnic", **headers)
    assert conversation(session).blast_id == rent


def test_of_several_that_it_names_the_latest_counts(session: Session) -> None:
    reached(session, "Rent", "m-1@x")
    picnic = reached(session, "Picnic", "m-2@x", address="her.other@example.org")
    take(session, "Yes", References="<m-1@x> <m-2@x>")
    assert conversation(session).blast_id == picnic


def test_an_answer_that_names_nothing_of_ours_is_about_what_its_words_say(session: Session) -> None:
    rent = reached(session, "Rent meeting", "m-1@x", claimed_at=NOON - timedelta(hours=9))
    reached(session, "Picnic", "m-2@x")
    reached(session, "Text", "m-3@x", channel=ChannelName.SMS, address=phone(3))
    take(session, "Where is the rent meeting?", **{"in-reply-to": "<m-3@x>", "References": "<a@b> " * 9_000})
    assert conversation(session).blast_id == rent


def both_held(session: Session) -> list[tuple[str, str]]:
    """Return what keeps her e-mail address and her phone out of reach: cause and source of each."""
    found = [suppression.active(session, each) for each in (SHE, phone(1))]
    return [(each.cause.value, each.source) for each in found if each]


def notes(session: Session, talk: Conversation) -> list[str]:
    told = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "conversation.changed"))
    return [each.payload["note"] for each in told if each.payload["conversation_id"] == str(talk.id)]


def test_who_opts_out_by_email_is_not_texted_either(session: Session) -> None:
    factories.contact(session, 1, email=SHE)
    by_phone = factories.conversation(session, 1, thread_ts="1.0")
    take(session, "Unsubscribe" + QUOTED)
    assert both_held(session) == [("opt_out", "email")] * 2
    mail = session.scalars(sa.select(Inbound)).one()
    found = suppression.active(session, phone(1))
    assert found is not None
    assert found.inbound_id == mail.id
    talk = session.scalars(sa.select(Conversation).where(col(Conversation.address) == SHE)).one()
    assert notes(session, talk) == ["They asked by e-mail for no more messages: texts to •••0101 stop as well."]
    assert notes(session, by_phone) == ["They asked by e-mail for no more messages, so texts stop as well."]


def test_a_topic_left_by_email_is_left_by_phone(session: Session) -> None:
    factories.audience(session, "tenants", [factories.contact(session, 1, email=SHE)])
    take(session, "STOP TENANTS")
    assert [topics.left(session, each) for each in (SHE, phone(1))] == [["tenants"]] * 2
    assert both_held(session) == []


@pytest.mark.parametrize("address", [SHE, phone(1)])
def test_staff_decide_of_both_addresses_at_once(session: Session, address: str) -> None:
    factories.contact(session, 1, email=SHE)
    factories.conversation(session, 1)
    staff = factories.staff(session)
    talk = sa.select(Conversation).where(col(Conversation.address) == address)
    take(session, "who is this stop", id="1")
    assert both_held(session) == [("opt_out", "likely")] * 2
    conversations.not_opt_out(session, session.scalars(talk).one().id, by=staff, now=NOON)
    assert both_held(session) == []
    take(session, "who is this stop", id="2")
    conversations.opt_out(session, session.scalars(talk).one().id, by=staff, now=NOON)
    assert both_held(session) == [("opt_out", "staff")] * 2


def test_staff_who_opt_somebody_out_by_their_email_stop_texts_as_well(session: Session) -> None:
    factories.contact(session, 1, email=SHE)
    take(session, "I have had enough of all this")
    conversations.opt_out(session, conversation(session).id, by=factories.staff(session), now=NOON)
    assert both_held(session) == [("opt_out", "staff")] * 2


def test_an_email_that_is_taken_in_late_undoes_nothing_that_was_asked_since(session: Session) -> None:
    factories.contact(session, 1, email=SHE)
    start = Text("SM1", phone(1), factories.SENDER, "START")
    inbound.take(session, start, organization="Us", now=NOON)
    event = email_events.read({"event": "replied", "email": SHE, "text": "Unsubscribe"})
    mail.take(session, event, organization="Us", sent_at=NOON - timedelta(hours=1), now=NOON)
    assert both_held(session) == [("opt_out", "email")]
    assert suppression.active(session, phone(1)) is None


def test_a_start_by_email_lets_nobody_in_whose_opt_out_is_taken_in_late(session: Session) -> None:
    take(session, "START", id="later")
    event = email_events.read({"event": "replied", "email": SHE, "text": "Unsubscribe"})
    mail.take(session, event, organization="Us", sent_at=NOON - timedelta(hours=1), now=NOON)
    assert held(session) == "email"


def test_what_staff_have_lifted_stays_lifted_when_an_email_is_taken_in_late(session: Session) -> None:
    event = email_events.read({"event": "replied", "email": SHE, "text": "Unsubscribe"})
    mail.heed(session, event, now=NOON)
    assert held(session) == "unsaved"
    suppression.lift(session, SHE, by="cli", now=NOON + timedelta(minutes=1))
    mail.take(session, event, organization="Us", sent_at=NOON, now=NOON + timedelta(minutes=2))
    assert held(session) is None


def test_a_stop_by_phone_meanwhile_outlasts_that_an_email_was_none(session: Session) -> None:
    factories.contact(session, 1, email=SHE)
    take(session, "who is this stop")
    suppression.opt_out(session, phone(1), source="inbound", now=NOON)
    conversations.not_opt_out(session, conversation(session).id, by=factories.staff(session), now=NOON)
    assert both_held(session) == [("opt_out", "inbound")]


def test_an_undecided_opt_out_counts_for_both_and_is_told_once(session: Session) -> None:
    factories.contact(session, 1, email=SHE)
    take(session, "who is this stop")
    assert conversations.confirm_likely_opt_outs(session, before=NOON, now=NOON) == 2
    assert both_held(session) == [("opt_out", "unanswered")] * 2
    assert len(notes(session, conversation(session))) == 1


def test_what_an_email_stopped_is_lifted_as_one_and_said(session: Session) -> None:
    factories.contact(session, 1, email=SHE)
    take(session, "Unsubscribe")
    held_by = suppression.active(session, SHE)
    assert held_by is not None
    approver = factories.staff(session, "U0APPROVER", role=Role.APPROVER)
    conversations.lift(session, conversation(session).id, held_by.id, by=approver, now=NOON)
    assert both_held(session) == []
    assert "E-mails to them are allowed again. So are messages to •••0101." in notes(session, conversation(session))[-1]


@pytest.mark.parametrize("event", ["spamreport", "unsubscribe", "bounce"])
def test_what_is_about_emails_alone_stops_no_texts(session: Session, event: str) -> None:
    factories.contact(session, 1, email=SHE)
    told = processors.fields_of(email_events.read({"event": event, "email": SHE}))
    processors.REGISTRY["email"].process(session, told["kind"], told, house=House("Us"), came_at=NOON, now=NOON)
    assert suppression.active(session, SHE) is not None
    assert suppression.active(session, phone(1)) is None


@pytest.mark.parametrize("event", ["spamreport", "unsubscribe", "bounce"])
def test_what_staff_have_lifted_stays_lifted_when_an_event_is_taken_in_late(session: Session, event: str) -> None:
    told = processors.fields_of(email_events.read({"event": event, "email": SHE}))
    later = [NOON + timedelta(minutes=minutes) for minutes in range(3)]

    def is_held_after(came_at: datetime) -> bool:
        email = processors.REGISTRY["email"]
        email.process(session, told["kind"], told, house=House("Us"), came_at=came_at, now=later[2])
        return suppression.active(session, SHE) is not None

    assert is_held_after(later[0])
    suppression.lift(session, SHE, by="cli", now=later[1])
    assert not is_held_after(later[0])
    assert is_held_after(later[2])


def test_a_text_stops_no_emails(session: Session) -> None:
    factories.contact(session, 1, email=SHE)
    inbound.take(session, Text("SM1", phone(1), factories.SENDER, "STOP"), organization="Us", now=NOON)
    assert both_held(session) == [("opt_out", "inbound")]


def test_a_backfill_minds_no_quoted_words(session: Session) -> None:
    take(session, "From: Tenants <t@example.org>\nHi Ann\n\nSTOP", subject="Re: Rent meeting")
    assert backfill._texts(session, [SHE]) == []


def test_a_subject_is_read_where_there_is_nothing_else(session: Session) -> None:
    take(session, "", subject="unsubscribe")
    assert held(session) == "email"


def test_nobody_comes_back_by_an_email(session: Session) -> None:
    suppression.opt_out(session, SHE, source="email", now=NOON)
    take(session, "Yes")
    assert held(session) == "email"


@pytest.mark.parametrize("known", [{"name": "Ann Smith"}, {"first_name": "Ann"}])
def test_their_name_below_is_no_part_of_what_they_ask(session: Session, known: dict[str, Any]) -> None:
    factories.contact(session, email=SHE, **known)
    take(session, "Stop\nAnn", **{"from": SHE})
    assert held(session) == "email"


def test_the_name_that_their_mail_program_tells_is_theirs(session: Session) -> None:
    take(session, "Stop\n\nAnn", **{"from": f'"Ann Smith" <{SHE}>'})
    assert held(session) == "email"


def test_the_subject_of_what_they_answer_to_is_not_their_words(session: Session) -> None:
    take(session, QUOTED, subject="Re: Please stop the evictions")
    assert held(session) is None


@pytest.mark.parametrize(
    "posted",
    [
        {"From": "Ann <ann@example.org>", "TextBody": "Hello", "MessageID": "m-1"},
        {"event": "inbound", "recipient": "us@example.org", "sender": SHE, "body-plain": "Hello"},
    ],
)
def test_it_is_its_writers_not_its_recipients(posted: dict[str, str]) -> None:
    event = email_events.read(posted)
    assert (event.kind, event.address, event.text) == ("replied", SHE, "Hello")


def test_it_can_not_be_texted_back_and_says_so(session: Session) -> None:
    take(session, "Is there parking?")
    found, staff = conversation(session), factories.staff(session)
    with pytest.raises(NotAllowed, match="Answer from your mailbox"):
        conversations.reply(session, found.id, "Yes", by=staff, now=NOON)
    drawn = str(thread.render(threads.facts(session, found.id, now=NOON), trusted_host=""))
    assert "a•••@example.org" in drawn
    assert SHE not in drawn
    assert "by e-mail" in drawn
    assert thread.TEXT_BACK not in drawn
    assert thread.CLOSE in drawn


def test_where_no_words_of_theirs_are_found_staff_read_all(session: Session) -> None:
    text = "From: Tenants <t@example.org>\nHi Ann\n\nSTOP"
    take(session, text, subject="Re: Rent meeting")
    assert [each.body for each in session.scalars(sa.select(Inbound))] == [text]
    assert held(session) is None
