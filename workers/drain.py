"""Empty a sender's queue: claims stream ahead of the sends, many calls are in flight, records follow in bulk."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Protocol

import structlog

from core.domain.channel import Channel
from core.usecases.sending import Claimed, Claims
from workers.calls import MOST_HELD_S, Calls, Held, watched
from workers.grants import Grants, Pacing
from workers.recorder import Book, Recorder
from workers.transactions import End, GaveUp, beside, soon

log = structlog.get_logger()

# So much is claimed ahead, in seconds; less where a pace makes the calls wait.
_AHEAD_S = 0.4
_AHEAD_OF_PACE_S = 0.3
# So long before the next moment of a pace is free, more is claimed.
_CLAIMED_BEFORE_S, _CLAIMED_BEFORE_OF_SLOW_S, _SLOW_PER_S = 0.15, 0.3, 2.0
_MOST_CLAIMED = 500
# A claim is slow when it takes so much of the time for which its texts may be held.
_SLOW_SHARE = 0.3
_MOST_HELD = 1000
_SMOOTHING = 0.5
# A process that is told to stop has ten seconds. What has no answer by then is unknown; what couldn't be written down,
# since the database is away, is settled when its lease ends.
_LAST_CALLS_S = 5.0
_LAST_WORD_S = 7.0
_LAST_GRANT_S = 1.0
# How often it is looked for what has waited too long for a call.
_SWEPT_EVERY_S = 0.1


class Ledger(Book, Protocol):
    """Where claims come from and results go; each call is one transaction, and blocks."""

    def claim(self, limit: int) -> Claims: ...

    def release(self, claims: Sequence[Claimed]) -> None: ...


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a sender may go: calls in flight, and segments per second (None: as fast as the provider answers)."""

    in_flight: int
    segments_per_s: float | None


class Drain:
    """One sender being emptied by this process. All of it runs on one event loop; only the ledger's calls leave it.

    Claims go straight to the calls, or, where there is a pace, wait until a call is free and a moment is granted.
    """

    def __init__(self, sender: str, *, channel: Channel, ledger: Ledger, pace: Pacing, speed: Speed) -> None:
        per_s = speed.segments_per_s
        self._ledger = ledger
        self._speed = speed
        self._last_calls, self._last_word = End(), End()
        self._recorder = Recorder(ledger, end=self._last_word, gave_up=self._claim_no_more, wrote=self._stir)
        self._calls = Calls(
            sender,
            channel,
            answered=self._recorder.add,
            came_back=self._take_back,
            is_free=self._use_free_call,
            broke=self._fail,
        )
        self._grants = None
        if per_s:
            self._grants = Grants(
                sender,
                pace,
                per_s=per_s,
                free_calls=lambda: self._calls.free,
                granted=self._calls.add,
                missed=self._miss,
                changed=self._stir,
            )
        self._missed: list[Claimed] = []  # to be given back
        self._ahead_s = _AHEAD_OF_PACE_S if per_s else _AHEAD_S
        self._claimed_before_s = _CLAIMED_BEFORE_OF_SLOW_S if per_s and per_s <= _SLOW_PER_S else _CLAIMED_BEFORE_S
        self._rate = per_s / 2 if per_s else speed.in_flight * 4.0
        self._measured = (monotonic(), 0)
        self._most_claimed = _MOST_CLAIMED
        self._low = -1.0  # so few held that it is time to claim; a pace has its own time
        self._swept_at = 0.0
        self._hung_after = -1  # so many calls were made when claims came back from waiting for one
        self._stirred = asyncio.Event()
        self._is_stopping = self._is_dry = False
        self._error: BaseException | None = None
        self.was_nudged = False
        self.ended = asyncio.Event()

    def stop(self) -> None:
        """Claim nothing more: what waits is given back, what is in flight is awaited for a while and recorded."""
        self._claim_no_more()
        self._last_calls.come_in(_LAST_CALLS_S)
        self._last_word.come_in(_LAST_WORD_S)

    def look_again(self) -> None:
        """Something new may be due. When it comes too late for this drain, `was_nudged` is left set."""
        self.was_nudged = True
        self._is_dry = False
        self._stir()

    def allow(self, in_flight: int) -> None:
        """Have so many calls in flight from now on."""
        self._calls.allow(in_flight)
        self._use_free_call()

    async def run(self) -> int:
        """Send until nothing is due and everything is recorded. Returns how many calls were made."""
        self._calls.allow(self._calls.most or self._speed.in_flight)
        recorder = watched(self._recorder.run(), self._fail)
        granter = watched(self._grants.run(), self._fail) if self._grants else None
        try:
            await self._claim_all()
        finally:
            try:
                await self._wind_up(granter, recorder)
            finally:
                self.ended.set()
        if self._error is not None:
            raise self._error
        return self._calls.made

    async def _wind_up(self, granter: asyncio.Task[None] | None, recorder: asyncio.Task[None]) -> None:
        """Give back what waits, await what is on its way, and have all of it recorded."""
        if self._grants and granter:
            for held in self._grants.close():
                self._miss(held)
            granter.cancel()
            await asyncio.wait({granter}, timeout=_LAST_GRANT_S)
        for held in self._calls.take_back(is_all=True):
            self._miss(held)
        await self._return_missed()
        await self._calls.finish(self._last_calls)
        await self._return_missed()
        self._recorder.close()
        await asyncio.wait({recorder})

    async def _claim_all(self) -> None:
        while not self._is_stopping:
            self._stirred.clear()
            self._sweep()
            await self._return_missed()
            wanted = self._wanted()
            if self._is_dry and not self._held and not self._calls.busy:
                return
            if self._is_dry or not wanted:
                await self._rest()
            else:
                await self._claim(wanted)

    async def _claim(self, wanted: int) -> None:
        self._is_dry = True  # unless this claim brings something, or a nudge comes meanwhile
        self.was_nudged = False
        try:
            claims = await beside(partial(self._ledger.claim, wanted), self._last_calls)
        except GaveUp:
            log.warning("claim.abandoned")  # if it brought something after all, the leases will end
            return
        if claims.looked_at:
            self._is_dry = False
        if claims:
            self._measure()
            self._note_slowness(claims)
            self._hold([Held(claim, claims.since) for claim in claims])

    def _hold(self, claims: Sequence[Held]) -> None:
        if self._grants:
            self._grants.add(claims)
        else:
            for held in claims:
                self._calls.add(held)

    @property
    def _held(self) -> int:
        return self._calls.waiting + (self._grants.waiting if self._grants else 0)

    async def _rest(self) -> None:
        """Wait until something happens, or until the sender's pace is about to allow the next."""
        until_free = self._grants.free_in - self._claimed_before_s if self._grants else 0.0
        within_s = until_free if until_free > 0 else None
        if self._calls.waiting:
            within_s = min(within_s or _SWEPT_EVERY_S, _SWEPT_EVERY_S)
        await soon(self._stirred, within_s)

    def _wanted(self) -> int:
        """Return how many to claim now: enough to keep all calls busy for a moment, and no more."""
        if self._recorder.is_behind:
            return 0
        ahead = min(self._rate * self._ahead_s, _MOST_HELD)
        if self._grants:
            is_reserved = self._grants.free_in > self._claimed_before_s
            if is_reserved or not self._calls.free or self._grants.waiting > ahead / 2:
                return 0
            return min(math.ceil(ahead) - self._grants.waiting, self._most_claimed)
        self._low = ahead / 2
        idle = max(self._calls.most - self._calls.busy, 0)
        is_hung = not idle and self._calls.made == self._hung_after
        if is_hung or self._held > self._low + idle:
            return 0
        return min(max(math.ceil(ahead) + idle - self._held, 1), self._most_claimed)

    def _measure(self) -> None:
        since, made = self._measured
        if self._calls.made > made:
            latest = (self._calls.made - made) / max(monotonic() - since, 0.001)
            self._rate += _SMOOTHING * (latest - self._rate)
            self._rate = min(self._rate, self._speed.segments_per_s or math.inf)
        self._measured = (monotonic(), self._calls.made)

    def _note_slowness(self, claims: Claims) -> None:
        """Claim fewer while a claim takes much of the time in which its texts must leave."""
        took_s = monotonic() - claims.since
        if took_s > MOST_HELD_S:
            log.warning("claim.too_slow", count=len(claims), seconds=round(took_s, 1))
        is_slow = took_s > MOST_HELD_S * _SLOW_SHARE
        self._most_claimed = max(len(claims) // 2, 1) if is_slow else min(self._most_claimed * 2, _MOST_CLAIMED)

    def _stir(self) -> None:
        self._stirred.set()

    def _use_free_call(self) -> None:
        if self._grants:
            self._grants.stir()
            self._stir()
        elif self._is_dry or self._held <= self._low:
            self._stir()

    def _sweep(self) -> None:
        """Have given back what has waited too long for a call: those that are under way hang."""
        if self._calls.waiting and monotonic() - self._swept_at > _SWEPT_EVERY_S:
            self._swept_at = monotonic()
            for held in self._calls.take_back():
                self._hung_after = self._calls.made
                self._miss(held)

    def _take_back(self, held: Held) -> None:
        """Take what has not left: it missed its moment, or is too old."""
        if self._grants and not held.is_too_old:
            self._grants.add_again(held)
        else:
            self._miss(held)

    def _miss(self, held: Held) -> None:
        """Have a claim given back: the next one takes it up."""
        self._missed.append(held.claim)
        self._is_dry = False
        self._stir()

    def _claim_no_more(self) -> None:
        self._is_stopping = True
        self._stir()

    def _fail(self, error: BaseException) -> None:
        """End, since a part of this has: claims would wait for it for ever."""
        self._error = error
        self._claim_no_more()

    async def _return_missed(self) -> None:
        if self._missed:
            missed, self._missed = self._missed, []
            try:
                await beside(partial(self._ledger.release, missed), self._last_word)
            except Exception as error:  # noqa: BLE001  # an edge: whatever it is, what has left must be written down
                # Their leases will end, and they will be looked up.
                log.error("claims.not_returned", count=len(missed), error=type(error).__name__)
                self._claim_no_more()
