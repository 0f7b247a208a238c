"""A message log as Twilio's console exports it: a CSV file, read whole, its columns found by name.

Source: https://help.twilio.com/articles/223183588 (exporting message logs)
"""

import csv
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from core.domain.backlog import Entry
from core.errors import Invalid

_FAILED = frozenset({"undelivered", "failed"})
_DELIVERED = frozenset({"delivered", "read"})
_NAMES = {
    "sid": ("sid", "messagesid"),
    "from": ("from",),
    "to": ("to",),
    "body": ("body",),
    "status": ("status",),
    "at": ("sentdate", "datesent", "datecreated", "createddate"),
    "code": ("errorcode",),
    "direction": ("direction",),
}


def entry(*, inbound: bool, theirs: str, status: str, at: datetime, code: int, body: str, sid: str) -> Entry | None:
    """Return what a message on record tells, or None when it tells nothing yet."""
    if inbound:
        return Entry(theirs, at, "text", body=body, sid=sid)
    if status in _FAILED:
        return Entry(theirs, at, "failed", code=code, sid=sid)
    return Entry(theirs, at, "delivered", sid=sid) if status in _DELIVERED else None


def read(lines: Iterable[str]) -> tuple[list[Entry], int]:
    """Read an exported log; returns its entries, and how many rows could not be read.

    Raises:
        Invalid: it isn't such a log.
    """
    rows = csv.DictReader(lines)
    try:
        columns = _columns(rows.fieldnames or ())
        return _entries(list(rows), columns)
    except csv.Error as problem:
        raise Invalid(f"This isn't a CSV file as Twilio exports it ({problem}). Export the log again.") from None


def _entries(rows: Iterable[Mapping[str, str | None]], columns: dict[str, str]) -> tuple[list[Entry], int]:
    found, unreadable = list[Entry](), 0
    for row in rows:
        try:
            one = _read(row, columns)
        except (ValueError, TypeError):
            unreadable += 1
            continue
        if one is not None:
            found.append(one)
    return found, unreadable


def _columns(header: Iterable[str]) -> dict[str, str]:
    plain = {"".join(char for char in name.lower() if char.isalnum()): name for name in header}
    columns = {key: plain[name] for key, names in _NAMES.items() for name in names if name in plain}
    missing = {"from", "to", "status", "at"} - columns.keys()
    if missing:
        raise Invalid(f"This isn't a message log of Twilio's: it has no column for {', '.join(sorted(missing))}.")
    return columns


def _read(row: Mapping[str, str | None], columns: Mapping[str, str]) -> Entry | None:
    told = {key: (row.get(name) or "").strip() for key, name in columns.items()}
    inbound = told.get("direction", "").lower() == "inbound" or told["status"].lower() in ("received", "receiving")
    theirs = told["from"] if inbound else told["to"]
    if not theirs.startswith("+"):
        raise ValueError("not a phone number")
    return entry(
        inbound=inbound,
        theirs=theirs,
        status=told["status"].lower(),
        at=_instant(told["at"]),
        code=int(told.get("code") or 0),
        body=told.get("body", ""),
        sid=told.get("sid", ""),
    )


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = parsedate_to_datetime(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
