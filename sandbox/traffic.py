"""What went over the wire lately, and the feed that tells open pages of everything that happens."""

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, replace
from typing import Literal

TEXT_LIMIT = 4_000  # characters of a request or response that are kept
KEPT_EXCHANGES = 500
KEPT_EVENTS = 5_000  # half a second of the wildest flood
PUBLISHED_PER_SECOND = 20  # exchanges; a flood of 3,000 texts a second must not drown the page
HIDDEN = "•••"

_CREDENTIALS = re.compile(
    r"(?i)(?<=basic )[\w+/=-]{8,}|(?<=bearer )[\w.-]+|xox[a-z]-[\w-]+|xapp-[\w-]+"
    r"|sandbox-signing-secret|sandbox-auth-token|(?<=\btoken=)[^&\s\"]+"
)

Event = tuple[str, dict[str, object]]


@dataclass(frozen=True)
class Exchange:
    """One request and its response, as text; `at` is in epoch seconds, `status` 0 when nobody answered."""

    at: float
    direction: Literal["in", "out"]
    peer: Literal["slack", "twilio", "vonage", "smtp"]
    method: str
    url: str
    request: str
    status: int
    response: str

    def cut(self) -> "Exchange":
        """Return it with texts of at most 4,000 characters."""
        if len(self.request) <= TEXT_LIMIT and len(self.response) <= TEXT_LIMIT:
            return self
        return replace(self, request=self.request[:TEXT_LIMIT], response=self.response[:TEXT_LIMIT])

    def without_credentials(self) -> "Exchange":
        """Return it with tokens, secrets and authorization headers blotted out."""
        return replace(
            self,
            url=_CREDENTIALS.sub(HIDDEN, self.url),
            request=_CREDENTIALS.sub(HIDDEN, self.request),
            response=_CREDENTIALS.sub(HIDDEN, self.response),
        )


class Feed:
    """In-process publish and subscribe over one ring of numbered events.

    Subscribers hold a cursor, not a queue: any number of slow ones cost no memory, and one that comes back
    goes on where it was. Who falls behind by more than the ring holds misses the oldest.
    """

    def __init__(self, kept: int = KEPT_EVENTS) -> None:
        self._ring: list[Event] = [("", {})] * kept
        self._waiting: set[asyncio.Event] = set()
        self.last = 0  # number of the newest event; the first is 1

    def publish(self, kind: str, payload: dict[str, object]) -> None:
        """Tell all subscribers; never blocks."""
        self.last += 1
        self._ring[self.last % len(self._ring)] = (kind, payload)
        for waiter in self._waiting:
            waiter.set()

    def oldest(self) -> int:
        """Return the number of the oldest event still kept."""
        return max(1, self.last - len(self._ring) + 1)

    def since(self, seen: int, *, at_most: int) -> list[tuple[int, Event]]:
        """Return the kept events after number `seen`, oldest first."""
        first = max(seen + 1, self.oldest())
        return [(n, self._ring[n % len(self._ring)]) for n in range(first, min(self.last, first + at_most - 1) + 1)]

    async def wait_for_more(self, seen: int) -> None:
        """Return as soon as there is an event after number `seen`."""
        while self.last <= seen:
            waiter = asyncio.Event()
            self._waiting.add(waiter)
            try:
                await waiter.wait()
            finally:
                self._waiting.discard(waiter)

    async def subscribe(self) -> AsyncIterator[Event]:
        """Yield every event from now on."""
        seen = self.last
        while True:
            await self.wait_for_more(seen)
            for number, event in self.since(seen, at_most=100):
                seen = number
                yield event


class Traffic:
    """The last 500 exchanges; tells the feed of at most 20 a second, and how many it left out."""

    def __init__(self, feed: Feed, kept: int = KEPT_EXCHANGES) -> None:
        self._feed = feed
        self._kept: deque[tuple[int, Exchange]] = deque(maxlen=kept)
        self._added = 0
        self._left_out = 0
        self._allowance = float(PUBLISHED_PER_SECOND)
        self._refilled = time.monotonic()

    def add(self, exchange: Exchange) -> None:
        """Keep an exchange and, unless there are too many, show it to open pages."""
        self._added += 1
        self._kept.append((self._added, exchange.cut()))
        if not self._may_publish():
            self._left_out += 1
            return
        self._feed.publish("traffic", self._shown(self._added, exchange.cut()) | {"left_out": self._left_out})
        self._left_out = 0

    def latest(self) -> list[Exchange]:
        """Return what is kept, oldest first, without credentials."""
        return [exchange.without_credentials() for _, exchange in self._kept]

    def rows(self) -> list[dict[str, object]]:
        """Return what is kept as the page reads it, oldest first."""
        return [self._shown(number, exchange) for number, exchange in self._kept]

    def _shown(self, number: int, exchange: Exchange) -> dict[str, object]:
        return {"number": number, **asdict(exchange.without_credentials())}

    def _may_publish(self) -> bool:
        now = time.monotonic()
        self._allowance = min(PUBLISHED_PER_SECOND, self._allowance + (now - self._refilled) * PUBLISHED_PER_SECOND)
        self._refilled = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True
