"""What a sender's ledger claims: each sender its own, within its day, and nobody who heard from us lately."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db, settings
from core.clock import utc_now
from core.domain.caps import next_midnight
from core.domain.channel import Accepted, Outcome, Refused, Unknown
from core.domain.failures import UNSENDABLE
from core.domain.lifecycles import CUT_OFF, STUMBLED, UNWRITTEN, BlastStatus, DeliveryStatus
from core.models import Blast, Delivery, ProviderHealth, SenderDay
from core.usecases.recording import Result
from core.usecases.sending import Claimed
from deploy import ports
from tests import databases, factories
from tests.factories import SENDER
from workers.ledger import Ledger

OTHER = "+12125550101"


@pytest.fixture(autouse=True)
def chosen(in_a_worker: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    in_a_worker.delenv("TWILIO_FROM_NUMBER")
    in_a_worker.setenv("TWILIO_SENDERS", f"{SENDER}=60,{OTHER}=10")
    in_a_worker.setenv("MAX_IN_FLIGHT", "40")
    return in_a_worker


def running(count: int, *, sender: str = SENDER, **values: Any) -> UUID:
    with db.transaction() as session:
        blast = factories.blast(session, status=BlastStatus.SENDING, started_at=utc_now(), **values)
        for number in range(count):
            factories.delivery(session, number, blast_id=blast.id, sender=sender)
        return blast.id


def waiting() -> list[Delivery]:
    with db.reading() as session:
        return list(session.scalars(sa.select(Delivery).where(col(Delivery.status) == DeliveryStatus.PENDING)))


def test_each_sender_claims_its_own_and_goes_at_its_own_pace() -> None:
    running(2)
    running(3, sender=OTHER)
    assert len(Ledger(SENDER).claim(9)) == 2
    assert len(Ledger(OTHER).claim(9)) == 3
    config = settings.current()
    assert (config.rate_of(SENDER), config.rate_of(OTHER), config.segments_per_s) == (60, 10, 70)


def test_a_day_that_is_over_holds_the_rest_until_the_next(chosen: pytest.MonkeyPatch) -> None:
    chosen.setenv("DAILY_CAP", "3")
    settings.current.cache_clear()
    running(5)
    ledger = Ledger(SENDER)
    claims = ledger.claim(9)
    assert len(claims) == 3
    assert ledger.claim(9) == []
    assert {row.not_before > utc_now() for row in waiting()} == {True}
    ledger.release(claims[:1])
    (again,) = ledger.claim(9)
    assert again.id == claims[0].id


def test_replies_go_on_when_the_day_is_over(chosen: pytest.MonkeyPatch) -> None:
    chosen.setenv("DAILY_CAP", "1")
    settings.current.cache_clear()
    running(2)
    ledger = Ledger(SENDER)
    assert len(ledger.claim(9)) == 1
    with db.transaction() as session:
        factories.delivery(session, 9)
    assert len(ledger.claim(9)) == 1


def test_whoever_heard_from_us_lately_is_left_in_peace(chosen: pytest.MonkeyPatch) -> None:
    chosen.setenv("FREQUENCY_CAPS", "sms=2")
    settings.current.cache_clear()
    running(1)
    with db.transaction() as session:
        told = {"status": DeliveryStatus.DELIVERED, "claimed_at": utc_now() - timedelta(days=1)}
        session.execute(sa.update(Delivery).values(**told))
    running(2)
    assert [claim.address for claim in Ledger(SENDER).claim(9)] == [factories.phone(1)]


@databases.on_postgresql
def test_nudges_to_start_what_is_being_planned_hold_up_one_thread_alone() -> None:
    from workers.sending import start

    with db.transaction() as session:
        blast_id = factories.blast(session, starts_at=utc_now()).id
    with ThreadPoolExecutor(3) as pool:
        with db.transaction() as planning:
            planning.execute(sa.update(Blast).values(name="Being planned"))
            nudged = [pool.submit(start.fn, str(blast_id)) for _ in range(3)]
            assert ports.wait_until(lambda: sum(nudge.done() for nudge in nudged) == 2, seconds=60)
        wait(nudged, timeout=60)


@databases.on_postgresql
@pytest.mark.parametrize("capped", ["FREQUENCY_CAPS", "MAX_PER_RECIPIENT_PER_HOUR"])
def test_workers_that_claim_at_once_count_each_others_claims(chosen: pytest.MonkeyPatch, capped: str) -> None:
    """Each of four blasts has a text for each person, who may have one: that of whoever claims first."""
    chosen.setenv(capped, {"FREQUENCY_CAPS": "sms=2", "MAX_PER_RECIPIENT_PER_HOUR": "1"}[capped])
    settings.current.cache_clear()
    people, blasts = 60, 4
    for _ in range(blasts):
        running(people)
    with ThreadPoolExecutor(blasts) as pool:
        taken = [claim for claims in pool.map(lambda _: Ledger(SENDER).claim(people), range(16)) for claim in claims]
    assert len(taken) == len({claim.address for claim in taken}) == people


def test_blasts_take_turns_at_being_first() -> None:
    """With one text allowed at a time, as on a slow sender, the second blast isn't starved by the first."""
    running(6)
    running(6)
    ledger = Ledger(SENDER)
    first = [claim.blast_id for _ in range(6) for claim in ledger.claim(1)]
    assert [first.count(each) for each in set(first)] == [3, 3]


def test_what_is_urgent_comes_before_every_blast() -> None:
    running(6)
    running(6)
    with db.transaction() as session:
        factories.delivery(session, 50)
    ledger = Ledger(SENDER)
    assert [claim.blast_id for claim in ledger.claim(1)] == [None]
    blasts = [claim.blast_id for claim in ledger.claim(8)]
    assert sorted(blasts.count(each) for each in set(blasts)) == [4, 4]


def segments_by_blast(claims: Iterable[Claimed]) -> Counter[UUID | None]:
    had: Counter[UUID | None] = Counter()
    for claim in claims:
        had[claim.blast_id] += claim.segments
    return had


@pytest.mark.parametrize("at_once", [1, 3, 8, 20])
def test_blasts_share_a_sender_by_segments_not_by_texts(at_once: int) -> None:
    short, long = running(80), running(80, body="x" * 470)
    ledger, claims = Ledger(SENDER), list[Claimed]()
    while sum(claim.segments for claim in claims) < 100:
        claims += ledger.claim(at_once)
    had = segments_by_blast(claims)
    # The first turn may be wrong: how long texts are is learned from it.
    assert abs(had[short] - had[long]) <= max(4, 2 * at_once)
    assert {claim.segments for claim in claims if claim.blast_id == long} == {4}


def test_a_small_blast_is_not_stuck_behind_a_large_one() -> None:
    running(100, body="x" * 470)
    ledger = Ledger(SENDER)
    for _ in range(10):
        ledger.claim(4)
    small = running(6)
    claims = [claim for _ in range(3) for claim in ledger.claim(6)]
    assert segments_by_blast(claims)[small] == 6


def test_what_was_given_back_is_not_counted_as_had() -> None:
    one, other = running(40), running(40)
    ledger = Ledger(SENDER)
    ledger.release([claim for claim in ledger.claim(20) if claim.blast_id == one])
    had = segments_by_blast(ledger.claim(14))
    assert (had[one], had[other]) == (12, 2)


def test_who_had_nothing_to_send_for_a_while_shares_from_then_on_and_makes_up_for_nothing() -> None:
    one, other = running(60), running(1)
    ledger = Ledger(SENDER)
    ledger.claim(30)
    with db.transaction() as session:
        for number in range(20, 40):
            factories.delivery(session, number, blast_id=other)
    had = segments_by_blast(ledger.claim(10))
    assert (had[one], had[other]) == (5, 5)


def test_what_is_given_back_twice_counts_once_for_the_day(chosen: pytest.MonkeyPatch) -> None:
    """The answer to the first time was lost, so it is said again."""
    chosen.setenv("DAILY_CAP", "3")
    settings.current.cache_clear()
    running(9)
    ledger = Ledger(SENDER)
    claims = ledger.claim(9)
    ledger.release(claims[:2])
    ledger.release(claims[:2])
    assert len(ledger.claim(9)) == 2


def test_what_comes_back_after_midnight_counts_for_the_day_on_which_it_was_claimed(
    chosen: pytest.MonkeyPatch,
) -> None:
    from workers import ledger

    chosen.setenv("DAILY_CAP", "3")
    chosen.setenv("DAILY_CAP_ZONE", "UTC")
    settings.current.cache_clear()
    midnight = next_midnight("UTC", utc_now())
    running(9)

    def at(moment: datetime) -> None:
        chosen.setattr(ledger, "utc_now", lambda: moment)

    mine = ledger.Ledger(SENDER)
    at(midnight - timedelta(milliseconds=100))
    late = mine.claim(2)
    at(midnight + timedelta(milliseconds=100))
    assert len(mine.claim(9)) == 3
    mine.release(late)
    assert mine.claim(9) == []
    with db.reading() as session:
        days = session.execute(sa.select(col(SenderDay.resets_at), col(SenderDay.sent))).all()
    assert {row.resets_at: row.sent for row in days} == {midnight: 0, midnight + timedelta(days=1): 3}


@pytest.fixture
def second(chosen: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """There is a second provider."""
    given = {
        "VONAGE_API_KEY": "key",
        "VONAGE_API_SECRET": "secret",
        "VONAGE_SIGNATURE_SECRET": "signature",
        "VONAGE_SENDERS": "+12125550150=10",
    }
    for name, value in given.items():
        chosen.setenv(name, value)
    settings.current.cache_clear()
    return chosen


LOST, BUSY = Unknown("Twilio answered 503."), Refused(20429, "Too many requests", 429)


def health() -> tuple[int, bool]:
    """How often in a row the provider has failed, and whether it is down."""
    with db.reading() as session:
        found = session.get(ProviderHealth, "twilio")
        return (found.failures, found.down_until is not None) if found else (0, False)


def answered(ledger: Ledger, *outcomes: Outcome) -> None:
    """Have as many of the sender's texts answered so."""
    claims = ledger.claim(len(outcomes))
    ledger.record([Result(claim, outcome, utc_now()) for claim, outcome in zip(claims, outcomes, strict=True)])


@pytest.mark.parametrize("outcome", [LOST, BUSY, Refused(0, "No connection")], ids=str)
def test_errors_lost_answers_and_missing_connections_in_a_row_put_a_provider_down(outcome: Outcome) -> None:
    running(20)
    ledger = Ledger(SENDER)
    answered(ledger, *[outcome] * 9)
    assert health() == (9, False)
    answered(ledger, outcome)
    assert health() == (10, True)


@pytest.mark.parametrize(
    "outcome", [Unknown(CUT_OFF), Unknown(STUMBLED), Unknown(UNWRITTEN), Refused(21211, "Invalid number", 400)], ids=str
)
def test_what_is_our_doing_or_the_messages_is_no_failure_of_the_provider(outcome: Outcome) -> None:
    running(20)
    answered(Ledger(SENDER), *[outcome] * 12)
    assert health() == (0, False)


def test_what_never_reached_the_provider_does_not_show_that_it_is_well() -> None:
    running(20)
    ledger = Ledger(SENDER)
    answered(ledger, *[LOST] * 9)
    answered(ledger, Unknown(CUT_OFF), Refused(UNSENDABLE, "It can't be written"))
    assert health() == (9, False)


@pytest.mark.parametrize("outcome", [Accepted("SM1"), Refused(21211, "Invalid number", 400)], ids=str)
def test_one_that_is_answered_well_ends_the_row(outcome: Outcome) -> None:
    running(20)
    ledger = Ledger(SENDER)
    answered(ledger, *[LOST] * 9)
    answered(ledger, outcome)
    assert health() == (0, False)


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    moment = utc_now() + timedelta(seconds=seconds)
    monkeypatch.setattr("workers.ledger.utc_now", lambda: moment)


def test_a_provider_that_is_down_is_tried_by_a_few_and_comes_back_with_the_first_that_goes_through(
    second: pytest.MonkeyPatch,
) -> None:
    running(60)
    answered(Ledger(SENDER), *[LOST] * 10)
    assert Ledger(SENDER).claim(40) == []
    later(second, 61)
    assert len(Ledger(SENDER).claim(1)) == 1
    assert Ledger(SENDER).claim(1) == []
    later(second, 122)
    ledger = Ledger(SENDER)  # by another process, which knows nothing of the failures
    probes = ledger.claim(40)
    assert len(probes) == 3
    assert ledger.claim(40) == Ledger(SENDER).claim(40) == []
    ledger.record([Result(probes[0], Accepted("SM1"), utc_now())])
    assert health() == (0, False)
    assert len(Ledger(SENDER).claim(40)) == 40
    assert health() == (0, False)


def test_an_idle_look_at_a_provider_that_is_down_uses_up_no_try(second: pytest.MonkeyPatch) -> None:
    running(10)
    answered(Ledger(SENDER), *[LOST] * 10)
    later(second, 61)
    assert Ledger(SENDER).claim(40) == []
    running(5)
    assert len(Ledger(SENDER).claim(40)) == 3


def test_without_a_second_provider_all_go_on(chosen: pytest.MonkeyPatch) -> None:
    running(30)
    answered(Ledger(SENDER), *[BUSY] * 10)
    assert len(Ledger(SENDER).claim(40)) == 20
