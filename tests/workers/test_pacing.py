"""A paced drain whose provider, Redis or event loop is held up: never above the rate, and a pause is felt at once."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import monotonic
from typing import Any

import pytest
from redis.asyncio import Redis

from core.clock import utc_now
from core.domain.channel import Accepted, Outcome, Outgoing
from core.limits import FURTHEST_S, Pace, Reservation
from core.usecases.sending import Claims
from tests.factories import SENDER
from tests.workers.test_drain import FakeChannel, FakeLedger, FakePace
from workers.drain import Drain, Speed
from workers.grants import Pacing

pytestmark = pytest.mark.alone

# As workers do: what the provider sees bunches on the way.
MARGIN = 0.985


class PausingLedger(FakeLedger):
    """Gives nothing more after a pause; claims carry their time, as the database's do."""

    def __init__(self, count: int, segments: int = 1) -> None:
        super().__init__(count)
        self.waiting = [claim._replace(segments=segments) for claim in self.waiting]
        self.paused_at: float | None = None

    def claim(self, limit: int) -> Claims:
        if self.paused_at is not None:
            return Claims()
        claims = [claim._replace(claimed_at=utc_now()) for claim in super().claim(limit)]
        return Claims(claims, looked_at=len(claims))


class GatedChannel(FakeChannel):
    """Takes calls, and answers none until the gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def send(self, outgoing: Outgoing) -> Outcome:
        await self.be_on_time(outgoing)
        self.first.set()
        await self.gate.wait()
        return Accepted(f"SM{outgoing.delivery_id}")


def busiest(at: list[float]) -> int:
    return max(sum(1 for other in at if start <= other < start + 1) for start in at)


def late(channel: FakeChannel, ledger: PausingLedger) -> list[float]:
    """Return how long after a pause texts left, of those that left too late."""
    paused_at = ledger.paused_at or 0.0
    return [at - paused_at for at in channel.sent_at if at > paused_at + 1]


def story(told: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(told(), 60))


def test_what_fell_due_while_the_provider_stalled_is_not_sent_in_a_burst() -> None:
    async def told() -> None:
        ledger, channel = PausingLedger(2000), GatedChannel()
        drain = Drain(SENDER, channel=channel, ledger=ledger, pace=FakePace(40), speed=Speed(20, 40))
        running = asyncio.create_task(drain.run())
        await asyncio.sleep(2)
        held = 2000 - len(ledger.waiting) - len(channel.sent_at)
        opened_at = monotonic()
        channel.gate.set()
        await asyncio.sleep(1.3)
        drain.stop()
        await running
        assert len(channel.sent_at) > 20
        assert busiest([at for at in channel.sent_at if at >= opened_at]) <= 41
        assert held <= 20

    story(told)


def test_a_pause_while_the_provider_stalls_holds_when_it_answers_again() -> None:
    async def told() -> None:
        ledger, channel = PausingLedger(2000), GatedChannel()
        drain = Drain(SENDER, channel=channel, ledger=ledger, pace=FakePace(40), speed=Speed(20, 40))
        running = asyncio.create_task(drain.run())
        await asyncio.sleep(1)
        ledger.paused_at = monotonic()
        await asyncio.sleep(1.5)
        channel.gate.set()
        await running
        assert len(ledger.results) == len(channel.sent_at) == 20
        assert len(ledger.waiting) == 1980
        assert late(channel, ledger) == []

    story(told)


def test_a_call_that_stalls_without_a_pace_holds_nothing_for_long() -> None:
    async def told() -> None:
        ledger, channel = PausingLedger(200), GatedChannel()
        drain = Drain(SENDER, channel=channel, ledger=ledger, pace=FakePace(1), speed=Speed(5, None))
        running = asyncio.create_task(drain.run())
        await asyncio.wait_for(channel.first.wait(), 5)
        ledger.paused_at = monotonic()
        await asyncio.sleep(1.2)
        channel.gate.set()
        await running
        assert len(channel.sent_at) == 5
        assert len(ledger.waiting) == 195

    story(told)


@pytest.mark.parametrize(
    ("workers", "rate", "segments"), [(1, 100, 3), (1, 100, 8), (1, 1, 3), (2, 1, 3), (4, 1, 1)], ids=str
)
def test_a_pause_is_felt_within_a_second(workers: int, rate: int, segments: int) -> None:
    async def told() -> None:
        ledger, channel, pace = PausingLedger(2000, segments), FakeChannel(), FakePace(rate)
        drains = [
            Drain(SENDER, channel=channel, ledger=ledger, pace=pace, speed=Speed(100, rate)) for _ in range(workers)
        ]
        running = [asyncio.create_task(drain.run()) for drain in drains]
        await asyncio.wait_for(channel.first.wait(), 5)
        await asyncio.sleep(1.5)
        ledger.paused_at = monotonic()
        await asyncio.gather(*running)
        assert late(channel, ledger) == []
        assert len(ledger.waiting) + len(channel.sent_at) == 2000

    story(told)


class SlowForAWhile(FakeChannel):
    """Takes a second for each call during the second second."""

    async def send(self, outgoing: Outgoing) -> Outcome:
        self.latency_s = 1.0 if self.sent_at and 1 < monotonic() - self.sent_at[0] < 2 else 0.05
        return await super().send(outgoing)


def test_a_provider_that_is_slow_for_a_while_gets_no_burst_afterwards() -> None:
    async def told() -> None:
        ledger, channel = PausingLedger(5000), SlowForAWhile()
        rate = 100 * MARGIN
        drain = Drain(SENDER, channel=channel, ledger=ledger, pace=FakePace(rate), speed=Speed(50, rate))
        running = asyncio.create_task(drain.run())
        await asyncio.sleep(4)
        drain.stop()
        await running
        assert busiest(channel.sent_at) <= 102

    story(told)


async def forgotten(
    redis_url: str, forget: Callable[[Redis], Awaitable[Any]], *, rate: int, workers: int
) -> list[float]:
    """Send at a pace while Redis forgets, twice; return when each text left."""
    ledger, channel = PausingLedger(5000), FakeChannel(0.01)
    async with Redis.from_url(redis_url) as redis:
        pace: Pacing = Pace(redis, segments_per_s=rate * MARGIN)
        speed = Speed(50, rate * MARGIN)
        drains = [Drain(SENDER, channel=channel, ledger=ledger, pace=pace, speed=speed) for _ in range(workers)]
        running = [asyncio.create_task(drain.run()) for drain in drains]
        for has_forgotten in (False, True, True):
            if has_forgotten:
                await forget(redis)
                await asyncio.sleep(FURTHEST_S)
            channel.first.clear()
            await asyncio.wait_for(channel.first.wait(), 5)
            await asyncio.sleep(0.7)
        for drain in drains:
            drain.stop()
        await asyncio.gather(*running)
    return channel.sent_at


async def wipe(redis: Redis) -> None:
    """Forget everything."""
    await redis.flushall()


async def come_back_old(redis: Redis) -> None:
    """Come back with what was written down a while ago, as after a kill."""
    await redis.set(f"pace:{SENDER}", f"1 1 {'f' * 40}")


@pytest.mark.parametrize("forget", [wipe, come_back_old])
@pytest.mark.parametrize(("rate", "workers"), [(10, 3), (50, 1), (200, 3)])
def test_the_rate_is_kept_while_redis_forgets(
    redis_url: str, rate: int, workers: int, forget: Callable[[Redis], Awaitable[Any]]
) -> None:
    async def told() -> None:
        tries = []
        for _ in range(3):  # where many things run at once, this loop is held up for a moment too
            sent_at = await forgotten(redis_url, forget, rate=rate, workers=workers)
            assert len(sent_at) > rate
            tries.append(busiest(sent_at))
            if tries[-1] <= rate + max(1, rate * 0.02):
                return
        raise AssertionError(f"at {rate} a second, most in a second: {tries}")

    story(told)


def test_a_redis_whose_clock_was_set_back_stops_nothing(redis_url: str) -> None:
    async def told() -> None:
        ledger, channel = PausingLedger(60), FakeChannel()
        async with Redis.from_url(redis_url) as redis:
            seconds, micros = await redis.time()
            await redis.set(f"pace:{SENDER}", seconds * 1_000_000 + micros + 60_000_000)
            pace = Pace(redis, segments_per_s=50)
            drain = Drain(SENDER, channel=channel, ledger=ledger, pace=pace, speed=Speed(20, 50))
            assert await asyncio.wait_for(drain.run(), 10) == 60

    story(told)


def test_calls_that_are_slower_than_the_pace_are_all_used() -> None:
    async def told() -> None:
        ledger, channel = PausingLedger(5000), FakeChannel(0.2)
        drain = Drain(SENDER, channel=channel, ledger=ledger, pace=FakePace(1000), speed=Speed(20, 1000))
        running = asyncio.create_task(drain.run())
        await asyncio.wait_for(channel.first.wait(), 5)
        await asyncio.sleep(2)
        drain.stop()
        await running
        # A hundred a second is what twenty calls of 0.2 s can do.
        assert channel.most_flying == 20
        assert len(channel.sent_at) >= 150

    story(told)


@pytest.mark.parametrize("stops", [True, False])
def test_a_drain_ends_whatever_happens_at_the_moment_of_its_end(*, stops: bool) -> None:
    """Python may lose the cancelling of a task that is woken in the same moment."""

    async def told() -> None:
        for number in range(300):
            ledger, channel = PausingLedger(12), FakeChannel(0.0002 * (number % 7))
            drain = Drain(SENDER, channel=channel, ledger=ledger, pace=FakePace(2000), speed=Speed(3, 2000))
            running = asyncio.create_task(drain.run())
            if stops:
                await asyncio.sleep(0.0005 * (number % 11))
                drain.stop()
            await asyncio.wait_for(running, 5)
            assert len(ledger.waiting) + len(channel.sent_at) == 12

    story(told)


class CountingPace(FakePace):
    """Counts how often it is asked."""

    asked = 0

    async def reserve(self, sender: str, segments: Sequence[int], *, most_wait_s: float = FURTHEST_S) -> Reservation:
        self.asked += 1
        return await super().reserve(sender, segments, most_wait_s=most_wait_s)


def test_a_slow_sender_does_not_ask_for_its_moment_over_and_over() -> None:
    async def told() -> None:
        ledger, channel, pace = PausingLedger(3), FakeChannel(), CountingPace(0.5)
        drain = Drain(SENDER, channel=channel, ledger=ledger, pace=pace, speed=Speed(10, 0.5))
        await drain.run()
        assert len(channel.sent_at) == 3
        assert pace.asked <= 12

    story(told)


class SlowToConnect(FakeChannel):
    """Takes longer to get through than a claim may wait, once for each of the first calls."""

    def __init__(self, slow: int) -> None:
        super().__init__()
        self.slow = slow

    async def send(self, outgoing: Outgoing) -> Outcome:
        if self.slow:
            self.slow -= 1
            await asyncio.sleep(1)
        return await super().send(outgoing)


@pytest.mark.parametrize("rate", [None, 500])
def test_what_could_not_get_through_in_time_is_given_back_and_sent_later(rate: float | None) -> None:
    async def told() -> None:
        ledger, channel = PausingLedger(40), SlowToConnect(5)
        drain = Drain(SENDER, channel=channel, ledger=ledger, pace=FakePace(rate or 1), speed=Speed(5, rate))
        assert await asyncio.wait_for(drain.run(), 20) == 40
        assert sorted(result.claim.id for result in ledger.results) == list(range(40))
        assert {type(result.outcome) for result in ledger.results} == {Accepted}

    story(told)
