"""When the stand-in itself was held up, as by other work on its machine: what came meanwhile, it sees at once."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from time import time

_EVERY_S = 0.01
_LATE_S = 0.002
# What came while it was held up is served afterwards, which takes the longer, the more that was.
_SERVED_WITHIN_S, _SERVED_WITHIN_SHARE = 0.005, 0.25
_LOOKED_BACK = 20  # beats


class Pulse:
    """Beats evenly, unless it is held up."""

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._begins: list[float] = []
        self._ends: list[float] = []

    async def run(self) -> None:
        """Beat, until cancelled."""
        last = self._clock()
        while True:
            await asyncio.sleep(_EVERY_S)
            last, begun = self._clock(), last
            self.beat(begun, last)

    def beat(self, begun: float, ended: float) -> None:
        """Take a beat into account that lasted from `begun` to `ended`, epoch seconds."""
        if ended - begun > _EVERY_S + _LATE_S:
            # What it was still to serve from the last time waits on.
            waits_on = self._ends and begun <= self._ends[-1]
            began = self._begins[-1] if waits_on else begun
            # In this order: a thread that measures finds an end for every beginning.
            self._ends.append(ended + _SERVED_WITHIN_S + _SERVED_WITHIN_SHARE * (ended - begun))
            self._begins.append(began)

    def came_since(self, at: float) -> float:
        """Return since when something may have waited that was seen at `at`; `at` itself if nothing was held up."""
        before = bisect_left(self._begins, at)
        lately = range(max(before - _LOOKED_BACK, 0), before)
        return min((self._begins[index] for index in lately if self._ends[index] >= at), default=at)
