"""Whatever goes wrong, a drain ends: nothing waits for what never comes, and no nudge that comes at its end is lost."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from core.domain.channel import Accepted, Outcome, Outgoing, Unknown
from core.limits import FURTHEST_S, Reservation
from core.models import DeliveryKind
from core.usecases.recording import Result
from core.usecases.sending import Claimed, Claims
from tests.factories import SENDER, phone
from tests.workers.test_drain import FakeChannel, FakeLedger, FakePace, accepted, drain_of
from tests.workers.test_pacing import GatedChannel
from workers.drain import Drain, Speed
from workers.sending import Senders


def story(told: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(told(), 20))


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110  # it is changed by threads, and in many places
        await asyncio.sleep(0.005)


@pytest.fixture
def quick_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is told to stop has half a second."""
    monkeypatch.setattr("workers.drain._LAST_CALLS_S", 0.3)
    monkeypatch.setattr("workers.drain._LAST_WORD_S", 0.5)


class HangingLedger(FakeLedger):
    """Where the database may vanish: a call to it doesn't come back before the test is over."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.hangs_at: set[str] = set()
        self.is_hanging = threading.Event()
        self.is_back = threading.Event()

    def claim(self, limit: int) -> Claims:
        self._hang("claim")
        return super().claim(limit)

    def record(self, results: Sequence[Result]) -> None:
        self._hang("record")
        super().record(results)

    def release(self, claims: Sequence[Claimed]) -> None:
        self._hang("release")
        super().release(claims)

    def _hang(self, what: str) -> None:
        if what in self.hangs_at:
            self.is_hanging.set()
            assert self.is_back.wait(20)


@pytest.mark.usefixtures("quick_end")
@pytest.mark.parametrize("what", ["claim", "record", "release"])
def test_a_stop_does_not_wait_for_a_database_that_has_vanished(what: str) -> None:
    async def told() -> None:
        ledger, channel = HangingLedger(500), FakeChannel(0.02)
        drain = drain_of(ledger, channel, in_flight=5)
        running = asyncio.create_task(drain.run())
        await channel.first.wait()
        ledger.hangs_at = {what}
        if what != "release":
            await until(ledger.is_hanging.is_set)
        drain.stop()
        await running
        assert drain.ended.is_set()
        assert channel.flying == 0
        ledger.is_back.set()

    story(told)


@pytest.mark.usefixtures("quick_end")
def test_a_stop_does_not_wait_for_a_database_that_is_away() -> None:
    async def told() -> None:
        ledger, channel = FakeLedger(500), FakeChannel(0.02)
        drain = drain_of(ledger, channel, in_flight=5)
        running = asyncio.create_task(drain.run())
        await channel.first.wait()
        ledger.outages = 1_000_000
        drain.stop()
        await running
        # What is not written down is settled when its lease ends: as if the process had been killed.
        assert len(ledger.results) <= len(channel.sent_at) < 500

    story(told)


@pytest.mark.usefixtures("quick_end")
def test_a_stop_cuts_off_calls_that_hang_after_a_claim_has_failed() -> None:
    class Broken(FakeLedger):
        def claim(self, limit: int) -> Claims:
            if len(self.waiting) < 50:
                raise ZeroDivisionError
            return super().claim(10)

    async def told() -> None:
        ledger, channel = Broken(50), GatedChannel()
        drain = drain_of(ledger, channel)
        running = asyncio.create_task(drain.run())
        await channel.first.wait()
        drain.look_again()
        await asyncio.sleep(0.1)
        drain.stop()
        with pytest.raises(ZeroDivisionError):
            await running
        assert {type(result.outcome) for result in ledger.results} == {Unknown}
        assert len(ledger.results) + len(ledger.waiting) == 50

    story(told)


def test_a_call_that_is_cancelled_by_itself_stops_no_other() -> None:
    class Cancelled(FakeChannel):
        async def send(self, outgoing: Outgoing) -> Outcome:
            if outgoing.delivery_id == 3:
                raise asyncio.CancelledError
            return await super().send(outgoing)

    async def told() -> None:
        ledger = FakeLedger(40)
        assert await drain_of(ledger, Cancelled(), in_flight=2).run() == 40
        assert accepted(ledger) == [number for number in range(40) if number != 3]
        assert len(ledger.results) == 40

    story(told)


class Silent(FakePace):
    """Doesn't answer the first question."""

    asked = 0

    async def reserve(self, sender: str, segments: Sequence[int], *, most_wait_s: float = FURTHEST_S) -> Reservation:
        self.asked += 1
        if self.asked == 1:
            await asyncio.Event().wait()
        return await super().reserve(sender, segments, most_wait_s=most_wait_s)


def test_a_redis_that_does_not_answer_is_asked_again_and_holds_nothing_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.grants._TRY_AGAIN_S", 0.01)

    async def told() -> None:
        ledger, channel, pace = FakeLedger(40), FakeChannel(), Silent(200)
        drain = Drain(SENDER, channel=channel, ledger=ledger, pace=pace, speed=Speed(5, 200))
        assert await asyncio.wait_for(drain.run(), 5) == 40
        assert accepted(ledger) == list(range(40))

    story(told)


class Nonsense(FakePace):
    """Answers something that can't be reckoned with."""

    async def reserve(self, sender: str, segments: Sequence[int], *, most_wait_s: float = FURTHEST_S) -> Reservation:
        return Reservation(["soon"], 1.0)  # type: ignore[list-item]  # that is the point


def test_a_drain_of_which_a_part_breaks_ends_and_says_so() -> None:
    async def told() -> None:
        ledger, channel = FakeLedger(40), FakeChannel()
        drain = Drain(SENDER, channel=channel, ledger=ledger, pace=Nonsense(50), speed=Speed(5, 50))
        with pytest.raises(TypeError):
            await drain.run()
        assert drain.ended.is_set()
        assert channel.sent_at == []

    story(told)


def test_a_drain_that_is_cancelled_has_ended() -> None:
    async def told() -> None:
        ledger, channel = HangingLedger(40), FakeChannel(0.02)
        ledger.hangs_at = {"record"}
        drain = drain_of(ledger, channel)
        running = asyncio.create_task(drain.run())
        await until(ledger.is_hanging.is_set)
        for _ in range(2):
            running.cancel()
            await asyncio.sleep(0.05)
        await asyncio.wait({running})
        assert drain.ended.is_set()
        ledger.is_back.set()

    story(told)


def test_a_nudge_that_comes_while_a_drain_ends_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async def told() -> None:
        ledger, channel, senders = HangingLedger(1), FakeChannel(), Senders()
        monkeypatch.setattr(senders, "_open", lambda _: drain_of(ledger, channel))
        ledger.hangs_at = {"record"}
        running = asyncio.create_task(senders.drain(SENDER))
        await until(ledger.is_hanging.is_set)
        await until(lambda: senders._drains[SENDER]._is_dry)
        await asyncio.sleep(0.05)  # by now it waits for the record, and claims no more
        ledger.waiting += [Claimed(99, 1, DeliveryKind.REPLY, phone(9), "Late", 1, None)]
        assert await senders.drain(SENDER) == 0
        ledger.hangs_at = set()
        ledger.is_back.set()
        assert await running == 2
        assert [type(result.outcome) for result in ledger.results] == [Accepted, Accepted]
        await senders.close()

    story(told)


def test_a_sender_that_was_drained_twice_does_not_begin_anew_when_the_process_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def told() -> None:
        ledger, channel, senders = FakeLedger(40), FakeChannel(0.02), Senders()
        monkeypatch.setattr(senders, "_open", lambda _: drain_of(ledger, channel, in_flight=1))
        running = asyncio.create_task(senders.drain(SENDER))
        await channel.first.wait()
        await senders.stop()
        await senders.drain(SENDER)
        assert await running < 40
        await senders.close()
        assert len(ledger.waiting) + len(ledger.results) == 40

    story(told)
