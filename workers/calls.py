"""A sender's calls to its provider: so many at once, each with a claim of its own, and what came of each."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple

import structlog

from core.clock import utc_now
from core.domain import failures
from core.domain.channel import LONGEST_VALIDITY_S, Channel, Outcome, Outgoing, Refused, TooLate, Unknown, Unsendable
from core.domain.lifecycles import CUT_OFF, STUMBLED
from core.usecases.recording import Result
from core.usecases.sending import Claimed
from workers.transactions import End

log = structlog.get_logger()

# What is claimed must leave within this time, so that a pause or a STOP takes effect at once; else it is given back.
MOST_HELD_S = 0.9
# What the database says was claimed longer ago isn't posted, since its lease may end, the shortest being twice this.
_STALE_S = 20.0
_CUT_OFF_WITHIN_S = 1.0
_OUR_OWN_REFUSAL = 400


class Held(NamedTuple):
    """A claim in hand, and since when it may be out of date; its moment, and how late. All on the monotonic clock."""

    claim: Claimed
    since: float
    leave_at: float | None = None
    late_s: float = 0.0

    @property
    def leave_by(self) -> float:
        """Until when it may leave. A missed moment is lost: to make up for many at once would break the pace."""
        until = self.since + MOST_HELD_S
        return until if self.leave_at is None else min(until, self.leave_at + self.late_s)

    @property
    def is_too_old(self) -> bool:
        """It must be given back."""
        return monotonic() - self.since > MOST_HELD_S or _is_older(self.claim, _STALE_S)


def watched(work: Coroutine[Any, Any, None], broke: Callable[[BaseException], None]) -> asyncio.Task[None]:
    """Begin a task; `broke` is called when it fails, since nobody waits for it until all of them end."""
    task = asyncio.create_task(work)

    def look(ended: asyncio.Task[None]) -> None:
        if not ended.cancelled() and (error := ended.exception()) is not None:
            broke(error)

    task.add_done_callback(look)
    return task


class Calls:
    """What may leave now, and the calls by which it does. Make it inside the event loop that uses it."""

    def __init__(
        self,
        sender: str,
        channel: Channel,
        *,
        answered: Callable[[Result], None],
        came_back: Callable[[Held], None],
        is_free: Callable[[], None],
        broke: Callable[[BaseException], None],
    ) -> None:
        """`came_back` is given what has not left, `is_free` called after each call, `broke` if one makes no more."""
        self._sender = sender
        self._channel = channel
        self._answered, self._came_back, self._is_free, self._broke = answered, came_back, is_free, broke
        self._ready: asyncio.Queue[Held | None] = asyncio.Queue()
        self._posters: set[asyncio.Task[None]] = set()
        self._leaving = 0  # posters that are told to end, and haven't yet
        self._is_over = False
        self.most = self.busy = self.made = 0

    @property
    def free(self) -> int:
        """How many more could be made now."""
        return max(self.most - self.busy - self.waiting, 0)

    @property
    def waiting(self) -> int:
        """How many claims wait for a call."""
        return self._ready.qsize() - self._leaving

    def allow(self, most: int) -> None:
        """Have so many made at once; where they were more, those under way end first. None are made when it is over."""
        most = 0 if self._is_over else most
        for _ in range(most - self.most):
            poster = watched(self._post_all(), self._broke)
            self._posters.add(poster)
            poster.add_done_callback(self._posters.discard)
        for _ in range(self.most - most):
            self._leaving += 1
            self._ready.put_nowait(None)
        self.most = most

    def add(self, held: Held) -> None:
        """Have a claim leave by the next call that is free."""
        self._ready.put_nowait(held)

    def take_back(self, *, is_all: bool = False) -> list[Held]:
        """Return what waits for a call and must be given back, or all that waits."""
        waiting = [self._ready.get_nowait() for _ in range(self._ready.qsize())]
        back = [held for held in waiting if held is not None and (is_all or held.is_too_old)]
        for held in waiting:
            if held is None or not (is_all or held.is_too_old):
                self._ready.put_nowait(held)
        return back

    async def finish(self, end: End) -> None:
        """Wait for the calls that are under way; at the end, they are cut off."""
        self._is_over = True
        self.allow(0)
        posters = asyncio.gather(*self._posters, return_exceptions=True)
        if not await end.outlasts(posters):
            posters.cancel()
            await asyncio.wait({posters}, timeout=_CUT_OFF_WITHIN_S)

    async def _post_all(self) -> None:
        while (held := self._ready.get_nowait() if self._ready.qsize() else await self._ready.get()) is not None:
            if held.is_too_old:
                self._came_back(held)
                continue
            self.busy += 1
            try:
                has_gone = await self._post(held)
            finally:
                self.busy -= 1
            self.made += has_gone
            if not has_gone:
                self._came_back(held)
            self._is_free()
        self._leaving -= 1

    async def _post(self, held: Held) -> bool:
        """Post it, and have what came of it recorded; tell whether it was done with, rather than too late."""
        claim = held.claim
        outgoing = Outgoing(
            claim.id,
            claim.attempt,
            self._sender,
            claim.address,
            claim.body,
            claim.segments,
            _validity_s(claim, utc_now()),
            held.leave_at,
            held.leave_by,
            claim.claimed_at and claim.claimed_at + timedelta(seconds=_STALE_S),
        )
        outcome: Outcome | None = Unknown(CUT_OFF)
        try:
            outcome = await self._channel.send(outgoing)
        except TooLate:
            outcome = None
        except Unsendable as why:
            log.error("send.impossible", delivery_id=claim.id)
            outcome = Refused(failures.UNSENDABLE, str(why), _OUR_OWN_REFUSAL)
        except (Exception, asyncio.CancelledError) as error:  # an edge: one message must not stop the sender
            if _is_being_cancelled():
                raise
            log.error("send.failed", delivery_id=claim.id, error=type(error).__name__)
            outcome = Unknown(STUMBLED)
        finally:
            if outcome is not None:
                self._answered(Result(claim, outcome, utc_now()))
        return outcome is not None


def _is_being_cancelled() -> bool:
    """Tell whether it is we who end; a call within may also be cancelled by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _is_older(claim: Claimed, seconds: float) -> bool:
    return claim.claimed_at is not None and abs((utc_now() - claim.claimed_at).total_seconds()) > seconds


def _validity_s(claim: Claimed, now: datetime) -> int | None:
    """Return how long the provider may keep it in its own queue: not into the recipient's quiet hours."""
    if claim.closes_at is None:
        return None
    left_s = int((claim.closes_at - now).total_seconds())
    return max(left_s, 1) if left_s < LONGEST_VALIDITY_S else None
