"""Empty a sender's queue: claims stream ahead of the sends, many calls are in flight, records follow in bulk."""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from time import monotonic
from typing import NamedTuple, Protocol

import structlog

from core.clock import utc_now
from core.domain.channel import LONGEST_VALIDITY_S, Channel, Outcome, Outgoing, TooLate, Unknown
from core.limits import FURTHEST_S, Reservation
from core.usecases.recording import Result
from core.usecases.sending import Claimed, Claims
from workers.recorder import Book, Recorder
from workers.transactions import beside

log = structlog.get_logger()

# What is claimed must leave within this time, so that a pause or a STOP takes effect at once; else it is given back.
_MOST_HELD_S = 0.9
# So much is claimed ahead, in seconds; less where a pace makes the calls wait.
_AHEAD_S = 0.4
_AHEAD_OF_PACE_S = 0.3
_MOST_CLAIMED = 500
_MOST_HELD = 1000
_SMOOTHING = 0.5
_TRY_AGAIN_S = 0.5
# A moment missed by more than this is lost: to make up for many at once would break the pace.
_LATE_S = 0.02
# What the database says was claimed longer ago isn't posted, since its lease may end, the shortest being twice this.
_STALE_S = 20.0
# Moments whose grant took longer to come back begin that much later than the pace knows.
_TOLD_LATE_S = 0.1
# A process that is told to stop has ten seconds; what has no answer by then is unknown.
_LAST_CALLS_S = 6.0


class Ledger(Book, Protocol):
    """Where claims come from and results go; each call is one transaction, and blocks."""

    def claim(self, limit: int) -> Claims: ...

    def release(self, claims: Sequence[Claimed]) -> None: ...


class Pacing(Protocol):
    """What tells how long to wait; see `core.limits.Pace`."""

    async def reserve(self, sender: str, segments: Sequence[int], *, most_wait_s: float = ...) -> Reservation: ...


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a sender may go: calls in flight, and segments per second (None: as fast as the provider answers)."""

    in_flight: int
    segments_per_s: float | None


class _Held(NamedTuple):
    """A claim in hand; it was given at `since` and may leave at `due_at`, both on the monotonic clock."""

    claim: Claimed
    since: float
    due_at: float | None = None

    def is_too_old(self, by: float = _MOST_HELD_S) -> bool:
        return monotonic() - self.since > by or _is_older(self.claim, _STALE_S)


class Drain:
    """One sender being emptied by this process. All of it runs on one event loop; only the ledger's calls leave it.

    Claims go straight to the posters, or, where there is a pace, wait until a poster is free and a moment is granted.
    """

    def __init__(self, sender: str, *, channel: Channel, ledger: Ledger, pace: Pacing, speed: Speed) -> None:
        self._sender = sender
        self._channel = channel
        self._ledger = ledger
        self._pace = pace
        self._speed = speed
        self._recorder = Recorder(ledger, gave_up=self.stop)
        self._waiting: deque[_Held] = deque()  # for a moment of the pace
        self._ready: asyncio.Queue[_Held | None] = asyncio.Queue()
        self._missed: list[Claimed] = []  # to be given back
        self._held = self._granted = self._posting = self._posted = 0
        self._ahead_s = _AHEAD_OF_PACE_S if speed.segments_per_s else _AHEAD_S
        self._late_s = max(_LATE_S, 0.5 / speed.segments_per_s) if speed.segments_per_s else _LATE_S
        self._rate = speed.segments_per_s / 2 if speed.segments_per_s else speed.in_flight * 4.0
        self._measured = (monotonic(), 0)
        self._free_at = self._ask_at = 0.0
        self._low = -1.0  # so few held that it is time to claim; a pace has its own time
        self._stirred = asyncio.Event()
        self._may_grant = asyncio.Event()
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
        granter = asyncio.create_task(self._grant_all()) if self._speed.segments_per_s else None
        recorder = asyncio.create_task(self._recorder.run())
        try:
            await self._claim_all()
        finally:
            self._is_over = True
            if granter is not None:
                granter.cancel()  # which may get lost when it is woken in the same moment: then it ends by itself
                await asyncio.gather(granter, return_exceptions=True)
            await self._give_back()
            for _ in posters:
                self._ready.put_nowait(None)
            _, late = await asyncio.wait(posters, timeout=_LAST_CALLS_S if self._is_stopping else None)
            for poster in late:
                poster.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            await self._give_back()
            self._recorder.close()
            await recorder
            self.ended.set()
        return self._posted

    async def _claim_all(self) -> None:
        while not self._is_stopping:
            self._stirred.clear()
            await self._return_missed()
            wanted = self._wanted()
            if self._is_dry and not self._held and not self._posting:
                return
            if self._is_dry or not wanted:
                await self._rest()
                continue
            self._is_dry = True  # unless this claim brings something, or a nudge comes meanwhile
            claims = await beside(partial(self._ledger.claim, wanted))
            if claims.looked_at:
                self._is_dry = False
            if claims:
                self._measure()
                self._hold(claims)

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
            if is_reserved or not self._free_calls() or len(self._waiting) > ahead / 2:
                return 0
            return min(math.ceil(ahead) - len(self._waiting), _MOST_CLAIMED)
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

    def _hold(self, claims: Sequence[Claimed]) -> None:
        since = monotonic()
        self._held += len(claims)
        if self._speed.segments_per_s:
            self._waiting.extend(_Held(claim, since) for claim in claims)
            self._may_grant.set()
        else:
            for claim in claims:
                self._ready.put_nowait(_Held(claim, since))

    def _free_calls(self) -> int:
        return self._speed.in_flight - self._posting - self._granted

    async def _grant_all(self) -> None:
        """Have what waits take its moments, as soon as there are calls for it: one that is taken and missed is lost."""
        while not self._is_over:
            self._may_grant.clear()
            while self._waiting and self._waiting[0].is_too_old():
                self._miss(self._waiting.popleft())
            again_s: float | None = None
            if (until_told := self._ask_at - monotonic()) > 0:
                again_s = until_told
            elif self._waiting and self._free_calls() > 0:
                again_s = await self._grant()
            if self._waiting:
                left_s = self._waiting[0].since + _MOST_HELD_S - monotonic()
                again_s = max(min(left_s, again_s or left_s), 0.001)
            if not self._is_over:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._may_grant.wait(), again_s)

    async def _grant(self) -> float | None:
        """Reserve moments for the first ones that wait; returns in how many seconds to try again for the others."""
        batch = [self._waiting.popleft() for _ in range(min(self._free_calls(), len(self._waiting)))]
        left_s = batch[0].since + _MOST_HELD_S - self._late_s - monotonic()
        waits: list[float] = []
        asked_at = monotonic()
        try:
            waits, free_in = await self._pace.reserve(
                self._sender,
                [held.claim.segments for held in batch],
                most_wait_s=max(min(left_s, FURTHEST_S), 0.0),
            )
            start = monotonic()
        except Exception as error:  # noqa: BLE001  # an edge: without the pace's word nothing leaves, and we ask again
            log.warning("pace.unavailable", error=type(error).__name__)
            await asyncio.sleep(_TRY_AGAIN_S)
            return None
        finally:
            self._waiting.extendleft(reversed(batch[len(waits) :]))
        self._free_at = start + free_in
        if start - asked_at > _TOLD_LATE_S:
            self._ask_at = self._free_at  # else the next moments would fall among these
        self._stirred.set()
        self._granted += len(waits)
        for held, wait in zip(batch, waits, strict=False):
            self._ready.put_nowait(held._replace(due_at=start + wait))
        if len(waits) == len(batch):
            return None
        while self._waiting and self._waiting[0].since + _MOST_HELD_S < self._free_at:
            self._miss(self._waiting.popleft())
        # A claim whose time runs out is granted nothing ahead; asking sooner would be in vain.
        return free_in - (self._ahead_s if left_s > FURTHEST_S else 0.0)

    def _miss(self, held: _Held) -> None:
        """Have a claim given back: the next one takes it up."""
        self._held -= 1
        self._missed.append(held.claim)
        self.look_again()

    async def _post_all(self) -> None:
        while (held := self._ready.get_nowait() if self._ready.qsize() else await self._ready.get()) is not None:
            if held.due_at is not None and not await self._is_on_time(held.due_at):
                self._waiting.appendleft(held)
                self._may_grant.set()
                continue
            if held.is_too_old():
                self._miss(held)
                continue
            self._held -= 1
            self._posting += 1
            has_gone = await self._post(held)
            self._posting -= 1
            if not has_gone:
                self._held += 1
                self._miss(held)
                self._may_grant.set()
                continue
            self._posted += 1
            if held.due_at is not None:
                self._may_grant.set()
                self._stirred.set()
            elif self._is_dry or self._held <= self._low:
                self._stirred.set()

    async def _is_on_time(self, due_at: float) -> bool:
        """Wait for the moment that was granted; tell whether we were not held up beyond it."""
        if (wait := due_at - monotonic()) > 0:
            await asyncio.sleep(wait)
        self._granted -= 1
        return monotonic() - due_at <= self._late_s

    async def _post(self, held: _Held) -> bool:
        """Post it, and have what came of it recorded; tell whether it may have gone."""
        claim = held.claim
        outgoing = Outgoing(
            claim.id,
            claim.attempt,
            self._sender,
            claim.address,
            claim.body,
            claim.segments,
            _validity_s(claim, utc_now()),
            held.since + _MOST_HELD_S,
        )
        outcome: Outcome | None = Unknown("We stopped before the provider answered.")
        try:
            outcome = await self._channel.send(outgoing)
        except TooLate:
            outcome = None
        except Exception as error:  # noqa: BLE001  # an edge: one message that we stumble over must not stop the sender
            log.error("send.failed", delivery_id=claim.id, error=type(error).__name__)
            outcome = Unknown("We stumbled over it while it was sent.")
        finally:
            if outcome is not None:
                self._recorder.add(Result(claim, outcome, utc_now()))
        return outcome is not None

    async def _return_missed(self) -> None:
        if self._missed:
            missed, self._missed = self._missed, []
            try:
                await beside(partial(self._ledger.release, missed))
            except Exception as error:  # noqa: BLE001  # an edge: whatever it is, what has left must be written down
                # Their leases will end, and they will be looked up.
                log.error("claims.not_returned", count=len(missed), error=type(error).__name__)
                self.stop()

    async def _give_back(self) -> None:
        """Return what was claimed and waits: it is known not to have left."""
        while not self._ready.empty():
            if (held := self._ready.get_nowait()) is not None:
                self._waiting.append(held)
        while self._waiting:
            self._miss(self._waiting.popleft())
        await self._return_missed()


def _is_older(claim: Claimed, seconds: float) -> bool:
    return claim.claimed_at is not None and abs((utc_now() - claim.claimed_at).total_seconds()) > seconds


def _validity_s(claim: Claimed, now: datetime) -> int | None:
    """Return how long the provider may keep it in its own queue: not into the recipient's quiet hours."""
    if claim.closes_at is None:
        return None
    left_s = int((claim.closes_at - now).total_seconds())
    return max(left_s, 1) if left_s < LONGEST_VALIDITY_S else None
