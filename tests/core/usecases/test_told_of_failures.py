"""Whoever a failure puts out of reach is shown so in their threads: nobody texts them back in vain."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.channel import Refused
from core.domain.lifecycles import DeliveryStatus
from core.domain.receipts import Incoming
from core.models import Conversation, Delivery, DeliveryKind, OutboxEvent, Suppression
from core.usecases import receipts, recording
from core.usecases.processors import Email, House
from core.usecases.recording import Result
from core.usecases.sending import Claimed
from tests import factories
from tests.factories import NOON

CLAIMED: dict[str, Any] = {"status": DeliveryStatus.CLAIMED, "attempt": 1, "claimed_at": NOON}
HOUSE = House("Tenants Together")


def told(session: Session) -> list[tuple[str, str]]:
    """Return which conversations' threads are to be drawn anew, and what they are told."""
    events = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "conversation.changed"))
    return [(event.payload["conversation_id"], event.payload["note"]) for event in events]


@pytest.fixture
def talk(session: Session) -> Conversation:
    """A conversation whose thread is open."""
    return factories.conversation(session, 1, thread_ts="1.1")


def report(session: Session, status: str, code: int, **values: Any) -> Delivery:
    delivery = factories.delivery(session, 1, **(CLAIMED | values))
    receipts.apply(session, [Incoming(f"SM{delivery.id:032d}", status, code, delivery.id, 1)], now=NOON)
    return delivery


def test_an_opt_out_that_the_provider_tells_of(session: Session, talk: Conversation) -> None:
    report(session, "failed", 21610)
    ((where, note),) = told(session)
    assert where == str(talk.id)
    assert "opted out" in note
    assert talk.address not in note


@pytest.mark.parametrize("code", [30004, 30006])
def test_a_number_that_can_not_be_texted(session: Session, talk: Conversation, code: int) -> None:
    report(session, "undelivered", code)
    ((where, note),) = told(session)
    assert where == str(talk.id)
    assert str(code) in note


def test_a_number_is_told_of_at_the_last_strike(session: Session, talk: Conversation) -> None:
    report(session, "undelivered", 30005)
    assert told(session) == []
    report(session, "undelivered", 30005)
    assert [where for where, _ in told(session)] == [str(talk.id)]


def test_a_refusal_at_once(session: Session, talk: Conversation) -> None:
    delivery = factories.delivery(session, 1, **CLAIMED)
    claim = Claimed(delivery.id or 0, 1, DeliveryKind.BLAST, delivery.address, "Hello", 1, None)
    recording.record(session, [Result(claim, Refused(21610, "Unsubscribed", 400), NOON)], max_attempts=8, now=NOON)
    assert [where for where, _ in told(session)] == [str(talk.id)]


def test_all_threads_with_that_number_and_no_other(session: Session, talk: Conversation) -> None:
    other = factories.conversation(session, 1, sender="+12125550199", thread_ts="1.2")
    factories.conversation(session, 2, thread_ts="1.3")
    factories.conversation(session, 1, sender="+12125550198")  # no thread yet: it is drawn as things stand then
    report(session, "undelivered", 30006)
    assert {where for where, _ in told(session)} == {str(talk.id), str(other.id)}


@pytest.mark.usefixtures("talk")
def test_what_was_known_is_not_told_again(session: Session) -> None:
    report(session, "undelivered", 30006)
    report(session, "failed", 21610)
    report(session, "failed", 21610)
    assert len(told(session)) == 2  # an opt-out counts more than a number that can't be reached


@pytest.mark.usefixtures("talk")
@pytest.mark.parametrize("code", [0, 30003, 30007, 30008, 4242])
def test_what_suppresses_nobody_is_not_told(session: Session, code: int) -> None:
    report(session, "undelivered", code)
    assert told(session) == []
    assert session.scalars(sa.select(Suppression)).all() == []


@pytest.mark.parametrize("kind", ["bounced", "complained"])
def test_an_e_mail_that_bounces_or_is_complained_of(session: Session, kind: str) -> None:
    talk = factories.conversation(session, address="jane@example.org", sender="us@example.org", thread_ts="1.1")
    Email().process(session, kind, {"key": "1", "address": talk.address}, house=HOUSE, came_at=NOON, now=NOON)
    assert [where for where, _ in told(session)] == [str(talk.id)]
