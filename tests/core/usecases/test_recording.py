"""An answer that comes late, or that tells of an id which another row holds, is still believed."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.channel import Accepted, Outcome, Outgoing, Refused, Trace, Unknown
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.domain.receipts import Incoming
from core.models import Blast, Delivery
from core.usecases import receipts, recording, reports, sending, settling
from core.usecases.recording import Result
from core.usecases.sending import Claimed
from tests import factories
from tests.factories import NOON, SENDER

LATER = NOON + timedelta(minutes=16)
SID, AGAIN = "SM" + "1" * 32, "SM" + "2" * 32


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


@pytest.fixture
def twice(session: Session) -> tuple[Claimed, Claimed]:
    """A blast's text whose first answer was lost, that left no trace, and that is being sent once more."""
    blast = factories.blast(session, status=BlastStatus.SENDING)
    factories.delivery(session, blast_id=blast.id)
    (first,) = sending.claim(session, blast.id, sender=SENDER, limit=9, hourly_cap=10, now=LATER)
    record(session, first, Unknown("read time-out"))
    session.execute(sa.update(Delivery).values(looks=3))
    look_up(session, first, None)
    (second,) = sending.claim(session, blast.id, sender=SENDER, limit=9, hourly_cap=10, now=LATER + timedelta(hours=1))
    return first, second


def maybe_twice(session: Session) -> int:
    return reports.progress(session, session.scalars(sa.select(col(Blast.id))).one(), now=LATER).maybe_twice


def test_an_answer_that_comes_after_the_text_was_sent_again_is_kept_and_told(
    session: Session, twice: tuple[Claimed, Claimed]
) -> None:
    first, second = twice
    record(session, second, Accepted(AGAIN))
    assert maybe_twice(session) == 0
    for _ in range(2):  # the database has it, the worker doesn't know, and writes it again
        record(session, first, Accepted(SID))
    (row,) = rows(session)
    assert (row.status, row.provider_sid, row.other_sid) == (DeliveryStatus.ACCEPTED, AGAIN, SID)
    assert maybe_twice(session) == 1


def test_an_answer_that_comes_while_the_text_is_sent_again_settles_it(
    session: Session, twice: tuple[Claimed, Claimed]
) -> None:
    first, second = twice
    record(session, first, Accepted(SID))
    (row,) = rows(session)
    assert (row.status, row.provider_sid, row.attempt) == (DeliveryStatus.ACCEPTED, SID, 2)
    record(session, second, Accepted(AGAIN))
    record(session, second, Accepted(AGAIN))
    (row,) = rows(session)
    assert (row.provider_sid, row.other_sid, maybe_twice(session)) == (SID, AGAIN, 1)


@pytest.mark.parametrize("outcome", [Refused(20429, "Too many requests", 429), Unknown("read time-out")], ids=str)
def test_what_has_left_the_first_time_is_not_tried_a_third_time(
    session: Session, twice: tuple[Claimed, Claimed], outcome: Outcome
) -> None:
    first, second = twice
    record(session, second, outcome)
    record(session, first, Accepted(SID))
    (row,) = rows(session)
    assert (row.status, row.provider_sid, row.other_sid) == (DeliveryStatus.ACCEPTED, SID, None)


def test_what_was_claimed_to_be_sent_again_and_is_given_back_stays_settled(
    session: Session, twice: tuple[Claimed, Claimed]
) -> None:
    first, second = twice
    record(session, first, Accepted(SID))
    assert sending.release(session, [second]) == []
    assert rows(session)[0].status is DeliveryStatus.ACCEPTED


def test_an_answer_that_comes_after_its_blast_was_cancelled_keeps_its_id(
    session: Session, twice: tuple[Claimed, Claimed]
) -> None:
    first, _ = twice
    session.execute(sa.update(Delivery).values(status=DeliveryStatus.CANCELLED))
    record(session, first, Accepted(SID))
    (row,) = rows(session)
    assert (row.status, row.provider_sid, row.other_sid) == (DeliveryStatus.CANCELLED, SID, None)


def test_a_receipt_of_the_first_text_tells_of_it_too(session: Session, twice: tuple[Claimed, Claimed]) -> None:
    first, second = twice
    record(session, second, Accepted(AGAIN))
    told = [
        Incoming(sid, "delivered", delivery_id=claim.id, attempt=claim.attempt)
        for sid, claim in ((SID, first), (AGAIN, second))
    ]
    for _ in range(2):
        receipts.apply(session, told, now=LATER)
    (row,) = rows(session)
    assert (row.status, row.provider_sid, row.other_sid) == (DeliveryStatus.DELIVERED, AGAIN, SID)


def test_neither_of_its_ids_is_taken_for_another_text_to_the_same_person(
    session: Session, twice: tuple[Claimed, Claimed]
) -> None:
    first, second = twice
    record(session, second, Accepted(AGAIN))
    record(session, first, Accepted(SID))
    sought = Outgoing(second.id + 1, 1, SENDER, second.address, second.body)
    assert settling.sids_of_others(session, [(sought, LATER)]) == {SID, AGAIN}


def test_receipts_of_one_text_tell_of_no_other(session: Session, twice: tuple[Claimed, Claimed]) -> None:
    _, second = twice
    receipts.apply(session, [Incoming(AGAIN, "sent", delivery_id=second.id, attempt=2)], now=LATER)
    record(session, second, Accepted(AGAIN))
    receipts.apply(session, [Incoming(AGAIN, "delivered", delivery_id=second.id, attempt=2)], now=LATER)
    assert (rows(session)[0].other_sid, maybe_twice(session)) == (None, 0)


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


def test_what_was_looked_for_before_its_refusal_came_is_not_in_doubt_once_it_is_tried_again(session: Session) -> None:
    blast = factories.blast(session, status=BlastStatus.SENDING)
    factories.delivery(session, blast_id=blast.id)
    (first,) = sending.claim(session, blast.id, sender=SENDER, limit=9, hourly_cap=10, now=LATER)
    told = {"status": DeliveryStatus.UNKNOWN, "looks": 3, "untraced_at": LATER}
    session.execute(sa.update(Delivery).values(**told))
    record(session, first, Refused(0, "no connection"))
    (second,) = sending.claim(session, blast.id, sender=SENDER, limit=9, hourly_cap=10, now=LATER + timedelta(hours=1))
    record(session, second, Unknown("read time-out"))
    (row,) = rows(session)
    assert (row.status, row.looks, row.untraced_at) == (DeliveryStatus.UNKNOWN, 0, None)
    assert reports.progress(session, blast.id, now=LATER).undecided == 0
