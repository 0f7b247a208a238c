"""Whose turn it is: lanes that share a sender get equally many segments, and who needs less leaves the rest."""

import math
from collections.abc import Sequence
from typing import Generic, TypeVar

Lane = TypeVar("Lane")
_SMOOTHING = 0.5


class Turns(Generic[Lane]):
    """How many segments each lane has had, as if all had begun together; so it is segments that are shared, not texts.

    What a lane had no use for isn't kept for it: once it has something again, it shares from then on.
    """

    def __init__(self) -> None:
        self._had: dict[Lane, int] = {}
        self._size: dict[Lane, float] = {}

    def order(self, lanes: Sequence[Lane]) -> list[Lane]:
        """Return the lanes that there are now, who has had least first; a new one has had as much as that one."""
        known = [self._had[lane] for lane in lanes if lane in self._had]
        least = min(known, default=0)
        self._had = {lane: self._had.get(lane, least) for lane in lanes}
        self._size = {lane: self._size.get(lane, 1.0) for lane in lanes}
        return sorted(lanes, key=self._had.__getitem__)

    def share(self, lanes: Sequence[Lane], count: int) -> int:
        """Return how many of `count` texts are the first lane's, so that all will have had equally much.

        `lanes`: in the order given above.
        """
        level = self._level(lanes, count)
        mine = lanes[0]
        # A fraction too many is taken off its next turn.
        return min(math.ceil((level - self._had[mine]) / self._size[mine]), count)

    def took(self, lane: Lane, segments: Sequence[int], *, is_dry: bool) -> None:
        """Count what a lane has had. `is_dry`: it had no more to take."""
        if segments:
            average = sum(segments) / len(segments)
            self._size[lane] += _SMOOTHING * (average - self._size[lane])
        self._had[lane] += sum(segments)
        if is_dry:
            del self._had[lane]

    def gave_back(self, lane: Lane, segments: int) -> None:
        """Count no more what a lane gave back."""
        if lane in self._had:
            self._had[lane] -= segments

    def _level(self, lanes: Sequence[Lane], count: int) -> float:
        """Return how much each will have had once `count` more texts were shared out, as from a tap into glasses."""
        level, texts, per_segment = 0.0, float(count), 0.0
        for lane in lanes:
            fits = (self._had[lane] - level) * per_segment
            if fits >= texts and per_segment:
                break
            texts -= fits
            level = self._had[lane]
            per_segment += 1 / self._size[lane]
        return level + texts / per_segment
