"""A drain sends what is due, as fast as it may and no faster, and loses nothing when it is stopped."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic

import pytest
from psycopg.errors import ReadOnlySqlTransaction
from redis.exceptions import ConnectionError as RedisAway
from sqlalchemy.exc import DataError, InternalError, OperationalError

from core.domain.channel import Accepted, Outcome, Outgoing, TooLate, Unknown
from core.domain.lifecycles import CUT_OFF
from core.limits import FURTHEST_S, Reservation
from core.models import DeliveryKind
from core.usecases.recording import Result
from core.usecases.sending import Claimed, Claims
from tests.factories import NOON, SENDER, phone
from workers import calls
from workers.drain import Drain, Speed

pytestmark = pytest.mark.alone


class FakeLedger:
    """Keeps claims and results in memory, as the database would."""

    def __init__(self, count: int) -> None:
        self.waiting = [Claimed(n, 1, DeliveryKind.REPLY, phone(n % 100), "Hi", 1, None) for n in range(count)]
        self.results: list[Result] = []
        self.outages = self.given_back = 0
        self.was_dry = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def claim(self, limit: int) -> Claims:
        self._be_away()
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        if not taken:
            self._loop.call_soon_threadsafe(self.was_dry.set)
        return Claims(taken, looked_at=len(taken))

    def record(self, results: Sequence[Result]) -> None:
        self._be_away()
        self.results += results

    def release(self, claims: Sequence[Claimed]) -> None:
        self.waiting += claims
        self.given_back += len(claims)

    def take_sid(self, result: Result) -> None:
        """No two results have the same id here."""

    def _be_away(self) -> None:
        if self.outages:
            self.outages -= 1
            raise OperationalError("UPDATE", {}, ConnectionError())


class FakeChannel:
    """Takes everything after `latency_s`; remembers when, and how many were in flight."""

    def __init__(self, latency_s: float = 0.0) -> None:
        self.latency_s = latency_s
        self.sent_at: list[float] = []
        self.flying = self.most_flying = 0
        self.first = asyncio.Event()

    async def send(self, outgoing: Outgoing) -> Outcome:
        await self.be_on_time(outgoing)
        self.first.set()
        self.flying += 1
        self.most_flying = max(self.flying, self.most_flying)
        await asyncio.sleep(self.latency_s)
        self.flying -= 1
        return Accepted(f"SM{outgoing.delivery_id}")

    async def be_on_time(self, outgoing: Outgoing) -> None:
        """Let it leave at its moment."""
        if outgoing.leave_at is not None and (early_s := outgoing.leave_at - monotonic()) > 0:
            await asyncio.sleep(early_s)
        if outgoing.leave_by is not None and monotonic() > outgoing.leave_by:
            raise TooLate
        self.sent_at.append(monotonic())

    async def close(self) -> None:
        """Nothing is open."""


class FakePace:
    """Grants every message its own stretch of time, like the one in Redis."""

    def __init__(self, per_s: float) -> None:
        self.per_s, self.free_at, self.outages = per_s, 0.0, 0

    async def reserve(self, sender: str, segments: Sequence[int], *, most_wait_s: float = FURTHEST_S) -> Reservation:
        if self.outages:
            self.outages -= 1
            raise RedisAway
        now, waits = monotonic(), list[float]()
        self.free_at = max(self.free_at, now)
        for count in segments:
            if self.free_at - now > most_wait_s:
                break
            waits.append(self.free_at - now)
            self.free_at += count / self.per_s
        return Reservation(waits, self.free_at - now)


def drain_of(ledger: FakeLedger, channel: FakeChannel, *, per_s: float | None = None, in_flight: int = 20) -> Drain:
    return Drain(SENDER, channel=channel, ledger=ledger, pace=FakePace(per_s or 1), speed=Speed(in_flight, per_s))


def accepted(ledger: FakeLedger) -> list[int]:
    return sorted(result.claim.id for result in ledger.results if isinstance(result.outcome, Accepted))


@pytest.mark.parametrize("latency_s", [0.0, 0.02])
def test_everything_due_is_sent_and_recorded_once(latency_s: float) -> None:
    async def story() -> None:
        ledger, channel = FakeLedger(1200), FakeChannel(latency_s)
        assert await drain_of(ledger, channel).run() == 1200
        assert accepted(ledger) == list(range(1200))
        assert channel.most_flying <= 20

    asyncio.run(story())


def test_calls_stay_in_flight_while_the_next_are_claimed() -> None:
    async def story() -> None:
        ledger, channel = FakeLedger(600), FakeChannel(0.02)
        await drain_of(ledger, channel).run()
        assert channel.most_flying == 20

    asyncio.run(story())


def test_a_sender_keeps_to_its_pace() -> None:
    async def story() -> None:
        ledger, channel = FakeLedger(60), FakeChannel()
        await drain_of(ledger, channel, per_s=50).run()
        at = channel.sent_at
        busiest = max(sum(1 for other in at if start <= other < start + 0.5) for start in at)
        assert len(at) == 60
        assert busiest <= 50 * 0.5 + 2

    asyncio.run(story())


def test_a_slow_sender_holds_little_so_that_a_pause_is_quick() -> None:
    async def story() -> None:
        ledger, channel = FakeLedger(50), FakeChannel()
        drain = drain_of(ledger, channel, per_s=20)
        running = asyncio.create_task(drain.run())
        await asyncio.wait_for(channel.first.wait(), 5)
        held = 50 - len(ledger.waiting) - len(channel.sent_at)
        drain.stop()
        await running
        assert held <= 20
        assert len(accepted(ledger)) + len(ledger.waiting) == 50

    asyncio.run(story())


def test_a_stopped_drain_gives_back_what_waits_and_records_what_is_in_flight() -> None:
    async def story() -> None:
        ledger, channel = FakeLedger(500), FakeChannel(0.05)
        drain = drain_of(ledger, channel, in_flight=5)
        running = asyncio.create_task(drain.run())
        await asyncio.wait_for(channel.first.wait(), 5)
        drain.stop()
        await running
        assert sorted(accepted(ledger) + [claim.id for claim in ledger.waiting]) == list(range(500))
        assert len(ledger.waiting) > 400

    asyncio.run(story())


def test_a_call_without_an_answer_at_the_end_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.drain._LAST_CALLS_S", 0.05)

    async def story() -> None:
        ledger, channel = FakeLedger(3), FakeChannel(3600)
        drain = drain_of(ledger, channel)
        running = asyncio.create_task(drain.run())
        await asyncio.wait_for(channel.first.wait(), 5)
        drain.stop()
        await running
        assert {result.outcome for result in ledger.results} == {Unknown(CUT_OFF)}
        assert len(ledger.results) + len(ledger.waiting) == 3

    asyncio.run(story())


def test_a_claim_that_only_skips_is_not_the_end_of_the_queue() -> None:
    class Skipping(FakeLedger):
        """Skips everything for a while, as where most of a blast's people opted out."""

        skipped = 0

        def claim(self, limit: int) -> Claims:
            self.skipped += 1
            return Claims(looked_at=limit) if self.skipped < 5 else super().claim(limit)

    async def story() -> None:
        ledger, channel = Skipping(3), FakeChannel()
        assert await asyncio.wait_for(drain_of(ledger, channel).run(), 5) == 3

    asyncio.run(story())


def test_an_outage_of_the_database_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.transactions._TRY_AGAIN_S", 0.01)

    async def story() -> None:
        ledger, channel = FakeLedger(40), FakeChannel()
        ledger.outages = 5
        await drain_of(ledger, channel).run()
        assert accepted(ledger) == list(range(40))

    asyncio.run(story())


def test_nothing_leaves_without_a_word_from_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.grants._TRY_AGAIN_S", 0.01)

    async def story() -> None:
        ledger, channel = FakeLedger(10), FakeChannel()
        pace = FakePace(1000)
        pace.outages = 3
        drain = Drain(SENDER, channel=channel, ledger=ledger, pace=pace, speed=Speed(5, 1000))
        await drain.run()
        assert accepted(ledger) == list(range(10))
        assert pace.outages == 0
        assert ledger.given_back == 0, "it is asked again before they are too old"

    asyncio.run(story())


def test_a_nudge_while_draining_brings_what_came_meanwhile() -> None:
    async def story() -> None:
        ledger, channel = FakeLedger(1), FakeChannel(0.2)
        drain = drain_of(ledger, channel)
        running = asyncio.create_task(drain.run())
        await asyncio.wait_for(channel.first.wait(), 5)
        await asyncio.wait_for(ledger.was_dry.wait(), 5)
        ledger.waiting += [Claimed(99, 1, DeliveryKind.REPLY, phone(9), "Late", 1, None)]
        drain.look_again()
        await running
        assert accepted(ledger) == [0, 99]
        assert channel.most_flying == 2

    asyncio.run(story())


@pytest.mark.parametrize(("closes_in_s", "validity_s"), [(None, None), (600, 600), (-5, 1), (36_001, None)], ids=str)
def test_the_provider_may_not_keep_a_text_into_the_night(closes_in_s: int | None, validity_s: int | None) -> None:
    closes_at = None if closes_in_s is None else NOON + timedelta(seconds=closes_in_s)
    claim = Claimed(1, 1, DeliveryKind.BLAST, phone(1), "Hi", 1, None, closes_at)
    assert calls._validity_s(claim, NOON) == validity_s


@pytest.mark.parametrize("is_stopped", [True, False])
def test_what_cannot_be_given_back_keeps_no_answer_from_being_written(*, is_stopped: bool) -> None:
    class Keeping(FakeLedger):
        """Takes nothing back, as where the database refuses a claim that was erased meanwhile."""

        def release(self, claims: Sequence[Claimed]) -> None:
            raise DataError("UPDATE", {}, ValueError("odd"))

    async def story() -> None:
        ledger, channel = Keeping(500), FakeChannel(0.05 if is_stopped else 1.0)
        drain = drain_of(ledger, channel, in_flight=5)
        running = asyncio.create_task(drain.run())
        await asyncio.wait_for(channel.first.wait(), 5)
        if is_stopped:
            drain.stop()
        await asyncio.wait_for(drain.ended.wait(), 10)
        await running
        assert len(accepted(ledger)) == len(channel.sent_at) >= 5
        assert channel.flying == 0

    asyncio.run(story())


def test_a_database_that_only_reads_for_a_while_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the one that was left, after another has taken over."""
    monkeypatch.setattr("workers.transactions._TRY_AGAIN_S", 0.01)

    class Demoted(FakeLedger):
        def _be_away(self) -> None:
            if self.outages:
                self.outages -= 1
                raise InternalError("UPDATE", {}, ReadOnlySqlTransaction())

    async def story() -> None:
        ledger, channel = Demoted(40), FakeChannel()
        ledger.outages = 5
        await drain_of(ledger, channel).run()
        assert accepted(ledger) == list(range(40))

    asyncio.run(story())


def test_what_waits_for_the_word_of_the_pace_is_not_forgotten() -> None:
    class Thinking(FakePace):
        """Takes its time, while there is nothing more to claim."""

        async def reserve(
            self, sender: str, segments: Sequence[int], *, most_wait_s: float = FURTHEST_S
        ) -> Reservation:
            await asyncio.sleep(0.1)
            return await super().reserve(sender, segments, most_wait_s=most_wait_s)

    async def story() -> None:
        ledger, channel = FakeLedger(10), FakeChannel()
        drain = Drain(SENDER, channel=channel, ledger=ledger, pace=Thinking(500), speed=Speed(20, 500))
        assert await drain.run() == 10

    asyncio.run(story())
