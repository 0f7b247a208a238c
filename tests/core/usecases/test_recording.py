"""An answer that comes late, or that tells of an id which another row holds, is still believed."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.channel import Accepted, Outcome, Trace, Unknown
from core.domain.lifecycles import DeliveryStatus
from core.models import Delivery
from core.usecases import recording, sending, settling
from core.usecases.recording import Result
from core.usecases.sending import Claimed
from tests import factories
from tests.factories import NOON, SENDER

LATER = NOON + timedelta(minutes=16)
SID = "SM" + "1" * 32


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    engine = db.connect(database_url)
    with db.transaction(engine) as session:
        yield session
    engine.dispose()


def claim(session: Session) -> list[Claimed]:
    return sending.claim(session, None, sender=SENDER, limit=9, hourly_cap=10, now=LATER)


def record(session: Session, claimed: Claimed, outcome: Outcome) -> None:
    recording.record(session, [Result(claimed, outcome, LATER)], max_attempts=8, now=LATER)


def look_up(session: Session, claimed: Claimed, trace: Trace | None) -> None:
    attempts = {claimed.id: claimed.attempt}
    settling.settle(session, {claimed.id: trace}, attempts=attempts, may_resend=True, now=LATER + timedelta(hours=1))


def rows(session: Session) -> list[Delivery]:
    session.expire_all()
    return list(session.scalars(sa.select(Delivery).order_by(col(Delivery.id))))


def test_what_was_accepted_after_all_is_not_sent_again(session: Session) -> None:
    factories.delivery(session)
    (claimed,) = claim(session)
    record(session, claimed, Unknown("read time-out"))
    session.execute(sa.update(Delivery).values(looks=3))
    look_up(session, claimed, None)
    assert rows(session)[0].status is DeliveryStatus.PENDING
    record(session, claimed, Accepted(SID))
    assert claim(session) == []
    assert (rows(session)[0].status, rows(session)[0].provider_sid) == (DeliveryStatus.ACCEPTED, SID)


def test_an_old_answer_does_not_settle_the_attempt_after_it(session: Session) -> None:
    factories.delivery(session)
    (first,) = claim(session)
    session.execute(sa.update(Delivery).values(status=DeliveryStatus.PENDING))
    (second,) = claim(session)
    record(session, first, Accepted(SID))
    (row,) = rows(session)
    assert (row.status, row.attempt) == (DeliveryStatus.CLAIMED, second.attempt)


def test_an_id_that_a_look_up_gave_to_an_alike_text_goes_to_its_own(session: Session) -> None:
    for _ in range(2):
        factories.delivery(session, body="Yes.")
    mistaken, own = claim(session)
    record(session, mistaken, Unknown("reset"))
    look_up(session, mistaken, Trace(SID, "delivered", 0))
    result = Result(own, Accepted(SID), LATER)
    assert recording.take_sid(session, result, now=LATER) == 1
    record(session, own, result.outcome)
    first, second = rows(session)
    assert (second.status, second.provider_sid) == (DeliveryStatus.ACCEPTED, SID)
    assert (first.status, first.provider_sid, first.ended_at, first.looks) == (DeliveryStatus.UNKNOWN, None, None, 0)
    assert settling.has_due(session, now=LATER)


def test_what_was_not_accepted_takes_no_id(session: Session) -> None:
    factories.delivery(session)
    (claimed,) = claim(session)
    assert recording.take_sid(session, Result(claimed, Unknown("reset"), LATER), now=LATER) == 0
