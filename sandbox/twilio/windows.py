"""How fast each sender went: the most segments accepted in any stretch of time."""

from collections import deque
from collections.abc import Callable, Iterable
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

    def add(self, at: float, segments: int, *, since: float, seconds: float) -> None:
        """Take the next text into account, seen at `at`, which has come no earlier than `since`."""
        self.first_at = self.first_at or at
        self.last_at = at
        self.segments += segments
        self.messages += 1
        self._recent.append((since, segments))
        self._in_window += segments
        while self._recent and self._recent[0][0] <= at - seconds:
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


def busiest(
    texts: Iterable[tuple[str, float, int]], *, came_since: Callable[[float], float], seconds: float = 1.0
) -> dict[str, Window]:
    """Return per sender the most segments that certainly came within some half-open window of `seconds`.

    `texts` are (sender, epoch seconds, segments) in the order of their times; `came_since` tells when what was seen at
    a time may have come at the earliest.
    """
    windows: dict[str, Window] = {}
    for sender, at, segments in texts:
        windows.setdefault(sender, Window()).add(at, segments, since=came_since(at), seconds=seconds)
    return windows
