"""How the stand-in behaves: latencies, disorder and losses, changed while it runs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sandbox.twilio.numbers import is_number

_SIGNATURES = ("HMAC_SHA1", "HMAC_SHA256")
_MILLISECONDS = (0, 600_000)
_LIMITS: dict[str, tuple[float, float]] = {
    "latency_ms": _MILLISECONDS,
    "callback_latency_ms": _MILLISECONDS,
    "callback_concurrency": (1, 1_000),
    "max_concurrent_requests": (0, 100_000),
}
_PROBABILITY = (0.0, 1.0)


class BadBehaviour(ValueError):
    """A knob doesn't exist or can't take that value; the sentence says which."""


@dataclass(frozen=True)
class Behaviour:
    """Every knob with its default.

    `callback_latency_ms` lies between acceptance and `sent`, and again before the final status; with `shuffle` each
    callback comes at a random moment of three times that. `duplicate` and `lose` are probabilities per callback,
    `break_before` and `break_after` per request (a 500 without, or after, accepting), `cut_before` and `cut_after`
    likewise (the connection is cut instead), `silent` per request (accepted, and never answered), `undelivered` per
    text (30003).
    """

    latency_ms: float = 0.0
    callbacks: bool = True
    callback_latency_ms: float = 50.0
    callback_concurrency: int = 32
    shuffle: bool = False
    duplicate: float = 0.0
    lose: float = 0.0
    break_before: float = 0.0
    break_after: float = 0.0
    cut_before: float = 0.0
    cut_after: float = 0.0
    silent: float = 0.0
    undelivered: float = 0.0
    max_concurrent_requests: int = 0  # 0: no limit; more are answered 429
    signature: str = _SIGNATURES[0]
    opt_out_list: bool = True  # off: the stand-in no longer refuses with 21610, so that the product's own list is tried
    advanced_opt_out: bool = False
    webhook_fragment: str = "rc=5&rp=all&rt=2500"  # behind the inbound address, as the product's set-up guide asks
    senders: tuple[str, ...] = ()  # numbers of the account besides TWILIO_FROM_NUMBER

    def changed(self, knobs: Mapping[str, Any]) -> "Behaviour":
        """Return it with some knobs turned.

        Raises:
            BadBehaviour: a knob is unknown or its value impossible.
        """
        return replace(self, **{name: _checked(name, value) for name, value in knobs.items()})

    def as_json(self) -> dict[str, Any]:
        """Return every knob with its value."""
        return asdict(self)


_TYPES = {field.name: field.type for field in fields(Behaviour)}


def _checked(name: str, value: Any) -> Any:
    if name not in _TYPES:
        raise BadBehaviour(f"There is no knob called {name[:40]!r}: use one of {', '.join(_TYPES)}.")
    if _TYPES[name] is bool:
        return _required(value, f"{name} must be true or false.", when=isinstance(value, bool))
    if _TYPES[name] in (int, float):
        return _number(name, value)
    if name == "senders":
        return _senders(value)
    if name == "signature":
        return _required(value, f"signature must be one of {', '.join(_SIGNATURES)}.", when=value in _SIGNATURES)
    return _required(value, f"{name} must be text.", when=isinstance(value, str))


def _number(name: str, value: Any) -> float:
    low, high = _LIMITS.get(name, _PROBABILITY)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    number: float = _required(value, f"{name} must be a number from {low:g} to {high:g}.", when=is_number)
    return int(number) if _TYPES[name] is int else float(number)


def _senders(value: Any) -> tuple[str, ...]:
    are_numbers = isinstance(value, list | tuple) and all(is_number(one) for one in value)
    return tuple(_required(value, "senders must be a list of numbers such as +12125550101.", when=are_numbers))


def _required(value: Any, sentence: str, *, when: bool) -> Any:
    if not when:
        raise BadBehaviour(sentence)
    return value
