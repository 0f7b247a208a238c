"""A worker that was held up posts nothing that is no longer its own, and doesn't make up for lost time in a burst."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic

import pytest

from core.clock import utc_now
from core.models import DeliveryKind
from core.usecases.sending import Claimed
from tests.factories import phone
from tests.workers.test_drain import FakeChannel, FakeLedger, drain_of

pytestmark = pytest.mark.alone

PER_S = 50


class OldClaims(FakeLedger):
    """Hands out claims whose lease is nearly over, once."""

    def __init__(self, count: int) -> None:
        super().__init__(0)
        since = utc_now() - timedelta(seconds=39)
        self.waiting = [
            Claimed(number, 1, DeliveryKind.REPLY, phone(number), "Hi", 1, None, None, since) for number in range(count)
        ]
        self.released: list[Claimed] = []

    def release(self, claims: Sequence[Claimed]) -> None:
        self.released += claims


def test_what_has_been_held_for_too_long_is_given_back_and_not_posted() -> None:
    async def story() -> None:
        ledger, channel = OldClaims(3), FakeChannel()
        await asyncio.wait_for(drain_of(ledger, channel).run(), 5)
        assert channel.sent_at == []
        assert sorted(claim.id for claim in ledger.released) == [0, 1, 2]

    asyncio.run(story())


def stall(seconds: float) -> None:
    """Keep the event loop from everything else, as a busy machine does."""
    until = monotonic() + seconds
    while monotonic() < until:
        pass


def test_after_a_stall_the_pace_is_kept() -> None:
    async def story() -> None:
        ledger, channel = FakeLedger(60), FakeChannel()
        for after_s in (0.2, 0.5):
            asyncio.get_running_loop().call_later(after_s, stall, 0.15)
        await drain_of(ledger, channel, per_s=PER_S).run()
        at = channel.sent_at
        busiest = max(sum(1 for other in at if start <= other < start + 0.5) for start in at)
        assert len(at) == 60
        assert busiest <= PER_S * 0.5 + 3

    asyncio.run(story())
