"""What may have left is looked up, and sent once more only when the provider never took it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.channel import Trace, Unknown
from core.domain.lifecycles import DeliveryStatus
from core.models import Delivery
from core.usecases import recording, sending, settling
from core.usecases.recording import Result
from tests import factories
from tests.factories import NOON, SENDER

MINUTE = timedelta(minutes=1)


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    engine = db.connect(database_url)
    with db.transaction(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def unknown(session: Session) -> Delivery:
    delivery = factories.delivery(session, body="See you at 6")
    make_unknown(session)
    return delivery


def make_unknown(session: Session) -> None:
    claims = sending.claim(session, None, sender=SENDER, limit=9, hourly_cap=10, now=NOON)
    results = [Result(each, Unknown("read time-out"), NOON) for each in claims]
    recording.record(session, results, max_attempts=8, now=NOON)


def look_up(
    session: Session, trace: Trace | None, *, after: timedelta, may_resend: bool = True, before: int = 2
) -> None:
    session.execute(sa.update(Delivery).values(looks=col(Delivery.looks) + before))
    taken = settling.take_due(session, now=NOON + after)
    attempts = {outgoing.delivery_id: outgoing.attempt for outgoing, _ in taken}
    found = dict.fromkeys(attempts, trace)
    settling.settle(session, found, attempts=attempts, may_resend=may_resend, now=NOON + after)


def status(session: Session) -> DeliveryStatus:
    session.expire_all()
    return session.scalars(sa.select(Delivery)).one().status


def test_a_callback_gets_its_chance_before_a_look_up(session: Session, unknown: Delivery) -> None:
    assert not settling.has_due(session, now=NOON + timedelta(seconds=29))
    assert settling.has_due(session, now=NOON + timedelta(seconds=30))


def test_it_is_looked_for_by_recipient_text_and_time(session: Session, unknown: Delivery) -> None:
    ((outgoing, since),) = settling.take_due(session, now=NOON + MINUTE)
    assert (outgoing.address, outgoing.body, since) == (factories.phone(0), "See you at 6", NOON)


def test_nobody_else_looks_for_it_meanwhile(session: Session, unknown: Delivery) -> None:
    assert settling.take_due(session, now=NOON + MINUTE)
    assert settling.take_due(session, now=NOON + MINUTE) == []
    assert settling.take_due(session, now=NOON + 2 * MINUTE)


def test_a_trace_settles_it(session: Session, unknown: Delivery) -> None:
    look_up(session, Trace("SM1", "delivered", 0), after=MINUTE)
    assert status(session) is DeliveryStatus.DELIVERED


def test_without_a_trace_it_stays_unknown_for_a_quarter_of_an_hour(session: Session, unknown: Delivery) -> None:
    look_up(session, None, after=15 * MINUTE)
    assert status(session) is DeliveryStatus.UNKNOWN
    look_up(session, None, after=17 * MINUTE)
    assert status(session) is DeliveryStatus.PENDING


def test_it_is_sent_once_more_and_no_second_time(session: Session, unknown: Delivery) -> None:
    look_up(session, None, after=17 * MINUTE)
    claims = sending.claim(session, None, sender=SENDER, limit=9, hourly_cap=10, now=NOON + 18 * MINUTE)
    assert [each.attempt for each in claims] == [2]
    results = [Result(each, Unknown("again"), NOON + 18 * MINUTE) for each in claims]
    recording.record(session, results, max_attempts=8, now=NOON + 18 * MINUTE)
    look_up(session, None, after=60 * MINUTE)
    assert status(session) is DeliveryStatus.UNKNOWN


def test_a_person_decides_when_it_is_set_so(session: Session, unknown: Delivery) -> None:
    look_up(session, None, after=60 * MINUTE, may_resend=False)
    assert status(session) is DeliveryStatus.UNKNOWN


def test_a_clock_put_forward_does_not_have_it_sent_again_while_its_call_is_under_way(
    session: Session, unknown: Delivery
) -> None:
    for minute in range(2):
        look_up(session, None, after=timedelta(hours=1) + minute * MINUTE, before=0)
        assert status(session) is DeliveryStatus.UNKNOWN
    look_up(session, None, after=timedelta(hours=1) + 2 * MINUTE, before=0)
    assert status(session) is DeliveryStatus.PENDING


def test_a_look_that_was_not_answered_counts_for_nothing(session: Session, unknown: Delivery) -> None:
    for minute in range(3):
        assert settling.take_due(session, now=NOON + timedelta(hours=1) + minute * MINUTE)
        settling.settle(session, {}, attempts={}, may_resend=True, now=NOON + timedelta(hours=1) + minute * MINUTE)
    for minute in range(3, 6):
        assert status(session) is DeliveryStatus.UNKNOWN
        look_up(session, None, after=timedelta(hours=1) + minute * MINUTE, before=0)
    assert status(session) is DeliveryStatus.PENDING


def test_a_person_is_asked_only_after_looks_that_were_answered(session: Session, unknown: Delivery) -> None:
    for minute in range(3):
        settling.take_due(session, now=NOON + timedelta(hours=1) + minute * MINUTE)
    look_up(session, None, after=timedelta(hours=1) + 3 * MINUTE, may_resend=False, before=0)
    assert session.scalars(sa.select(col(Delivery.untraced_at))).one() is None


def test_in_a_storm_of_unknowns_each_gets_its_look_before_any_gets_a_second(session: Session) -> None:
    for number in range(120):
        factories.delivery(session, number, body="See you at 6")
    claims = sending.claim(session, None, sender=SENDER, limit=200, hourly_cap=10, now=NOON)
    results = [Result(each, Unknown("Twilio answered 500."), NOON) for each in claims]
    recording.record(session, results, max_attempts=8, now=NOON)
    looked: list[int] = []
    for minutes in range(1, 4):
        taken = settling.take_due(session, now=NOON + minutes * MINUTE)
        attempts = {outgoing.delivery_id: outgoing.attempt for outgoing, _ in taken}
        settling.settle(session, dict.fromkeys(attempts), attempts=attempts, may_resend=True, now=NOON)
        looked += attempts
    assert len(set(looked)) == 120
