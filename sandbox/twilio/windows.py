"""How fast each sender went: the most segments accepted in any stretch of time."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Window:
    """The busiest stretch of one sender; times are epoch seconds."""

    max_segments: int = 0
    at: float = 0.0
    segments: int = 0
    messages: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    _recent: deque[tuple[float, int]] = field(default_factory=deque, repr=False)
    _in_window: int = 0

    def add(self, at: float, segments: int, *, seconds: float) -> None:
        """Take the next text into account."""
        self.first_at = self.first_at or at
        self.last_at = at
        self.segments += segments
        self.messages += 1
        self._recent.append((at, segments))
        self._in_window += segments
        while self._recent[0][0] <= at - seconds:
            self._in_window -= self._recent.popleft()[1]
        if self._in_window > self.max_segments:
            self.max_segments, self.at = self._in_window, self._recent[0][0]

    def as_json(self) -> dict[str, float]:
        """Return the figures that tests look at."""
        return {
            "max_segments": self.max_segments,
            "at": self.at,
            "segments": self.segments,
            "messages": self.messages,
            "first_at": self.first_at,
            "last_at": self.last_at,
        }


def busiest(texts: Iterable[tuple[str, float, int]], *, seconds: float = 1.0) -> dict[str, Window]:
    """Return per sender the most segments in any half-open window of `seconds`.

    `texts` are (sender, epoch seconds, segments) in the order of their times.
    """
    windows: dict[str, Window] = {}
    for sender, at, segments in texts:
        windows.setdefault(sender, Window()).add(at, segments, seconds=seconds)
    return windows
