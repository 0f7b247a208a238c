"""How blasts and replies share what a sender may claim at once, and its day."""

from collections import Counter

import pytest

from core import db, settings
from core.clock import utc_now
from core.usecases import suppression
from tests import factories
from tests.factories import SENDER
from tests.workers import test_ledger
from tests.workers.test_ledger import running, segments_by_blast
from workers.ledger import Ledger

chosen = test_ledger.chosen


@pytest.mark.parametrize("urgent", [0, 1, 5])
def test_all_that_is_claimed_at_once_shares_one_day(chosen: pytest.MonkeyPatch, urgent: int) -> None:
    """Replies go in any case, and count; what they leave, the blasts share."""
    chosen.setenv("DAILY_CAP", "3")
    settings.current.cache_clear()
    running(4)
    running(4)
    with db.transaction() as session:
        for number in range(urgent):
            factories.delivery(session, 50 + number)
    had = Counter(claim.blast_id is None for claim in Ledger(SENDER).claim(20))
    assert (had[True], had[False]) == (urgent, max(3 - urgent, 0))


def test_one_that_is_behind_gets_all_also_when_it_began_later() -> None:
    one, other = running(40), running(40)
    ledger = Ledger(SENDER)
    ledger.release([claim for claim in ledger.claim(20) if claim.blast_id == other])
    had = segments_by_blast(ledger.claim(4))
    assert (had[one], had[other]) == (0, 4)


def test_a_long_text_that_was_given_back_counts_by_none_of_its_segments() -> None:
    one, other = (running(40, body="x" * 470) for _ in range(2))
    ledger = Ledger(SENDER)
    ledger.release([claim for claim in ledger.claim(20) if claim.blast_id == one])
    had = segments_by_blast(ledger.claim(10))
    assert (had[one], had[other]) == (40, 0)


def test_whom_a_blast_may_not_text_costs_it_no_turn() -> None:
    one, other = running(40), running(0)
    with db.transaction() as session:
        for number in range(10):
            suppression.opt_out(session, factories.phone(number), source="inbound", now=utc_now())
        for number in range(60, 90):
            factories.delivery(session, number, blast_id=other)
    ledger = Ledger(SENDER)
    first, second = (segments_by_blast(ledger.claim(limit)) for limit in (20, 10))
    assert (first[one], first[other]) == (0, 20)
    assert (second[one], second[other]) == (10, 0)


def test_what_is_only_skipped_was_looked_at_so_that_the_queue_is_not_taken_for_empty() -> None:
    running(3)
    with db.transaction() as session:
        for number in range(3):
            suppression.opt_out(session, factories.phone(number), source="inbound", now=utc_now())
    ledger = Ledger(SENDER)
    assert [(list(claims), claims.looked_at) for claims in (ledger.claim(9), ledger.claim(9))] == [([], 3), ([], 0)]
