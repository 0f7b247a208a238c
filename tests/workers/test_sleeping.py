"""A machine that sleeps, or stands still while it is moved, wakes up with texts in hand that are no longer its own."""

import asyncio
from datetime import timedelta
from time import monotonic

import pytest

from core.channels.posting import Poster
from core.clock import utc_now
from core.domain.channel import Outcome, Outgoing, TooLate
from tests.core.channels.test_posting import OK, Site, told
from tests.workers.test_drain import FakeChannel, FakeLedger, drain_of

pytestmark = pytest.mark.alone

SECOND = timedelta(seconds=1)


def test_what_a_machine_slept_over_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the monotonic clock, which stood still, the text is on time; by the calendar others have taken it for lost."""
    site, claimed_at = Site(OK), utc_now()

    async def talk(poster: Poster) -> None:
        at = monotonic() + 0.1
        waits = asyncio.create_task(poster.post(b"x", leave_at=at, leave_by=at + 9, stale_at=claimed_at + 20 * SECOND))
        await asyncio.sleep(0)
        with monkeypatch.context() as patch:
            patch.setattr("core.channels.posting.utc_now", lambda: claimed_at + 3600 * SECOND)
            with pytest.raises(TooLate):
                await waits
        assert await poster.post(b"x", stale_at=utc_now() + 20 * SECOND) == (200, b"hi")

    told(site, talk)
    assert len(site.requests) == 1


class Asleep(FakeChannel):
    """Where the machine sleeps for as long as the first text may wait for, by the calendar."""

    def __init__(self) -> None:
        super().__init__()
        self.limits: list[timedelta] = []

    async def send(self, outgoing: Outgoing) -> Outcome:
        assert outgoing.stale_at is not None
        self.limits.append(outgoing.stale_at - utc_now())
        if len(self.limits) == 1:
            raise TooLate
        return await super().send(outgoing)


def test_it_is_given_back_and_claimed_anew() -> None:
    async def story() -> None:
        ledger, channel = FakeLedger(1), Asleep()
        ledger.waiting = [ledger.waiting[0]._replace(claimed_at=utc_now())]
        await asyncio.wait_for(drain_of(ledger, channel).run(), 5)
        assert (ledger.given_back, len(ledger.results)) == (1, 1)
        assert all(10 * SECOND < limit <= 20 * SECOND for limit in channel.limits)

    asyncio.run(story())
