"""How blasts and replies share what a sender may claim at once, and its day."""

from collections import Counter

import pytest

from core import db, settings
from tests import factories
from tests.factories import SENDER
from tests.workers import test_ledger
from tests.workers.test_ledger import running
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
