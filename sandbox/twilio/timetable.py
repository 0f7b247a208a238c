"""What is to happen to accepted texts, by the moment when it is due."""

import asyncio
import time
from contextlib import suppress
from heapq import heappop, heappush
from typing import NamedTuple


class Step(NamedTuple):
    """A status that a text is to reach and be reported at; a repeat is only reported."""

    order: int
    status: str
    error_code: int = 0
    is_repeat: bool = False


class Timetable:
    """A heap of steps: a million waiting ones need no timers."""

    def __init__(self) -> None:
        self._steps: list[tuple[float, int, Step]] = []
        self._added = 0
        self._is_earlier = asyncio.Event()

    def add(self, step: Step, *, after_s: float) -> None:
        """Plan a step; steps due at the same moment keep their order."""
        self._added += 1
        entry = (time.monotonic() + after_s, self._added, step)
        heappush(self._steps, entry)
        if self._steps[0] is entry:
            self._is_earlier.set()

    async def next(self) -> Step:
        """Wait for the next step that is due, and take it."""
        while not self._steps or self._steps[0][0] > time.monotonic():
            await self._wait()
        return heappop(self._steps)[2]

    async def _wait(self) -> None:
        self._is_earlier.clear()
        delay = self._steps[0][0] - time.monotonic() if self._steps else None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_earlier.wait(), delay)
