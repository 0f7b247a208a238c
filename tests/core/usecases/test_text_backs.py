"""Whoever texts back is told in the thread when it doesn't arrive: why, once, and nobody of anything else."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.channel import Accepted, Outcome, Refused, Unknown
from core.domain.events import ConversationChanged
from core.domain.lifecycles import DeliveryStatus
from core.domain.receipts import Incoming
from core.models import Delivery, DeliveryKind, OutboxEvent, SuppressionCause
from core.usecases import receipts, recording, sending, suppression
from core.usecases.recording import Result
from core.usecases.sending import Claims
from tests import factories
from tests.factories import NOON, SENDER

UNREGISTERED = Refused(21211, "Invalid 'To' Phone Number", 400)


@pytest.fixture
def reply(session: Session) -> Delivery:
    conversation = factories.conversation(session)
    return factories.delivery(session, conversation_id=conversation.id)


def claim(session: Session) -> Claims:
    return sending.claim(session, None, sender=SENDER, limit=9, hourly_cap=10, now=NOON)


def record(session: Session, claims: Claims, outcome: Outcome, *, max_attempts: int = 8) -> None:
    results = [Result(claim, outcome, NOON) for claim in claims]
    recording.record(session, results, max_attempts=max_attempts, now=NOON)


def told(session: Session) -> list[str]:
    found = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == ConversationChanged.name))
    return [event.payload["note"] for event in found]


def test_that_the_provider_refuses_it_at_once_is_told_once(session: Session, reply: Delivery) -> None:
    claims = claim(session)
    record(session, claims, UNREGISTERED)
    record(session, claims, UNREGISTERED)  # the database has it, the worker doesn't know, and writes it again
    receipts.apply(session, [Incoming("SM1", "failed", 21211, delivery_id=reply.id)], now=NOON)
    (note,) = told(session)
    assert note.startswith("The text back did not arrive: ")
    assert "(21211)" in note


@pytest.mark.parametrize("refused", [Refused(0, "No connection"), Refused(20429, "Too many", 429)], ids=str)
def test_it_is_told_only_when_no_further_try_is_left(session: Session, reply: Delivery, refused: Refused) -> None:
    claims = claim(session)
    record(session, claims, refused)
    assert told(session) == []
    session.execute(sa.update(Delivery).values(not_before=NOON))
    record(session, claim(session), refused, max_attempts=2)
    (note,) = told(session)
    assert note.startswith("The text back was not sent: the provider couldn't be reached")


@pytest.mark.parametrize("outcome", [Accepted("SM1"), Unknown("reset")], ids=str)
def test_of_what_has_left_or_may_have_nothing_is_told(session: Session, reply: Delivery, outcome: Outcome) -> None:
    record(session, claim(session), outcome)
    assert told(session) == []


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (SuppressionCause.OPT_OUT, "they have opted out since"),
        (SuppressionCause.HARD_FAILURE, "out of reach"),
        (SuppressionCause.MANUAL, "blocked texts to them"),
    ],
)
def test_that_it_was_not_sent_since_its_member_is_out_of_reach_is_told_once(
    session: Session, reply: Delivery, cause: SuppressionCause, words: str
) -> None:
    suppression.suppress(session, reply.address, cause=cause, source="test", now=NOON)
    assert claim(session) == claim(session) == []
    (note,) = told(session)
    assert words in note


@pytest.mark.parametrize("values", [{"kind": DeliveryKind.TEST}, {"kind": DeliveryKind.ANSWER}, {}], ids=str)
def test_of_what_is_no_text_back_or_has_no_thread_nothing_is_told(session: Session, values: dict[str, Any]) -> None:
    conversation_id = factories.conversation(session).id if values else None
    factories.delivery(session, conversation_id=conversation_id, **values)
    factories.delivery(session, 1, conversation_id=conversation_id, **values)
    suppression.opt_out(session, factories.phone(1), source="inbound", now=NOON)
    record(session, claim(session), UNREGISTERED)
    statuses = session.scalars(sa.select(col(Delivery.status)).order_by(col(Delivery.id))).all()
    assert statuses[0] is DeliveryStatus.REFUSED
    assert told(session) == []


def test_a_text_back_beside_others_is_told_of_by_itself(session: Session, reply: Delivery) -> None:
    other = factories.conversation(session, 1)
    factories.delivery(session, 1, conversation_id=other.id)
    first, second = claim(session)
    results = [Result(first, UNREGISTERED, NOON), Result(second, Accepted("SM2"), NOON)]
    recording.record(session, results, max_attempts=8, now=NOON)
    payloads = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == ConversationChanged.name)).all()
    assert [event.payload["conversation_id"] for event in payloads] == [str(reply.conversation_id)]
