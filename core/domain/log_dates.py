"""Dates in exported logs: as Twilio writes them, or as a spreadsheet has left them (month first, or day first)."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

Order = Literal["month first", "day first"]

_split = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?:,? +(\d{1,2}):(\d{2})(?::(\d{2}))?(?: ?([AP])M)?)?", re.IGNORECASE
).fullmatch
_MONTHS, _NOON = 12, 12
_CENTURY = 2000


def order(dates: Iterable[str]) -> Order | None:
    """Tell which number is the month in dates like 11/30/2026; None when nothing says so, or they contradict."""
    split = [found for text in dates if (found := _split(text))]
    is_month_first = any(int(found[2]) > _MONTHS for found in split)
    is_day_first = any(int(found[1]) > _MONTHS for found in split)
    if is_month_first == is_day_first:
        return None
    return "month first" if is_month_first else "day first"


def read(text: str, order: Order | None) -> datetime:
    """Read a date; without a zone it is in UTC.

    Raises:
        ValueError: it is none, or it could be two.
    """
    found = _split(text)
    at = _ordered(found, order) if found else _plain(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _plain(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text)


def _ordered(found: re.Match[str], order: Order | None) -> datetime:
    if order is None:
        raise ValueError("the month could be either number")
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    month, day = (first, second) if order == "month first" else (second, first)
    hour, half = int(found[4] or 0), (found[7] or "").upper()
    if half:
        hour = hour % _NOON + (_NOON if half == "P" else 0)
    return datetime(
        year if year >= _CENTURY else year + _CENTURY,
        month,
        day,
        hour,
        int(found[5] or 0),
        int(found[6] or 0),
        tzinfo=UTC,
    )
