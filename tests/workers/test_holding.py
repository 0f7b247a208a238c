"""No more is held than may leave soon: what hangs, is slow, or can't be written down holds up nothing else."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis

from core.domain import failures
from core.domain.channel import Outcome, Outgoing, Refused, Unsendable
from core.limits import Pace
from core.usecases import recording
from core.usecases.recording import Result
from core.usecases.sending import Claims
from tests.factories import SENDER
from tests.workers.test_drain import FakeChannel, FakeLedger, FakePace, accepted, drain_of
from tests.workers.test_endings import until
from tests.workers.test_pacing import MARGIN, GatedChannel, PausingLedger
from workers.drain import Drain, Speed


def story(told: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(told(), 40))


class CountingLedger(FakeLedger):
    """Counts how often it is asked."""

    asked = 0

    def claim(self, limit: int) -> Claims:
        self.asked += 1
        return super().claim(limit)


@pytest.mark.parametrize("per_s", [None, 100])
def test_what_waits_behind_calls_that_hang_is_given_back_while_they_hang(per_s: float | None) -> None:
    async def told() -> None:
        ledger, channel = CountingLedger(200), GatedChannel()
        drain = Drain(SENDER, channel=channel, ledger=ledger, pace=FakePace(per_s or 1), speed=Speed(5, per_s))
        running = asyncio.create_task(drain.run())
        await until(lambda: len(channel.sent_at) == 5)
        asked = ledger.asked
        await until(lambda: len(ledger.waiting) == 195)
        await asyncio.sleep(1.2)
        assert len(ledger.waiting) == 195, "nothing is claimed that no call is free for"
        assert ledger.asked <= asked + 3
        channel.gate.set()
        await running
        assert accepted(ledger) == list(range(200))

    story(told)


def test_where_sending_is_faster_than_writing_little_waits_to_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.recorder._MOST_WAITING", 100)
    is_back = threading.Event()

    class SlowToWrite(FakeLedger):
        def record(self, results: Sequence[Result]) -> None:
            assert is_back.wait(20)
            super().record(results)

    async def told() -> None:
        ledger, channel = SlowToWrite(6000), FakeChannel()
        drain = drain_of(ledger, channel)
        running = asyncio.create_task(drain.run())
        await until(lambda: drain._recorder.is_behind and not drain._held and not drain._calls.busy)
        # What is claimed at once, and what is being written, beside what may wait.
        assert len(channel.sent_at) < 100 + 1000 + 500
        is_back.set()
        await running
        assert accepted(ledger) == list(range(6000))

    story(told)


def test_a_text_that_cannot_be_written_for_the_provider_ends_alone() -> None:
    class Picky(FakeChannel):
        async def send(self, outgoing: Outgoing) -> Outcome:
            if outgoing.delivery_id == 7:
                raise Unsendable("The text can't be written.")
            return await super().send(outgoing)

    async def told() -> None:
        ledger = FakeLedger(20)
        await drain_of(ledger, Picky()).run()
        assert accepted(ledger) == [number for number in range(20) if number != 7]
        (refused,) = (result.outcome for result in ledger.results if isinstance(result.outcome, Refused))
        assert refused.code == failures.UNSENDABLE
        assert not recording.may_try_again(refused)

    story(told)


@pytest.mark.parametrize(("rate", "texts"), [(0.4, 3), (2, 10)])
def test_a_slow_sender_uses_its_rate_and_no_more(redis_url: str, rate: float, texts: int) -> None:
    async def told() -> None:
        ledger, channel = PausingLedger(texts), FakeChannel()
        async with Redis.from_url(redis_url) as redis:
            pace = Pace(redis, segments_per_s=rate * MARGIN)
            drain = Drain(SENDER, channel=channel, ledger=ledger, pace=pace, speed=Speed(10, rate * MARGIN))
            assert await drain.run() == texts
        at = channel.sent_at
        assert 0.97 <= (texts - 1) / (at[-1] - at[0]) / rate <= 1.02

    story(told)
