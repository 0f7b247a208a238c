"""Empty a sender's queue: claims stream ahead of the sends, many calls are in flight, records follow in bulk."""

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Protocol, TypeVar

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from core.clock import utc_now
from core.domain.channel import LONGEST_VALIDITY_S, Channel, Outcome, Outgoing, Unknown
from core.usecases.recording import Result
from core.usecases.sending import Claimed

log = structlog.get_logger()
T = TypeVar("T")

# What is claimed must leave within this time, so that a pause or a STOP takes effect at once.
_AHEAD_S = 0.4
# Less where a pace makes the calls wait: one that misses its turn must wait once more.
_AHEAD_OF_PACE_S = 0.3
_MOST_HELD_S = 0.9
_MOST_CLAIMED = 500
_MOST_HELD = 1000
_MOST_RECORDED = 500
_RECORD_EVERY_S = 0.2
_SMOOTHING = 0.5
_TRY_AGAIN_S = 0.5
# A moment missed by more than this is lost: to make up for many at once would break the pace.
_LATE_S = 0.02
# What was claimed longer ago isn't posted: we were held up, and its lease may end, the shortest being twice this.
_STALE_S = 20.0
# A process that is told to stop has ten seconds; what has no answer by then is unknown.
_LAST_CALLS_S = 6.0


class Ledger(Protocol):
    """Where claims come from and results go; each call is one transaction, and blocks."""

    def claim(self, limit: int) -> list[Claimed]: ...

    def record(self, results: Sequence[Result]) -> None: ...

    def release(self, claims: Sequence[Claimed]) -> None: ...


class Pacing(Protocol):
    """What tells how long to wait; see `core.limits.Pace`."""

    async def reserve(self, sender: str, segments: Sequence[int]) -> list[float]: ...


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a sender may go: calls in flight, and segments per second (None: as fast as the provider answers)."""

    in_flight: int
    segments_per_s: float | None


class Drain:
    """One sender being emptied by this process. All of it runs on one event loop; only the ledger's calls leave it."""

    def __init__(self, sender: str, *, channel: Channel, ledger: Ledger, pace: Pacing, speed: Speed) -> None:
        self._sender = sender
        self._channel = channel
        self._ledger = ledger
        self._pace = pace
        self._speed = speed
        self._claims: asyncio.Queue[tuple[Claimed, float | None] | None] = asyncio.Queue()
        self._results: list[Result] = []
        self._held = self._posting = self._posted = 0
        self._ahead_s = _AHEAD_OF_PACE_S if speed.segments_per_s else _AHEAD_S
        self._late_s = max(_LATE_S, 0.5 / speed.segments_per_s) if speed.segments_per_s else _LATE_S
        self._rate = speed.segments_per_s / 2 if speed.segments_per_s else speed.in_flight * 4.0
        self._measured = (monotonic(), 0)
        self._free_at = 0.0
        self._low = -1.0  # so few held that it is time to claim; a pace has its own time
        self._stirred = asyncio.Event()
        self._has_batch = asyncio.Event()
        self._is_stopping = self._is_dry = self._is_over = False
        self.ended = asyncio.Event()

    def stop(self) -> None:
        """Claim nothing more: what waits is given back, what is in flight is awaited for a while and recorded."""
        self._is_stopping = True
        self._stirred.set()

    def look_again(self) -> None:
        """Something new may be due."""
        self._is_dry = False
        self._stirred.set()

    async def run(self) -> int:
        """Send until nothing is due and everything is recorded. Returns how many calls were made."""
        posters = [asyncio.create_task(self._post_all()) for _ in range(self._speed.in_flight)]
        recorder = asyncio.create_task(self._record_all())
        await self._claim_all()
        await self._give_back()
        for _ in posters:
            self._claims.put_nowait(None)
        _, late = await asyncio.wait(posters, timeout=_LAST_CALLS_S if self._is_stopping else None)
        for poster in late:
            poster.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        self._is_over = True
        self._has_batch.set()
        await recorder
        self.ended.set()
        return self._posted

    async def _claim_all(self) -> None:
        while not self._is_stopping:
            self._stirred.clear()
            wanted = self._wanted()
            if self._is_dry and not self._held and not self._posting:
                return
            if self._is_dry or not wanted:
                await self._rest()
                continue
            self._is_dry = True  # unless this claim brings something, or a nudge comes meanwhile
            claims = await self._in_thread(partial(self._ledger.claim, wanted))
            if claims:
                self._is_dry = False
                self._measure()
                await self._hold(claims)

    async def _rest(self) -> None:
        """Wait until something happens, or until the sender's pace is about to allow the next."""
        until_free = self._free_at - monotonic() - self._ahead_s / 2
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stirred.wait(), until_free if until_free > 0 else None)

    def _wanted(self) -> int:
        """Return how many to claim now: enough to keep all calls busy for a moment, and no more."""
        ahead = min(self._rate * self._ahead_s, _MOST_HELD)
        if self._speed.segments_per_s:
            is_reserved = self._free_at - monotonic() > self._ahead_s / 2
            return 0 if is_reserved else min(math.ceil(ahead), _MOST_CLAIMED)
        self._low = ahead / 2
        idle = self._speed.in_flight - self._posting
        if self._held > self._low + idle:
            return 0
        return min(max(math.ceil(ahead) + idle - self._held, 1), _MOST_CLAIMED)

    def _measure(self) -> None:
        since, posted = self._measured
        if self._posted > posted:
            latest = (self._posted - posted) / max(monotonic() - since, 0.001)
            self._rate += _SMOOTHING * (latest - self._rate)
            self._rate = min(self._rate, self._speed.segments_per_s or math.inf)
        self._measured = (monotonic(), self._posted)

    async def _hold(self, claims: list[Claimed]) -> None:
        try:
            waits = await self._waits(claims)
        except RedisError as error:
            log.warning("pace.unavailable", error=type(error).__name__)
            await self._in_thread(partial(self._ledger.release, claims))
            await asyncio.sleep(_TRY_AGAIN_S)
            return
        start = monotonic()
        self._held += len(claims)
        for claim, wait in zip(claims, waits, strict=True):
            self._claims.put_nowait((claim, None if wait is None else start + wait))
        if self._speed.segments_per_s and waits[-1] is not None:
            self._free_at = start + waits[-1] + claims[-1].segments / self._speed.segments_per_s

    async def _waits(self, claims: Sequence[Claimed]) -> Sequence[float | None]:
        if self._speed.segments_per_s is None:
            return [None] * len(claims)
        return await self._pace.reserve(self._sender, [claim.segments for claim in claims])

    async def _post_all(self) -> None:
        while (item := self._claims.get_nowait() if self._claims.qsize() else await self._claims.get()) is not None:
            claim, due_at = item
            is_its_turn = due_at is None or await self._wait_for_turn(claim, due_at)
            self._held -= 1
            if not is_its_turn or _is_older(claim, _STALE_S):
                await self._in_thread(partial(self._ledger.release, [claim]))
                self._stirred.set()
                continue
            self._posting += 1
            await self._post(claim)
            self._posting -= 1
            self._posted += 1
            if self._is_dry or self._held <= self._low:
                self._stirred.set()

    async def _wait_for_turn(self, claim: Claimed, due_at: float) -> bool:
        """Wait for the moment that was reserved; who misses it takes another, or is given back if that is far off."""
        if (wait := due_at - monotonic()) > 0:
            await asyncio.sleep(wait)
        # When all calls are busy the provider is slower than the pace, which is then in no danger.
        is_idle = self._posting < self._speed.in_flight - 1
        if not is_idle or monotonic() - due_at <= self._late_s:
            return True
        with suppress(RedisError):
            (wait,) = await self._pace.reserve(self._sender, [claim.segments])
            if _is_older(claim, _MOST_HELD_S - wait):
                return False
            await asyncio.sleep(wait)
        return True

    async def _post(self, claim: Claimed) -> None:
        outgoing = Outgoing(
            claim.id,
            claim.attempt,
            self._sender,
            claim.address,
            claim.body,
            claim.segments,
            _validity_s(claim, utc_now()),
        )
        outcome: Outcome = Unknown("We stopped before the provider answered.")
        try:
            outcome = await self._channel.send(outgoing)
        except Exception as error:  # noqa: BLE001  # an edge: one message that we stumble over must not stop the sender
            log.error("send.failed", delivery_id=claim.id, error=type(error).__name__)
            outcome = Unknown("We stumbled over it while it was sent.")
        finally:
            self._results.append(Result(claim, outcome, utc_now()))
            if len(self._results) >= _MOST_RECORDED:
                self._has_batch.set()

    async def _record_all(self) -> None:
        while not self._is_over:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_batch.wait(), _RECORD_EVERY_S)
            self._has_batch.clear()
            await self._record()

    async def _record(self) -> None:
        while self._results:
            batch = self._results[:_MOST_RECORDED]
            await self._in_thread(partial(self._ledger.record, batch))
            del self._results[: len(batch)]

    async def _give_back(self) -> None:
        """Return what was claimed and waits in the queue: it is known not to have left."""
        waiting = []
        while not self._claims.empty():
            item = self._claims.get_nowait()
            if item is not None:
                waiting.append(item[0])
        self._held -= len(waiting)
        if waiting:
            await self._in_thread(partial(self._ledger.release, waiting))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Run one transaction beside the loop; while the database is away, wait for it: nothing in hand is dropped."""
        while True:
            try:
                return await asyncio.to_thread(work)
            except OperationalError as error:
                log.warning("database.unavailable", error=type(error.orig).__name__)
                await asyncio.sleep(_TRY_AGAIN_S)


def _is_older(claim: Claimed, seconds: float) -> bool:
    return claim.claimed_at is not None and abs((utc_now() - claim.claimed_at).total_seconds()) > seconds


def _validity_s(claim: Claimed, now: datetime) -> int | None:
    """Return how long the provider may keep it in its own queue: not into the recipient's quiet hours."""
    if claim.closes_at is None:
        return None
    left_s = int((claim.closes_at - now).total_seconds())
    return max(left_s, 1) if left_s < LONGEST_VALIDITY_S else None
