"""What the database refuses of one answer keeps no other answer from being written, and nothing is lost."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError

from core.domain.channel import Accepted, Unknown
from core.usecases.recording import Result
from core.usecases.sending import Claims
from tests.factories import NOON
from tests.workers.test_drain import FakeChannel, FakeLedger, drain_of
from workers.recorder import Recorder
from workers.transactions import End

ODD = 7


class OddLedger(FakeLedger):
    """Refuses to write what was accepted of one message; with `is_lost`, anything about it."""

    def __init__(self, count: int, error: type[DatabaseError], *, is_lost: bool = False) -> None:
        super().__init__(count)
        self.error, self.is_lost = error, is_lost
        self.taken: list[int] = []

    def record(self, results: Sequence[Result]) -> None:
        for result in results:
            is_odd = result.claim.id == ODD and ODD not in self.taken
            if is_odd and (self.is_lost or isinstance(result.outcome, Accepted)):
                raise self.error("UPDATE", {}, ValueError("odd"))
        super().record(results)

    def take_sid(self, result: Result) -> None:
        self.taken.append(result.claim.id)


def outcomes(ledger: FakeLedger) -> dict[int, str]:
    return {result.claim.id: type(result.outcome).__name__ for result in ledger.results}


def test_an_answer_that_cannot_be_written_is_written_as_unknown() -> None:
    async def story() -> None:
        ledger = OddLedger(200, DataError)
        await asyncio.wait_for(drain_of(ledger, FakeChannel()).run(), 20)
        assert outcomes(ledger) == {number: "Unknown" if number == ODD else "Accepted" for number in range(200)}
        assert len(ledger.results) == 200

    asyncio.run(story())


def test_an_id_that_another_row_holds_is_taken_from_it() -> None:
    async def story() -> None:
        ledger = OddLedger(20, IntegrityError)
        await asyncio.wait_for(drain_of(ledger, FakeChannel()).run(), 20)
        assert ledger.taken == [ODD]
        assert outcomes(ledger) == dict.fromkeys(range(20), "Accepted")

    asyncio.run(story())


def test_a_sender_whose_answers_cannot_be_written_at_all_sends_no_more() -> None:
    async def story() -> None:
        ledger, channel = OddLedger(5000, DataError, is_lost=True), FakeChannel(0.02)
        await asyncio.wait_for(drain_of(ledger, channel).run(), 20)
        assert len(ledger.results) == len(channel.sent_at) - 1
        assert len(ledger.waiting) + len(channel.sent_at) == 5000
        assert ledger.waiting

    asyncio.run(story())


@pytest.mark.parametrize("count", [0, 1, 1200])
def test_closing_writes_what_is_left(count: int) -> None:
    async def story() -> None:
        ledger = FakeLedger(count)
        recorder = Recorder(ledger, end=End(), gave_up=lambda: None, wrote=lambda: None)
        for claim in ledger.claim(count):
            recorder.add(Result(claim, Unknown("so far"), NOON))
        recorder.close()
        await recorder.run()
        assert len(ledger.results) == count

    asyncio.run(story())


class BrokenLedger(FakeLedger):
    """A ledger with a defect: its second claim fails for no known reason."""

    def claim(self, limit: int) -> Claims:
        if len(self.waiting) < 50:
            raise ZeroDivisionError
        return super().claim(10)


def test_a_claim_that_fails_loses_nothing_of_what_was_sent() -> None:
    async def story() -> None:
        ledger, channel = BrokenLedger(50), FakeChannel(0.02)
        drain = drain_of(ledger, channel)
        with pytest.raises(ZeroDivisionError):
            await drain.run()
        assert len(ledger.results) + len(ledger.waiting) == 50
        assert drain.ended.is_set()

    asyncio.run(story())
