"""What failures lead to, to the text: which of them count together, and what counts more."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from core import db
from core.domain import failures
from core.domain.channel import Refused
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.domain.receipts import Incoming
from core.models import Blast, Delivery
from core.usecases import consequences, receipts, recording, sending, suppression
from core.usecases.recording import Result
from tests import databases, factories
from tests.factories import NOON, SENDER, phone

FILTERED, OUR_SETUP, USED_UP, UNREACHABLE, NOBODYS = 30007, 30034, 63038, 30003, 30005
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
UNDELIVERED = DeliveryStatus.UNDELIVERED


def running(session: Session, **values: Any) -> Blast:
    return factories.blast(session, status=BlastStatus.SENDING, started_at=NOON - DAY, **values)


def ended(session: Session, number: int, *, code: int, ago: timedelta = SECOND, **values: Any) -> Delivery:
    """Make a text that has failed so long before noon."""
    told = {"status": UNDELIVERED, "error_code": code, "ended_at": NOON - ago, "attempt": 1, **values}
    return factories.delivery(session, number, **told)


def leaving(session: Session, number: int, **values: Any) -> Delivery:
    return factories.delivery(
        session, number, status=DeliveryStatus.ACCEPTED, attempt=1, claimed_at=NOON, accepted_at=NOON, **values
    )


def fails(session: Session, *failed: tuple[Delivery, int]) -> None:
    """Report at noon, together, that these have failed."""
    told = [Incoming(f"SM{each.id}", "undelivered", code, each.id, 1) for each, code in failed]
    receipts.apply(session, told, now=NOON)
    session.expire_all()


def is_out_of_reach(session: Session, number: int) -> bool:
    return suppression.active(session, phone(number)) is not None


@pytest.mark.parametrize(("before", "is_out"), [(0, False), (1, True)])
def test_the_last_strike_puts_out_of_reach_and_none_before(session: Session, before: int, is_out: bool) -> None:
    for _ in range(before):
        ended(session, 1, code=NOBODYS)
    fails(session, (leaving(session, 1), NOBODYS))
    assert is_out_of_reach(session, 1) is is_out


def test_strikes_are_of_one_number_and_of_one_code(session: Session) -> None:
    ended(session, 2, code=NOBODYS)
    ended(session, 1, code=UNREACHABLE)
    fails(session, (leaving(session, 1), NOBODYS))
    assert not is_out_of_reach(session, 1)


@pytest.mark.parametrize(("days", "is_out"), [((0, 1), False), ((1, 2), True), ((1, 1), False)])
def test_strikes_on_too_few_days_are_chance(session: Session, days: Sequence[int], is_out: bool) -> None:
    for days_ago in days:
        ended(session, 1, code=UNREACHABLE, ago=days_ago * DAY)
    fails(session, (leaving(session, 1), UNREACHABLE))
    assert is_out_of_reach(session, 1) is is_out


@pytest.mark.parametrize(("arrived_ago", "is_out"), [(SECOND, False), (DAY, True)])
def test_what_arrived_clears_the_strikes_before_it(session: Session, arrived_ago: timedelta, is_out: bool) -> None:
    ended(session, 1, code=NOBODYS, ago=DAY / 2)
    ended(session, 1, code=0, ago=arrived_ago, status=DeliveryStatus.DELIVERED)
    fails(session, (leaving(session, 1), NOBODYS))
    assert is_out_of_reach(session, 1) is is_out


def test_of_one_instant_the_later_text_is_the_later_strike(session: Session) -> None:
    ended(session, 1, code=NOBODYS, ago=timedelta())
    ended(session, 1, code=0, ago=timedelta(), status=DeliveryStatus.DELIVERED)
    fails(session, (leaving(session, 1), NOBODYS))
    assert not is_out_of_reach(session, 1)


@pytest.mark.parametrize("codes", [(OUR_SETUP, FILTERED), (FILTERED, OUR_SETUP)])
def test_what_stops_a_blast_goes_before_what_counts_in_numbers(session: Session, codes: Sequence[int]) -> None:
    blast = running(session)
    for number in range(20, 40):
        ended(session, number, code=FILTERED, blast_id=blast.id)
    copies = [leaving(session, number, blast_id=blast.id) for number in range(2)]
    fails(session, *zip(copies, codes, strict=True))
    assert blast.status is BlastStatus.PAUSED
    assert f"({OUR_SETUP})" in blast.held_reason


def filtered(session: Session, blast: Blast, count: int, **values: Any) -> None:
    for number in range(20, 20 + count):
        ended(session, number, code=FILTERED, blast_id=blast.id, **values)


def is_held(session: Session, blast: Blast) -> bool:
    """Tell whether one more filtered text holds a blast."""
    fails(session, (leaving(session, 1, blast_id=blast.id), FILTERED))
    return blast.status is BlastStatus.PAUSED


@pytest.mark.parametrize(("before", "held"), [(8, False), (9, True)])
def test_so_many_filtered_ones_hold_a_blast(session: Session, before: int, held: bool) -> None:
    blast = running(session)
    filtered(session, blast, before)
    assert is_held(session, blast) is held


def test_whose_words_are_filtered_is_told_how_to_change_them(session: Session) -> None:
    blast = running(session)
    filtered(session, blast, 30)
    assert is_held(session, blast)
    assert "cancel it and write a new blast" in blast.held_reason


def test_filtered_ones_of_another_blast_hold_none(session: Session) -> None:
    blast, other = running(session), running(session)
    filtered(session, other, 30)
    assert not is_held(session, blast)
    assert other.status is BlastStatus.SENDING


@pytest.mark.parametrize("status", [DeliveryStatus.REFUSED, DeliveryStatus.UNKNOWN, DeliveryStatus.CANCELLED])
def test_only_what_a_carrier_has_ended_counts_as_filtered(session: Session, status: DeliveryStatus) -> None:
    blast = running(session)
    filtered(session, blast, 30, status=status, claimed_at=NOON)
    assert not is_held(session, blast)


@pytest.mark.parametrize(("later", "held"), [(timedelta(), False), (SECOND, True)])
def test_what_was_filtered_until_somebody_resumed_counts_no_more(
    session: Session, later: timedelta, held: bool
) -> None:
    blast = running(session, resumed_at=NOON - 2 * SECOND)
    filtered(session, blast, 9, ago=2 * SECOND - later)
    assert is_held(session, blast) is held


def arrived(session: Session, blast: Blast, count: int, **values: Any) -> None:
    for number in range(100, 100 + count):
        ended(session, number, code=0, status=DeliveryStatus.DELIVERED, blast_id=blast.id, **values)


@pytest.mark.parametrize(("count", "held"), [(190, True), (191, False)])
def test_filtered_ones_count_among_the_last_two_hundred(session: Session, count: int, held: bool) -> None:
    blast = running(session)
    filtered(session, blast, 9, ago=2 * SECOND)
    arrived(session, blast, count)
    assert is_held(session, blast) is held


def test_the_latest_are_those_that_ended_last(session: Session) -> None:
    early, late = running(session), running(session)
    filtered(session, early, 30, ago=2 * SECOND)
    arrived(session, early, 199)
    arrived(session, late, 250, ago=2 * SECOND)
    filtered(session, late, 9)
    assert not is_held(session, early)
    assert is_held(session, late)


@databases.on_postgresql
def test_of_two_batches_that_count_filtered_ones_the_second_waits_for_the_first(engine: sa.Engine) -> None:
    with db.transaction(engine) as before:
        blast = running(before)
        copies = [leaving(before, number, blast_id=blast.id) for number in range(2)]
    with db.transaction(engine) as first:
        fails(first, (copies[0], FILTERED))
        with Session(engine) as second:
            second.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(OperationalError):
                fails(second, (copies[1], FILTERED))


def test_what_is_refused_at_once_counts_no_strikes(session: Session) -> None:
    for _ in range(2):
        ended(session, 1, code=NOBODYS)
    failure = failures.classify(NOBODYS, at_create=True, http_status=400)
    consequences.follow(session, [consequences.Refusal(1, None, phone(1), failure)], now=NOON)
    assert not is_out_of_reach(session, 1)


def test_an_account_that_has_used_up_its_day_holds_the_blast_and_no_text_is_lost(session: Session) -> None:
    """It is told as too many requests, which pass by themselves; this doesn't before tomorrow."""
    blast = running(session)
    factories.delivery(session, 1, blast_id=blast.id)
    (claim,) = sending.claim(session, blast.id, sender=SENDER, limit=9, hourly_cap=9, now=NOON)
    refused = Refused(USED_UP, "Account exceeded the 50 daily messages limit", 429)
    recording.record(session, [Result(claim, refused, NOON)], max_attempts=8, now=NOON)
    session.expire_all()
    assert (blast.status, f"({USED_UP})" in blast.held_reason) == (BlastStatus.PAUSED, True)
    assert session.get_one(Delivery, claim.id).status is DeliveryStatus.PENDING


def test_too_many_requests_hold_no_blast(session: Session) -> None:
    blast = running(session)
    factories.delivery(session, 1, blast_id=blast.id)
    (claim,) = sending.claim(session, blast.id, sender=SENDER, limit=9, hourly_cap=9, now=NOON)
    recording.record(session, [Result(claim, Refused(20429, "Busy", 429), NOON)], max_attempts=8, now=NOON)
    session.expire_all()
    assert blast.status is BlastStatus.SENDING
