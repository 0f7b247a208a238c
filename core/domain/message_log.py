"""A message log as Twilio's console exports it: a CSV file, read whole, its columns found by name.

Source: https://help.twilio.com/articles/223183588 (exporting message logs)
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from core.domain import keywords, log_dates
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


class Found(NamedTuple):
    """What a log tells. `unreadable`: rows that tell nothing; `undated`: those that tell a STOP, but not when."""

    entries: list[Entry]
    unreadable: int
    undated: int


def read(lines: Iterable[str], *, until: datetime) -> Found:
    """Read an exported log, lines with their ends. A STOP without a date counts from the log's last, or `until`.

    Raises:
        Invalid: it isn't such a log, or its rows can't be told apart.
    """
    rows = list(_rows(lines))
    order = log_dates.order(row["at"] for row in rows)
    found, undated, unreadable = list[Entry](), list[Mapping[str, str]](), 0
    for row in rows:
        try:
            one = _read(row, log_dates.read(row["at"], order))
        except (ValueError, OverflowError):
            is_stop = _is_inbound(row) and row["from"].startswith("+") and _is_stop(row["body"])
            undated += [row] if is_stop else []
            unreadable += not is_stop
            continue
        if one is not None:
            found.append(one)
    latest = max((each.at for each in found), default=until)
    found += [Entry(row["from"], latest, "text", body=row["body"], sid=row["sid"]) for row in undated]
    return Found(found, unreadable, len(undated))


def _rows(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    rows = csv.DictReader(lines)
    try:
        columns = _columns(rows.fieldnames or ())
        for row in rows:
            told = {key: (row.get(name) or "").strip() for key, name in columns.items()}
            yield dict.fromkeys(_NAMES, "") | told
    except csv.Error as problem:
        raise Invalid(f"The log can't be read after line {rows.line_num}: {problem}. Export it again.") from None


def _columns(header: Iterable[str]) -> dict[str, str]:
    plain = {"".join(char for char in name.lower() if char.isalnum()): name for name in header}
    columns = {key: plain[name] for key, names in _NAMES.items() for name in names if name in plain}
    missing = {"from", "to", "status", "at"} - columns.keys()
    if missing:
        raise Invalid(f"This isn't a message log of Twilio's: it has no column for {', '.join(sorted(missing))}.")
    return columns


def _read(row: Mapping[str, str], at: datetime) -> Entry | None:
    inbound = _is_inbound(row)
    theirs = row["from"] if inbound else row["to"]
    if not theirs.startswith("+"):
        raise ValueError("not a phone number")
    return entry(
        inbound=inbound,
        theirs=theirs,
        status=row["status"].lower(),
        at=at,
        code=int(row["code"] or 0),
        body=row["body"],
        sid=row["sid"],
    )


def _is_inbound(row: Mapping[str, str]) -> bool:
    return row["direction"].lower() == "inbound" or row["status"].lower() in ("received", "receiving")


def _is_stop(body: str) -> bool:
    reading = keywords.read(body)
    return reading.kind == "opt_out" and reading.certainty == "certain"
