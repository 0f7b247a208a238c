"""Whatever goes wrong in whatever order, a drain ends; each text has left once and is recorded, or is given back."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from redis.exceptions import ConnectionError as RedisAway
from sqlalchemy.exc import OperationalError

from core.domain.channel import Accepted, Outcome, Outgoing, Refused, TooLate, Unknown, Unsendable
from core.limits import FURTHEST_S, Reservation
from core.usecases.recording import Result
from core.usecases.sending import Claimed, Claims
from tests.factories import SENDER
from tests.workers.test_drain import FakeChannel, FakeLedger, FakePace
from workers.drain import Drain, Speed

TEXTS = 60
LIVES = 40


class HardTimes:
    """What goes wrong, by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.is_calm = False

    def strikes(self, often: float) -> bool:
        """Tell whether something goes wrong now."""
        return not self.is_calm and self.chance.random() < often


class FlakyLedger(FakeLedger):
    """A database that is away at times."""

    def __init__(self, times: HardTimes) -> None:
        super().__init__(TEXTS)
        self.times = times

    def claim(self, limit: int) -> Claims:
        self._fail_at_times()
        return super().claim(self.times.chance.randint(1, limit))

    def record(self, results: Sequence[Result]) -> None:
        self._fail_at_times()
        super().record(results)

    def release(self, claims: Sequence[Claimed]) -> None:
        self._fail_at_times()
        super().release(claims)

    def _fail_at_times(self) -> None:
        if self.times.strikes(0.2):
            raise OperationalError("UPDATE", {}, ConnectionError())


class FlakyChannel(FakeChannel):
    """A provider that is slow, gets nothing, refuses, or breaks off."""

    def __init__(self, times: HardTimes) -> None:
        super().__init__()
        self.times = times
        self.left = Counter[int]()

    async def send(self, outgoing: Outgoing) -> Outcome:
        if self.times.strikes(0.1):
            raise self.times.chance.choice([TooLate(), Unsendable("odd"), asyncio.CancelledError()])
        await self.be_on_time(outgoing)
        self.left[outgoing.delivery_id] += 1
        await asyncio.sleep(self.times.chance.choice([0.0, 0.0, 0.001, 0.03]))
        if self.times.strikes(0.1):
            raise ZeroDivisionError
        outcomes: list[Outcome] = [Accepted("SM"), Refused(21211, "no"), Unknown("who knows")]
        return self.times.chance.choice(outcomes)


class FlakyPace(FakePace):
    """A Redis that is away, slow, or has nothing to grant."""

    def __init__(self, times: HardTimes, per_s: float) -> None:
        super().__init__(per_s)
        self.times = times

    async def reserve(self, sender: str, segments: Sequence[int], *, most_wait_s: float = FURTHEST_S) -> Reservation:
        if self.times.strikes(0.1):
            raise RedisAway
        if self.times.strikes(0.2):
            await asyncio.sleep(0.02)
        if self.times.strikes(0.2):
            return Reservation([], 0.02)
        return await super().reserve(sender, segments, most_wait_s=most_wait_s)


async def live(times: HardTimes, *, stops: bool, per_s: float | None) -> None:
    """Play one drain's life, and look at what is left of it."""
    ledger, channel = FlakyLedger(times), FlakyChannel(times)
    speed = Speed(times.chance.randint(1, 8), per_s)
    drain = Drain(SENDER, channel=channel, ledger=ledger, pace=FlakyPace(times, per_s or 1), speed=speed)
    running = asyncio.create_task(drain.run())
    for _ in range(times.chance.randint(0, 12)):
        await asyncio.sleep(times.chance.uniform(0, 0.02))
        if times.chance.random() < 0.5:
            drain.look_again()
        else:
            drain.allow(times.chance.randint(1, 8))
    if stops:
        drain.stop()
    times.is_calm = times.chance.random() < 0.5
    await asyncio.wait_for(running, 10)
    waiting, recorded = (Counter(ids) for ids in ([each.id for each in ledger.waiting], ids_of(ledger.results)))
    assert waiting + recorded == Counter(range(TEXTS)), "each is given back or recorded, once"
    assert set(channel.left) <= set(recorded)
    assert set(channel.left.values()) <= {1}
    assert stops or not waiting


def ids_of(results: Sequence[Result]) -> list[int]:
    return [result.claim.id for result in results]


@pytest.mark.parametrize("stops", [True, False])
@pytest.mark.parametrize("per_s", [None, 500])
def test_nothing_is_lost_and_nothing_hangs(
    *, stops: bool, per_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.transactions._TRY_AGAIN_S", 0.005)
    monkeypatch.setattr("workers.grants._TRY_AGAIN_S", 0.005)
    for seed in range(LIVES):
        try:
            asyncio.run(live(HardTimes(seed), stops=stops, per_s=per_s))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
