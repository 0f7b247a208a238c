"""An answer by e-mail becomes a conversation; what asks for an end of it is heeded at once."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import email_events
from core.errors import NotAllowed
from core.models import Conversation, Delivery, Inbound, OutboxEvent
from core.slack.views import thread
from core.usecases import conversations, mail, suppression, threads
from tests import factories
from tests.factories import NOON

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
