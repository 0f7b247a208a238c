"""What can be made to go wrong on demand, and Slack's standing rate limits for whoever wants them."""

from collections import deque
from dataclasses import dataclass, field

from sandbox.slack.wire import Clock, Json, Refused

# Calls per minute by method; what isn't here has the tier 3 limit. Source: https://docs.slack.dev/apis/web-api/rate-limits
PER_MINUTE = {"chat.postMessage": 60, "views.open": 100, "views.update": 100, "views.publish": 100, "users.list": 20}
TIER_3 = 50
BURST_SECONDS = 60.0


class RateLimited(Exception):
    """Too many calls; Slack answers 429 with Retry-After."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


@dataclass
class Faults:
    """The faults that are switched on now."""

    clock: Clock
    rate_limit: dict[str, int] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    slow_ms: int = 0
    retry_events: int = 0
    standing_limits: bool = False
    _calls: dict[str, deque[float]] = field(default_factory=dict)

    def switch(self, wanted: Json) -> None:
        """Switch on what is named; 0, {} or false switch off.

        `rate_limit`: {method: how many of the next calls get 429}; `errors`: {method: the error of its next call};
        `slow_ms`: delay of every answer; `retry_events`: how often the next event comes again; `standing_limits`.
        """
        for name in ("rate_limit", "errors", "slow_ms", "retry_events", "standing_limits"):
            if name in wanted:
                setattr(self, name, wanted[name])

    def strike(self, method: str, arguments: Json) -> None:
        """Fail a call if it is to fail.

        Raises:
            RateLimited: by demand, or by the standing limits.
            Refused: by demand.
        """
        if self.rate_limit.get(method, 0) > 0:
            self.rate_limit[method] -= 1
            raise RateLimited(1)
        error = self.errors.pop(method, None)
        if error:
            raise Refused(error)
        if self.standing_limits:
            self._count(method, str(arguments.get("channel", "")) if method == "chat.postMessage" else "")

    def take_retries(self) -> int:
        """Return how often the next event is to come again, once."""
        retries, self.retry_events = self.retry_events, 0
        return retries

    def _count(self, method: str, channel: str) -> None:
        now = self.clock()
        calls = self._calls.setdefault(f"{method} {channel}", deque())
        while calls and calls[0] <= now - BURST_SECONDS:
            calls.popleft()
        if len(calls) >= PER_MINUTE.get(method, TIER_3):
            raise RateLimited(max(1, round(calls[0] + BURST_SECONDS - now)))
        calls.append(now)
