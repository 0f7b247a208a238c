"""What the fragment of a webhook's address asks for: time-outs and retries."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

_RANGES = {"ct": (100, 10_000), "rt": (100, 15_000), "tt": (100, 15_000), "rc": (0, 5)}
_POLICIES = frozenset({"4xx", "5xx", "ct", "rt", "all"})


@dataclass(frozen=True, slots=True)
class Overrides:
    """Twilio's connection overrides with its defaults: times in ms, retries, and what is retried.

    Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
    """

    connect_ms: int = 5_000
    read_ms: int = 15_000
    total_ms: int = 15_000
    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})

    def retries_on(self, failure: str) -> bool:
        """Say whether a failure (`ct`, `rt`, `4xx` or `5xx`) is tried again."""
        return failure in self.policy or "all" in self.policy


DEFAULT = Overrides()


def read(fragment: str) -> Overrides:
    """Return what a fragment asks for; what can't be read keeps its default."""
    if not fragment:
        return DEFAULT
    asked = dict(parse_qsl(fragment))
    policy = frozenset(asked.get("rp", "ct").split(",")) & _POLICIES
    return Overrides(
        connect_ms=_within("ct", asked, DEFAULT.connect_ms),
        read_ms=_within("rt", asked, DEFAULT.read_ms),
        total_ms=_within("tt", asked, DEFAULT.total_ms),
        retries=_within("rc", asked, DEFAULT.retries),
        policy=policy or DEFAULT.policy,
    )


def _within(name: str, asked: dict[str, str], default: int) -> int:
    low, high = _RANGES[name]
    text = asked.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 and low <= int(text) <= high else default
