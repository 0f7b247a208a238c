"""What an address's history says about reaching it: read as a whole, so that what was undone since counts no more."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from core.domain import failures, keywords
from core.domain.failures import Failure

Cause = Literal["opt_out", "hard"]


class Entry(NamedTuple):
    """One thing that happened: a message delivered or failed with `code`, or a text with `body` that came."""

    address: str
    at: datetime
    kind: Literal["delivered", "failed", "text"]
    code: int = 0
    body: str = ""
    sid: str = ""
    delivery_id: int | None = None
    inbound_id: int | None = None


class Verdict(NamedTuple):
    """Why an address must not be messaged, and the entry that says so; `strikes`: how many failures it took."""

    cause: Cause
    entry: Entry
    strikes: int = 0


def judge(history: Sequence[Entry], *, lifted_at: datetime | None = None) -> Verdict | None:
    """Say what a history of one address comes to. `lifted_at`: when somebody last let it be messaged again.

    What its owner wrote counts until they wrote START, or staff have lifted it; what a provider said also ends with the
    next message that was delivered.
    """
    back = max((entry.at for entry in history if _reads(entry) == "opt_in"), default=None)
    since = max(filter(None, (lifted_at, back)), default=None)
    valid = [entry for entry in history if since is None or entry.at > since]
    stops = [entry for entry in valid if _reads(entry) == "opt_out"]
    if stops:
        return Verdict("opt_out", max(stops, key=_at))
    delivered = max((entry.at for entry in valid if entry.kind == "delivered"), default=None)
    return _of_failures([e for e in valid if e.kind == "failed" and (delivered is None or e.at > delivered)])


def _of_failures(failed: Iterable[Entry]) -> Verdict | None:
    by_code: dict[int, list[Entry]] = {}
    for entry in failed:
        by_code.setdefault(entry.code, []).append(entry)
    found = [
        Verdict(failure.suppress, max(entries, key=_at), len(entries))
        for code, entries in by_code.items()
        if (failure := failures.classify(code, at_create=False)).suppress and _is_enough(failure, entries)
    ]
    return min(found, key=lambda verdict: verdict.cause != "opt_out", default=None)


def _is_enough(failure: Failure, entries: Sequence[Entry]) -> bool:
    days = {entry.at.date() for entry in entries}
    return len(entries) >= failure.strikes and len(days) >= failure.strike_days


def _reads(entry: Entry) -> str:
    if entry.kind != "text":
        return ""
    reading = keywords.read(entry.body)
    # Who left one topic still wants the rest; which audiences there were then can't be told any more.
    return reading.kind if reading.certainty == "certain" and reading.topic is None else ""


def _at(entry: Entry) -> datetime:
    return entry.at
