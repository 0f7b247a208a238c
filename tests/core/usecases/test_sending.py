"""A message is claimed by one process, once, unless a STOP, a pause or a cap says no."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.channel import Accepted, Outcome, Refused, Unknown
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Blast, Contact, Delivery, DeliveryKind, SkipReason
from core.usecases import leases, planning, recording, sending, suppression
from core.usecases.recording import Result
from core.usecases.sending import Claimed, Claims
from tests import factories
from tests.factories import NOON, SENDER


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = db.connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    with db.transaction(engine) as session:
        yield session


def running(session: Session, count: int = 3, **values: Any) -> Blast:
    contacts = [factories.contact(session, number, first_name=f"Ann{number}") for number in range(count)]
    blast = factories.blast(session, [factories.audience(session, contacts=contacts)], **values)
    planning.start(session, blast.id, sender=SENDER, quiet=None, max_lag=timedelta(days=1), now=NOON)
    return blast


def claim(
    session: Session, lane: UUID | None, *, limit: int = 100, hourly_cap: int = 10, at: timedelta | None = None
) -> Claims:
    now = NOON + (at or timedelta())
    return sending.claim(session, lane, sender=SENDER, limit=limit, hourly_cap=hourly_cap, now=now)


def record(session: Session, claims: list[Claimed], outcome: Outcome, **values: int) -> None:
    results = [Result(each, outcome, NOON) for each in claims]
    recording.record(session, results, max_attempts=values.get("max_attempts", 8), now=NOON)


def rows(session: Session) -> list[Delivery]:
    session.expire_all()
    return list(session.scalars(sa.select(Delivery).order_by(col(Delivery.id))))


def test_what_is_claimed_is_not_claimed_again(session: Session) -> None:
    blast = running(session)
    first = claim(session, blast.id, limit=2)
    assert [each.attempt for each in first] == [1, 1]
    assert len(claim(session, blast.id)) == 1
    assert claim(session, blast.id) == []


def test_each_recipient_gets_their_own_text(session: Session) -> None:
    blast = running(session, body="Hi {first_name}, rent meeting on Monday")
    assert {each.body for each in claim(session, blast.id)} == {
        f"Hi Ann{number}, rent meeting on Monday" for number in range(3)
    }


def test_whoever_has_no_value_any_more_is_skipped(session: Session) -> None:
    blast = running(session, body="Hi {building}")
    assert claim(session, blast.id) == []
    assert {row.skip_reason for row in rows(session)} == {SkipReason.MISSING_VALUE}


@pytest.mark.parametrize("odd", ["null", "[1]", '"a"'])
def test_whose_values_are_no_values_is_skipped_alone(session: Session, odd: str) -> None:
    blast = running(session, body="Hi {first_name}")
    session.execute(sa.text("UPDATE contacts SET attributes = :odd WHERE first_name = 'Ann1'"), {"odd": odd})
    assert {each.body for each in claim(session, blast.id)} == {"Hi Ann0", "Hi Ann2"}
    assert [row.skip_reason for row in rows(session)].count(SkipReason.MISSING_VALUE) == 1


def test_whose_text_has_grown_past_the_limit_since_is_skipped(session: Session) -> None:
    blast = running(session, body="Hi {first_name}")
    session.execute(sa.update(Contact).values(first_name="x" * 478))
    assert claim(session, blast.id) == []
    assert {row.skip_reason for row in rows(session)} == {SkipReason.TOO_LONG}


def test_each_whose_text_cannot_be_made_is_skipped_for_a_reason_of_their_own_and_ends(session: Session) -> None:
    blast = running(session, body="Hi {first_name}")
    for name, first_name in (("Ann0", ""), ("Ann1", "x" * 478)):
        session.execute(sa.update(Contact).where(col(Contact.first_name) == name).values(first_name=first_name))
    assert [each.body for each in claim(session, blast.id)] == ["Hi Ann2"]
    skipped = {row.skip_reason: row.ended_at for row in rows(session) if row.skip_reason}
    assert skipped == {SkipReason.MISSING_VALUE: NOON, SkipReason.TOO_LONG: NOON}


def test_a_stop_before_the_claim_wins(session: Session) -> None:
    blast = running(session)
    suppression.opt_out(session, factories.phone(1), source="inbound", now=NOON)
    assert {each.address for each in claim(session, blast.id)} == {factories.phone(0), factories.phone(2)}
    (skipped,) = [row for row in rows(session) if row.address == factories.phone(1)]
    assert (skipped.status, skipped.skip_reason) == (DeliveryStatus.SKIPPED, SkipReason.OPTED_OUT)


def test_the_answer_to_a_stop_still_leaves(session: Session) -> None:
    suppression.opt_out(session, factories.phone(1), source="inbound", now=NOON)
    for kind in (DeliveryKind.ANSWER, DeliveryKind.REPLY):
        sending.queue(session, kind=kind, address=factories.phone(1), body="Bye.", sender=SENDER, now=NOON)
    assert [each.kind for each in claim(session, None)] == [DeliveryKind.ANSWER]


def test_a_paused_blast_yields_nothing(session: Session) -> None:
    blast = running(session)
    session.execute(sa.update(Blast).values(status=BlastStatus.PAUSED))
    assert claim(session, blast.id) == []
    assert sending.due_senders(session, now=NOON) == []


def test_senders_with_something_due_are_found(session: Session) -> None:
    running(session)
    sending.queue(session, kind=DeliveryKind.REPLY, address=factories.phone(9), body="Yes", sender="MG1", now=NOON)
    assert sorted(sending.due_senders(session, now=NOON)) == [SENDER, "MG1"]
    assert sending.due_senders(session, now=NOON - timedelta(seconds=1)) == []


def test_nobody_gets_more_than_the_cap_within_an_hour(session: Session) -> None:
    for _ in range(3):
        factories.delivery(session, 1)
    for _ in range(3):
        record(session, claim(session, None, limit=1, hourly_cap=2), Accepted(f"SM{_}"))
    statuses = [row.status for row in rows(session)]
    assert sorted(statuses) == [DeliveryStatus.ACCEPTED, DeliveryStatus.ACCEPTED, DeliveryStatus.PENDING]
    assert len(claim(session, None, hourly_cap=2, at=timedelta(minutes=61))) == 1


def test_the_hour_is_over_to_the_second(session: Session) -> None:
    for _ in range(2):
        factories.delivery(session, 1)
    record(session, claim(session, None, limit=1, hourly_cap=1), Accepted("SM1"))
    assert claim(session, None, hourly_cap=1, at=timedelta(hours=1) - timedelta(microseconds=1)) == []
    session.execute(sa.update(Delivery).values(not_before=NOON))
    assert len(claim(session, None, hourly_cap=1, at=timedelta(hours=1))) == 1


def test_of_what_is_urgent_for_one_person_no_more_than_the_cap_is_claimed_at_once(session: Session) -> None:
    for _ in range(15):
        factories.delivery(session, 0)
    factories.delivery(session, 1)
    claims = claim(session, None)
    assert sorted(each.address for each in claims) == [factories.phone(0)] * 10 + [factories.phone(1)]
    assert claim(session, None) == []
    assert len(claim(session, None, at=timedelta(minutes=61))) == 5


def test_what_did_not_leave_does_not_count_against_its_own_cap(session: Session) -> None:
    factories.delivery(session, 0)
    sending.release(session, claim(session, None, hourly_cap=1))
    again = claim(session, None, hourly_cap=1, at=timedelta(seconds=1))
    record(session, again, Refused(20429, "Too Many Requests", 429))
    assert len(claim(session, None, hourly_cap=1, at=timedelta(minutes=5))) == 1


def test_what_was_refused_counts_for_nobody(session: Session) -> None:
    for _ in range(2):
        factories.delivery(session, 0)
    first = claim(session, None, limit=1, hourly_cap=1)
    record(session, first, Refused(30034, "Unregistered number", 400))
    assert len(claim(session, None, hourly_cap=1, at=timedelta(seconds=1))) == 1


def test_a_claim_tells_how_many_it_looked_at(session: Session) -> None:
    blast = running(session)
    for number in range(3):
        suppression.opt_out(session, factories.phone(number), source="inbound", now=NOON)
    claims = claim(session, blast.id)
    assert (list(claims), claims.looked_at) == ([], 3)
    assert claim(session, blast.id).looked_at == 0


def test_an_accepted_message_keeps_its_sid(session: Session) -> None:
    factories.delivery(session)
    record(session, claim(session, None), Accepted("SM1"))
    (row,) = rows(session)
    assert (row.status, row.provider_sid, row.accepted_at, row.segments) == (DeliveryStatus.ACCEPTED, "SM1", NOON, 1)


def test_a_record_never_lowers_what_a_receipt_brought(session: Session) -> None:
    factories.delivery(session)
    claims = claim(session, None)
    session.execute(sa.update(Delivery).values(status=DeliveryStatus.DELIVERED, provider_sid="SM1"))
    record(session, claims, Unknown("Twilio's answer was lost."))
    assert rows(session)[0].status is DeliveryStatus.DELIVERED


def test_what_a_quicker_receipt_has_moved_gets_its_segments_counted(session: Session) -> None:
    factories.delivery(session)
    claims = claim(session, None)
    session.execute(sa.update(Delivery).values(status=DeliveryStatus.DELIVERED, provider_sid="SM1", accepted_at=NOON))
    record(session, claims, Accepted("SM1"))
    (row,) = rows(session)
    assert (row.status, row.segments) == (DeliveryStatus.DELIVERED, 1)


def test_too_many_requests_are_tried_again_later(session: Session) -> None:
    factories.delivery(session)
    record(session, claim(session, None), Refused(20429, "Too many requests", 429))
    (row,) = rows(session)
    assert (row.status, row.not_before) == (DeliveryStatus.PENDING, NOON + timedelta(seconds=30))
    assert claim(session, None) == []
    assert claim(session, None, at=timedelta(seconds=30))[0].attempt == 2


def test_no_connection_ends_after_the_last_attempt(session: Session) -> None:
    factories.delivery(session)
    record(session, claim(session, None), Refused(0, "No connection"), max_attempts=1)
    assert rows(session)[0].status is DeliveryStatus.REFUSED


def test_what_may_have_left_is_never_claimed_again(session: Session) -> None:
    factories.delivery(session)
    record(session, claim(session, None), Unknown("read time-out"))
    assert rows(session)[0].status is DeliveryStatus.UNKNOWN
    assert claim(session, None, at=timedelta(days=1)) == []


def test_an_opted_out_refusal_suppresses_the_address(session: Session) -> None:
    factories.delivery(session)
    record(session, claim(session, None), Refused(21610, "Attempt to send to unsubscribed recipient", 400))
    assert rows(session)[0].status is DeliveryStatus.REFUSED
    assert suppression.active(session, factories.phone(0)) is not None


def test_a_misconfigured_sender_pauses_the_blast_and_suppresses_nobody(session: Session) -> None:
    blast = running(session, 1)
    record(session, claim(session, blast.id), Refused(21606, "From is not yours", 400))
    session.expire_all()
    assert (session.get_one(Blast, blast.id).status, bool(blast.held_reason)) == (BlastStatus.PAUSED, True)
    assert suppression.active(session, factories.phone(0)) is None


def test_what_is_given_back_is_claimed_again_as_the_same_attempt(session: Session) -> None:
    factories.delivery(session)
    sending.release(session, claim(session, None))
    assert claim(session, None)[0].attempt == 1


def test_a_claim_whose_lease_ended_is_unknown(session: Session) -> None:
    factories.delivery(session)
    claim(session, None)
    lease = timedelta(seconds=90)
    assert not leases.has_stale(session, lease=lease, now=NOON + lease)
    later = NOON + timedelta(seconds=91)
    assert leases.has_stale(session, lease=lease, now=later)
    assert leases.end(session, lease=lease, now=later) == 1
    assert rows(session)[0].status is DeliveryStatus.UNKNOWN


def test_many_claimers_at_once_never_share_a_message(engine: sa.Engine) -> None:
    with db.transaction(engine) as session:
        blast_id = running(session, 300).id

    def empty(_: int) -> list[int]:
        mine: list[int] = []
        while True:
            with db.transaction(engine) as session:
                claims = claim(session, blast_id, limit=7)
            if not claims:
                return mine
            mine += [each.id for each in claims]

    with ThreadPoolExecutor(8) as pool:
        everything = [key for mine in pool.map(empty, range(8)) for key in mine]
    assert len(everything) == len(set(everything)) == 300
