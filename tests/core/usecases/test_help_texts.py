"""HELP is answered in one text that says who we are and how to stop, for the audience and channel of whoever asks."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, col

from core.domain import email_events, message
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.errors import Invalid, NotFound
from core.models import Audience, AudienceKind, ChannelName, Delivery, DeliveryKind, OutboxEvent
from core.usecases import answers, help_texts, inbound, mail, suppression, topics
from core.usecases.inbound import Text
from tests import factories
from tests.factories import NOON, SENDER, phone

SHE = phone(1)
EMAIL = "she@example.org"
SMS = ChannelName.SMS


@pytest.fixture
def pools(session: Session) -> tuple[Audience, Audience]:
    """A community audience and an event's, she in both."""
    member = factories.contact(session, 1, email=EMAIL)
    tenants = factories.audience(session, "Tenants", [member])
    rally = factories.audience(session, "Rally 2026", [member], kind=AudienceKind.EVENT)
    return tenants, rally


def asked(session: Session, *, organization: str = "Us") -> str:
    """Have her text HELP where the provider doesn't answer it; return what she is answered."""
    text = Text("SM1", SHE, SENDER, "HELP", is_answered_by_provider=False)
    inbound.take(session, text, organization=organization, now=NOON)
    found = session.scalars(sa.select(Delivery).where(col(Delivery.kind) == DeliveryKind.ANSWER)).one()
    return found.body or ""


def put(session: Session, body: str, audience: str | None = None, **values: Any) -> None:
    usual: dict[str, Any] = {"channel": SMS, "organization": "Us", "now": NOON}
    help_texts.put(session, body, audience=audience, **(usual | values))


def reached(session: Session, *audiences: Audience, minutes: int = 5) -> None:
    blast = factories.blast(session, audiences, status=BlastStatus.SENDING)
    values: dict[str, Any] = {"status": DeliveryStatus.DELIVERED, "claimed_at": NOON - timedelta(minutes=minutes)}
    factories.delivery(session, 1, blast_id=blast.id, **values)


def test_it_is_about_the_blast_that_reached_them_last(session: Session, pools: tuple[Audience, Audience]) -> None:
    tenants, rally = pools
    reached(session, tenants, minutes=90)
    reached(session, rally, factories.audience(session, "Not hers"))
    told = asked(session)
    assert told.startswith("Us texts you about: Rally 2026. Reply STOP")
    assert "Not hers" not in told


def test_whom_nothing_has_reached_it_names_all_that_they_are_in(
    session: Session, pools: tuple[Audience, Audience]
) -> None:
    assert "about: Rally 2026, Tenants." in asked(session)


def test_what_was_left_is_not_named(session: Session, pools: tuple[Audience, Audience]) -> None:
    topics.leave(session, SHE, topics.Topic("events", kind=AudienceKind.EVENT), inbound_id=None, now=NOON)
    assert "about: Tenants." in asked(session)


def test_who_gets_no_texts_is_not_told_of_any(session: Session, pools: tuple[Audience, Audience]) -> None:
    suppression.opt_out(session, SHE, source="staff", now=NOON)
    assert asked(session) == answers.HELP.text("Us")


def test_a_stranger_is_told_who_we_are(session: Session) -> None:
    assert asked(session) == answers.HELP.text("Us")


def test_an_audience_has_words_of_its_own_before_those_for_everybody(
    session: Session, pools: tuple[Audience, Audience]
) -> None:
    put(session, "{organization}, for all. STOP to stop.")
    put(session, "{organization} at Elm Street. STOP to stop.", "TENANTS")
    put(session, "{organization} at Elm St. STOP to stop.", "tenants")
    reached(session, pools[0])
    assert asked(session) == "Us at Elm St. STOP to stop."
    assert [name for _, name in help_texts.listed(session)] == [None, "Tenants"]


def test_another_audience_gets_the_words_for_everybody(session: Session, pools: tuple[Audience, Audience]) -> None:
    put(session, "{organization}, for all. STOP to stop.")
    put(session, "{organization} at Elm Street. STOP to stop.", "Tenants")
    reached(session, pools[1])
    assert asked(session) == "Us, for all. STOP to stop."


def test_words_that_are_removed_are_the_usual_ones_again(session: Session, pools: tuple[Audience, Audience]) -> None:
    put(session, "{organization} at Elm Street. STOP to stop.", "Tenants")
    help_texts.remove(session, audience="tenants", channel=SMS)
    with pytest.raises(NotFound):
        help_texts.remove(session, audience="tenants", channel=SMS)
    assert "at Elm Street" not in asked(session)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("", "Give the answer a text"),
        ("x" * 2001, "Give the answer a text"),
        ("Reply STOP to stop.", "who we are"),
        ("{organization}: write to us.", "how to stop"),
        ("{organization}: STOP, {first_name}", "{first_name}"),
        ("{organization}: STOP {", "something wrong"),
        ("{organization}: text STOP “now”", "left double quotation mark"),
        ("{organization}: STOP " + "x" * 160, "characters"),
    ],
)
def test_words_that_say_too_little_or_too_much_are_refused(session: Session, body: str, complaint: str) -> None:
    with pytest.raises(Invalid) as refusal:
        put(session, body)
    assert complaint in refusal.value.sentence


def test_an_audience_that_there_is_not_has_no_words(session: Session) -> None:
    with pytest.raises(NotFound):
        put(session, "{organization}: STOP to stop.", "nobody")


def test_an_email_has_words_of_its_own(session: Session, pools: tuple[Audience, Audience]) -> None:
    put(session, "{organization} – “tenants first”. Answer STOP to stop.", "Tenants", channel=ChannelName.EMAIL)
    event = email_events.read({"event": "replied", "email": EMAIL, "text": "help"})
    mail.take(session, event, organization="Us", now=NOON)
    told = session.scalars(sa.select(OutboxEvent).order_by(col(OutboxEvent.id).desc())).first()
    assert told is not None
    assert told.payload["note"].endswith("mailbox:\nUs – “tenants first”. Answer STOP to stop.")


def test_the_usual_words_for_an_email_speak_of_emails() -> None:
    said = answers.HELP_ABOUT_BY_EMAIL.about("Tenants").text("Us")
    assert said.startswith("This is Us. We write to you about: Tenants. To get no more e-mails")


@given(st.text(max_size=200), st.text(min_size=1, max_size=130).filter(str.strip))
def test_it_is_one_text_whatever_we_and_the_audiences_are_called(organization: str, topic: str) -> None:
    for answer in (answers.HELP, answers.HELP_ABOUT.about(topic)):
        said = answer.text(organization)
        assert message.measure(said).segments == 1
        assert "STOP" in said


@pytest.mark.parametrize("organization", ["Żółw", "Tenants “Together”", "Tenants \N{PARTY POPPER}", "O" * 300])
def test_it_is_in_the_cheap_alphabet_where_our_name_can_be(organization: str) -> None:
    assert message.measure(answers.HELP.text(organization)).encoding == "GSM-7"
