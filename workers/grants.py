"""What is claimed waits here for its moment of the sender's pace."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Protocol

import structlog

from core.limits import FURTHEST_S, Reservation
from workers.calls import MOST_HELD_S, Held
from workers.transactions import soon

log = structlog.get_logger()

_TRY_AGAIN_S = 0.5
_SOONEST_AGAIN_S = 0.01
# So long before a moment is free, it is asked for.
_ASKED_AHEAD_S = 0.3
# A moment missed by more is lost. Of a slow sender's, which are far apart, one may be missed by more than of others'.
_LATE_S, _MOST_LATE_S = 0.015, 0.3
_LATE_SEGMENTS = 0.5


class Pacing(Protocol):
    """What tells how long to wait; see `core.limits.Pace`."""

    async def reserve(self, sender: str, segments: Sequence[int], *, most_wait_s: float = ...) -> Reservation: ...


class Grants:
    """Claims that wait for a moment. One is reserved only when a call is free to use it."""

    def __init__(
        self,
        sender: str,
        pace: Pacing,
        *,
        per_s: float,
        free_calls: Callable[[], int],
        granted: Callable[[Held], None],
        missed: Callable[[Held], None],
        changed: Callable[[], None],
    ) -> None:
        """`granted` is given what may leave, `missed` what must be given back; `changed` is called when others fit."""
        self._sender = sender
        self._pace = pace
        self._free_calls, self._granted, self._missed, self._changed = free_calls, granted, missed, changed
        self._late_s = min(max(_LATE_S, _LATE_SEGMENTS / per_s), _MOST_LATE_S)
        self._waiting: deque[Held] = deque()
        self._stirred = asyncio.Event()
        self._asked_for = 0
        self._is_over = False
        self._free_at = 0.0

    @property
    def waiting(self) -> int:
        """How many claims wait, those included for which it is being asked."""
        return len(self._waiting) + self._asked_for

    @property
    def free_in(self) -> float:
        """In how many seconds the next moment is free, as far as we know; below 0 when it is."""
        return self._free_at - monotonic()

    def add(self, claims: Iterable[Held]) -> None:
        """Have these wait for a moment, after those that do."""
        self._waiting.extend(claims)
        self.stir()

    def add_again(self, held: Held) -> None:
        """Have one that missed its moment wait for another, before all that do."""
        self._put_back([held])
        self.stir()

    def stir(self) -> None:
        """Look again: a call may be free."""
        self._stirred.set()

    def close(self) -> list[Held]:
        """Grant no more; returns what waits."""
        self._is_over = True
        self.stir()
        left = list(self._waiting)
        self._waiting.clear()
        return left

    async def run(self) -> None:
        """Have what waits take its moments, until closed."""
        while not self._is_over:
            self._stirred.clear()
            self._give_back(self._too_old)
            again_s = await self._grant() if self._waiting and self._free_calls() > 0 else None
            if self._waiting:
                left_s = self._waiting[0].since + MOST_HELD_S - monotonic()
                again_s = max(min(left_s, left_s if again_s is None else again_s), _SOONEST_AGAIN_S)
            if not self._is_over:
                await soon(self._stirred, again_s)

    @staticmethod
    def _too_old(held: Held) -> bool:
        return held.is_too_old

    def _comes_too_late(self, held: Held) -> bool:
        return held.since + MOST_HELD_S - 2 * self._late_s < self._free_at

    def _give_back(self, must_go: Callable[[Held], bool]) -> None:
        while self._waiting and must_go(self._waiting[0]):
            self._missed(self._waiting.popleft())

    async def _grant(self) -> float | None:
        """Reserve moments for the first ones that wait; returns in how many seconds to try again for the others."""
        batch = [self._waiting.popleft() for _ in range(min(self._free_calls(), len(self._waiting)))]
        self._asked_for = len(batch)
        try:
            waits, free_in = await self._ask(batch)
        except BaseException as error:
            self._put_back(batch)
            if not isinstance(error, Exception):
                raise
            log.warning("pace.unavailable", error=type(error).__name__)
            await asyncio.sleep(_TRY_AGAIN_S)
            return 0.0
        finally:
            self._asked_for = 0
        start = monotonic()
        self._free_at = start + free_in
        if self._is_over:
            waits = []  # nobody posts them any more
        for held, wait in zip(batch, waits, strict=False):
            self._granted(held._replace(leave_at=start + wait, late_s=self._late_s))
        self._put_back(batch[len(waits) :])
        self._changed()
        if len(waits) == len(batch):
            return None
        self._give_back(self._comes_too_late)
        return free_in - _ASKED_AHEAD_S

    async def _ask(self, batch: Sequence[Held]) -> Reservation:
        left_s = batch[0].since + MOST_HELD_S - self._late_s - monotonic()
        most_wait_s = max(min(left_s, FURTHEST_S), 0.0)
        segments = [held.claim.segments for held in batch]
        async with asyncio.timeout(MOST_HELD_S):  # by then they are too old for any moment
            return await self._pace.reserve(self._sender, segments, most_wait_s=most_wait_s)

    def _put_back(self, batch: Sequence[Held]) -> None:
        if self._is_over:
            for held in batch:
                self._missed(held)
        else:
            self._waiting.extendleft(reversed(batch))
