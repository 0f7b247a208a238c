"""Whoever comes back is asked about what; the answer is understood for a day, once, and never taken for talk."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.lifecycles import DeliveryStatus
from core.models import (
    Audience,
    AudienceKind,
    Conversation,
    Delivery,
    DeliveryKind,
    Inbound,
    OutboxEvent,
    TopicQuestion,
)
from core.usecases import asking, erasure, inbound, suppression, topics
from core.usecases.inbound import Text
from tests import factories
from tests.factories import NOON, SENDER, phone

SHE = phone(1)
HOUR = timedelta(hours=1)


@pytest.fixture
def pools(session: Session) -> tuple[Audience, Audience, Audience]:
    """Three audiences, she in all of them."""
    member = factories.contact(session, 1)
    picnic = factories.audience(session, "Picnic", [member], kind=AudienceKind.EVENT)
    rally = factories.audience(session, "Rally", [member], kind=AudienceKind.EVENT)
    return picnic, rally, factories.audience(session, "Tenants", [member])


@pytest.fixture
def asked(session: Session, pools: tuple[Audience, Audience, Audience]) -> None:
    """She has left and come back, and is asked about what."""
    for hours, body in ((-2, "STOP"), (0, "START")):
        say(session, body, hours=hours)


def say(session: Session, body: str, *, hours: float = 1, sender: str = SENDER, **values: Any) -> Inbound:
    text = Text(f"SM{body}{hours}{sender}", SHE, sender, body, is_answered_by_provider=False)
    inbound.take(session, text, organization="Us", now=NOON + hours * HOUR, **values)
    return session.scalars(sa.select(Inbound).where(col(Inbound.provider_sid) == text.provider_sid)).one()


def answers(session: Session) -> list[str]:
    is_one = col(Delivery.kind) == DeliveryKind.ANSWER
    return [each.body or "" for each in session.scalars(sa.select(Delivery).where(is_one).order_by(col(Delivery.id)))]


def conversations(session: Session) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(Conversation)) or 0


@pytest.mark.usefixtures("asked")
class TestOnceAsked:
    """She has been asked; nobody has written anything since."""

    def test_the_question_can_be_answered(self, session: Session) -> None:
        assert answers(session)[-1] == (
            "Us: you will get our texts again. About what? Reply with a number: 1 Picnic, 2 Rally, 3 Tenants; or ALL. "
            "STOP stops them all."
        )
        assert topics.left(session, SHE) == []

    @pytest.mark.parametrize(
        ("body", "left"),
        [
            ("2", ["Picnic", "Tenants"]),
            ("rally", ["Picnic", "Tenants"]),
            ("2 and 3", ["Picnic"]),
            ("ALL", []),
            ("1,2,3", []),
        ],
    )
    def test_the_answer_counts(self, session: Session, body: str, left: list[str]) -> None:
        say(session, body)
        assert sorted(topics.left(session, SHE)) == left
        assert conversations(session) == 0
        assert answers(session)[-1].startswith("Us: you will get")

    def test_the_answer_says_what_was_understood(self, session: Session) -> None:
        say(session, "1 and 3")
        assert answers(session)[-1] == (
            "Us: you will get texts about Picnic, Tenants only. Reply STOP to stop all of our texts."
        )

    def test_the_answer_counts_once(self, session: Session) -> None:
        say(session, "2")
        say(session, "1", hours=2)
        assert sorted(topics.left(session, SHE)) == ["Picnic", "Tenants"]
        assert conversations(session) == 1

    def test_an_answer_that_comes_twice_is_kept_once(self, session: Session) -> None:
        for _ in range(2):
            text = Text("SMsame", SHE, SENDER, "2")
            inbound.take(session, text, organization="Us", now=NOON + HOUR)
        assert conversations(session) == 0

    @pytest.mark.parametrize("body", ["4", "2 of us will come", "What is the rally?", "Thanks!"])
    def test_anything_else_is_conversation_and_the_question_stays(self, session: Session, body: str) -> None:
        say(session, body)
        assert conversations(session) == 1
        say(session, "2", hours=2)
        assert sorted(topics.left(session, SHE)) == ["Picnic", "Tenants"]

    @pytest.mark.parametrize("hours", [24.1, -0.5])
    def test_what_was_not_written_within_the_day_is_conversation(self, session: Session, hours: float) -> None:
        say(session, "2", hours=30, sent_at=NOON + hours * HOUR)
        assert topics.left(session, SHE) == []
        assert conversations(session) == 1

    def test_an_answer_that_comes_late_counts_by_when_it_was_written(self, session: Session) -> None:
        say(session, "2", hours=30, sent_at=NOON + 2 * HOUR)
        assert sorted(topics.left(session, SHE)) == ["Picnic", "Tenants"]

    @pytest.mark.parametrize("kind", [DeliveryKind.REPLY, DeliveryKind.BLAST])
    def test_after_something_else_of_ours_it_is_an_answer_to_that(self, session: Session, kind: DeliveryKind) -> None:
        values: dict[str, Any] = {"status": DeliveryStatus.SENT, "claimed_at": NOON + HOUR}
        blast_id = factories.blast(session).id if kind is DeliveryKind.BLAST else None
        factories.delivery(session, 1, blast_id=blast_id, **values)
        say(session, "2", hours=2)
        assert topics.left(session, SHE) == []
        assert conversations(session) == 1

    def test_another_number_of_ours_has_not_asked(self, session: Session) -> None:
        say(session, "2", sender="+12125550199")
        assert topics.left(session, SHE) == []

    def test_a_keyword_closes_the_question(self, session: Session) -> None:
        say(session, "STOP TENANTS")
        say(session, "2", hours=2)
        assert topics.left(session, SHE) == ["Tenants"]
        assert conversations(session) == 1

    def test_who_stops_instead_stays_stopped(self, session: Session) -> None:
        say(session, "STOP")
        say(session, "2", hours=2)
        assert suppression.active(session, SHE) is not None

    def test_an_audience_that_is_gone_is_not_taken_for_another(
        self, session: Session, pools: tuple[Audience, Audience, Audience]
    ) -> None:
        session.delete(pools[0])
        session.flush()
        say(session, "1")
        assert topics.left(session, SHE) == []
        say(session, "2", hours=2)
        assert topics.left(session, SHE) == ["Tenants"]

    def test_staff_see_what_was_chosen(self, session: Session) -> None:
        say(session, "Thanks!")
        say(session, "2", hours=2)
        told = session.scalars(sa.select(OutboxEvent).order_by(col(OutboxEvent.id).desc())).first()
        assert told is not None
        assert told.payload["note"] == "They want texts about Rally only."

    def test_questions_are_forgotten(self, session: Session) -> None:
        asking.forget(session, now=NOON + 24 * HOUR)
        assert session.get(TopicQuestion, SHE) is not None
        asking.forget(session, now=NOON + 25 * HOUR)
        session.expire_all()
        assert session.get(TopicQuestion, SHE) is None

    def test_erasing_somebody_erases_what_they_were_asked(self, session: Session) -> None:
        erasure.erase(session, SHE, now=NOON)
        assert session.scalar(sa.select(sa.func.count()).select_from(TopicQuestion)) == 0


def test_every_event_that_was_left_at_once_is_come_back_to_one_by_one(
    session: Session, pools: tuple[Audience, Audience, Audience]
) -> None:
    for hours, body in enumerate(("STOP EVENTS", "STOP", "START", "2")):
        say(session, body, hours=hours)
    assert sorted(topics.left(session, SHE)) == ["Picnic", "Tenants"]


def test_who_is_in_one_audience_is_asked_nothing(session: Session) -> None:
    factories.audience(session, "Tenants", [factories.contact(session, 1)])
    say(session, "STOP", hours=0)
    say(session, "START")
    assert "About what" not in answers(session)[-1]
    say(session, "1", hours=2)
    assert conversations(session) == 1


def test_what_has_no_room_in_the_question_has_no_number(session: Session) -> None:
    member = factories.contact(session, 1)
    for letter in "ABCD":
        factories.audience(session, letter * 50, [member])
    say(session, "STOP", hours=0)
    say(session, "START")
    assert "2 BBB" in answers(session)[-1]
    assert "3 CCC" not in answers(session)[-1]
    say(session, "3", hours=2)
    assert topics.left(session, SHE) == []
    say(session, "2", hours=3)
    assert sorted(topics.left(session, SHE)) == ["A" * 50, "C" * 50, "D" * 50]


def test_of_answers_that_come_at_once_one_counts(engine: sa.Engine) -> None:
    with db.transaction(engine) as session:
        member = factories.contact(session, 1)
        for name in ("Picnic", "Rally", "Tenants"):
            factories.audience(session, name, [member])
        say(session, "STOP", hours=-2)
        say(session, "START", hours=0)

    def answer(number: int) -> None:
        with db.transaction(engine) as session:
            say(session, str(number % 3 + 1), hours=1 + number / 100)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(answer, range(6)))
    with db.reading(engine) as session:
        assert len(topics.left(session, SHE)) == 2
        is_talk = col(OutboxEvent.name) == "message.received"
        assert len(session.scalars(sa.select(OutboxEvent).where(is_talk)).all()) == 5
