"""Reading a time as people write it: ISO first, then words, and never a guess where the clock time is missing."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.errors import Invalid

# Without one of these dateparser makes a time up: it reads "tonight at 8" as now and "1" as a day.
_CLOCK = re.compile(
    r"\b(?:[01]?\d|2[0-3])[:.h][0-5]\d(?:\s*[ap]\.?m)?\b|\b(?:1[0-2]|0?[1-9])\s*[ap]\.?m\b|\b(?:noon|midnight)\b",
    re.IGNORECASE,
)
_NAMED = {"noon": "12:00", "midnight": "00:00"}
_UNREAD = "I can't read the time “{}”. Write it like `tomorrow 18:00`, `Friday 6pm` or `2026-12-24 18:00`."


def parse(words: str, *, tz: str, now: datetime) -> datetime:
    """Read a future time in somebody's own zone (an IANA name); an offset of its own wins.

    Raises:
        Invalid: it has no clock time, can't be read, doesn't exist on that day, or is past.
    """
    zone = _zone(tz)
    at = _iso(words.strip(), zone) or _spoken(words.strip(), zone, now)
    if at is None:
        raise Invalid(_UNREAD.format(words.strip()[:60]), field="send_at")
    if at.astimezone(UTC).astimezone(at.tzinfo).replace(fold=0) != at.replace(fold=0):
        raise Invalid("This time doesn't exist: the clocks are put forward then. Choose another.", field="send_at")
    if at <= now:
        raise Invalid("This time is in the past. Choose a later one.", field="send_at")
    return at.astimezone(UTC)


def _iso(words: str, zone: ZoneInfo) -> datetime | None:
    """Read ISO 8601, if it is that and holds a clock time."""
    try:
        at = datetime.fromisoformat(words)
    except ValueError:
        return None
    if ":" not in words:
        return None
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _spoken(words: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    if not _CLOCK.search(words):
        return None
    import dateparser  # type: ignore[import-untyped]  # takes a third of a second, which only those who write times this way should pay for

    for name, clock in _NAMED.items():
        words = re.sub(rf"\b{name}\b", clock, words, flags=re.IGNORECASE)
    local_now = now.astimezone(zone).replace(tzinfo=None)
    found = dateparser.parse(
        re.sub(r"\b(?:next|at|on)\b", " ", words, flags=re.IGNORECASE),
        languages=["en"],
        settings={"PREFER_DATES_FROM": "future", "RELATIVE_BASE": local_now, "RETURN_AS_TIMEZONE_AWARE": False},
    )
    return None if found is None else (found if found.tzinfo else found.replace(tzinfo=zone))


def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
