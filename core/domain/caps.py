"""Caps by the day: when a carrier's day ends, and how often somebody may be messaged by a channel."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.errors import Invalid

# What carriers answer when a brand has sent all that it may in a day; the second is the older one.
DAY_IS_OVER = frozenset({30023, 30027})
_ENTRY = re.compile(r"(sms|email|voice)=([1-9][0-9]{0,2})").fullmatch


def next_midnight(zone: str, now: datetime) -> datetime:
    """Return when the day that it is in a zone ends; in UTC."""
    here = ZoneInfo(zone)
    tomorrow = now.astimezone(here).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), here).astimezone(UTC)


def parse(text: str) -> Mapping[str, timedelta]:
    """Read `sms=2,email=7`: by channel, how many days lie at least between two blasts to one person.

    Raises:
        Invalid: it isn't of that form.
    """
    entries = [_ENTRY(entry) for entry in re.split(r"[,\s]+", text) if entry]
    if any(entry is None for entry in entries):
        raise Invalid("Write it like sms=2,email=7: a channel, and the days between two blasts to one person.")
    return {entry[1]: timedelta(days=int(entry[2])) for entry in entries if entry}
