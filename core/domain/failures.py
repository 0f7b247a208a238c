"""What a provider's error code means for the member, for the message and for the blast, and what a person should do."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from core.domain import tables

Class = Literal["opt_out", "hard", "soft", "content", "sender"]
Retry = Literal["now", "later", "never"]
Suppress = Literal["opt_out", "hard"]

# Carriers that filter a text refuse many copies of it, and seldom all: so many of the latest receipts are too many.
CONTENT_WINDOW = 200
_FILTERED_AT_LEAST = 10
_FILTERED_SHARE = 0.02
# What a provider answers that blocks an address by itself, since STOP was texted to it.
BLOCKED_AT_PROVIDER = 21610
# Our own code, for a text that never reached the provider; theirs are above 0.
UNSENDABLE = -1
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Failure:
    """A code, read.

    `cls`: whose matter it is: the member's will (opt_out), their number (hard), chance (soft), our words (content) or
    our set-up (sender). `retry`: whether the message may be sent again by itself; `later` in the class `sender` means
    once the set-up is mended. `suppress`: how the address is suppressed after `strikes` such failures on at least
    `strike_days` days with nothing delivered in between; None never. `stops_blast`: every other copy would fail too.
    """

    code: int
    title: str
    cls: Class
    retry: Retry
    suppress: Suppress | None
    strikes: int
    strike_days: int
    stops_blast: bool
    advice: str
    reason: str = ""
    surface: str = ""

    @property
    def source(self) -> str | None:
        """The provider's own page on this code."""
        return f"https://www.twilio.com/docs/api/errors/{self.code}" if self.code in _TABLE else None


def classify(code: int, *, at_create: bool, http_status: int | None = None) -> Failure:
    """Say what follows from a code (0: none was given), told in the answer to our call or later by a receipt.

    What we don't know is read with care: refused at create, our set-up may be wrong and the blast waits for a person;
    told later, it is chance and costs nobody their place.
    """
    if code == UNSENDABLE:
        return _UNSENDABLE
    known = _TABLE.get(code)
    if at_create:
        return _at_create(known, code, http_status)
    if known is None:
        return _CHANCE if code == 0 else replace(_CHANCE, code=code, title=f"Unknown code {code}")
    # What was taken and failed later isn't tried again by itself, but for chance: somebody has to mend something first.
    return known if known.cls == "soft" else replace(known, retry="never")


def describe(code: int) -> dict[str, Any]:
    """Give all that is known of a code, as `blast code` prints it."""
    failure = _TABLE.get(code) or classify(code, at_create=False)
    return {
        "code": code,
        "title": failure.title,
        "class": failure.cls,
        "retry": failure.retry,
        "suppress": failure.suppress,
        "strikes": failure.strikes,
        "strike_days": failure.strike_days,
        "stops_blast": failure.stops_blast,
        "advice": failure.advice,
        "reason": failure.reason,
        "surface": failure.surface,
        "source": failure.source,
        "known": code in _TABLE,
    }


def all_codes() -> tuple[int, ...]:
    """Give every code that we know, in order."""
    return tuple(sorted(_TABLE))


def too_many_filtered(filtered: int, *, of: int) -> bool:
    """Tell whether a blast pauses after so many content failures in its last `of` receipts, CONTENT_WINDOW at most."""
    return filtered >= _FILTERED_AT_LEAST and filtered >= of * _FILTERED_SHARE


def _at_create(known: Failure | None, code: int, http_status: int | None) -> Failure:
    if http_status == _TOO_MANY_REQUESTS:
        return replace(known or _BUSY, code=code, retry="now")
    if known:
        return known
    if http_status is None and code == 0:
        return _NO_CONNECTION
    if http_status is not None and http_status >= _SERVER_ERROR:
        return replace(_PROVIDER_ERROR, code=code)
    return replace(_UNKNOWN_REFUSAL, code=code, title=f"Unknown refusal {code}" if code else _UNKNOWN_REFUSAL.title)


def _blameless(title: str, retry: Retry, advice: str, *, reason: str) -> Failure:
    return Failure(0, title, "soft", retry, None, 0, 0, stops_blast=False, advice=advice, reason=reason)


_CHANCE = _blameless(
    "No code was given",
    "never",
    "The provider gave no reason that we know. It may have arrived: don't send it again unasked.",
    reason="A receipt with a code that isn't in our table.",
)
_NO_CONNECTION = _blameless(
    "No connection",
    "now",
    "The provider could not be reached, and nothing was sent. It is tried again by itself.",
    reason="The connection failed before anything was sent.",
)
_BUSY = _blameless(
    "Too many requests",
    "now",
    "We were sending faster than the account allows. It is tried again by itself; lower SENDER_RATE if this goes on.",
    reason="HTTP 429: the request was not processed.",
)
_PROVIDER_ERROR = _blameless(
    "The provider had an error",
    "never",
    "The message may have left all the same. It is looked up before anything is sent again.",
    reason="HTTP 5xx: whether the message was made can't be known from the answer.",
)
_UNSENDABLE = replace(
    _blameless(
        "The text can't be sent",
        "never",
        "It holds something that no provider takes, such as half of a character. Mend their values, or the words.",
        reason="The text could not be written as the provider wants it, so nothing was sent.",
    ),
    code=UNSENDABLE,
)
_UNKNOWN_REFUSAL = replace(
    _blameless(
        "Unknown refusal",
        "later",
        "The provider refused it for a reason that we don't know. Ask an admin to look the code up, then resume.",
        reason="A refusal with a code that isn't in our table.",
    ),
    cls="sender",
    stops_blast=True,
)


def _read(groups: list[dict[str, Any]]) -> dict[int, Failure]:
    read: dict[int, Failure] = {}
    for group in groups:
        shared = {key: value for key, value in group.items() if key not in ("class", "codes")}
        for code, title in group["codes"].items():
            read[int(code)] = Failure(code=int(code), title=title, cls=group["class"], **shared)
    return read


_TABLE = _read(tables.load("failures"))
