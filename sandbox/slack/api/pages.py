"""Cursors: how long lists are given out in pages."""

import base64
from collections.abc import Sequence
from typing import TypeVar

from sandbox.slack.calls import Call
from sandbox.slack.wire import Json, Refused

Item = TypeVar("Item")
MOST = 1_000


def cut(call: Call, items: Sequence[Item], *, default: int) -> tuple[Sequence[Item], Json]:
    """Return the page that the call asks for, and the response_metadata with the next cursor."""
    limit = call.number("limit", default) or default
    if limit > MOST:
        raise Refused("invalid_limit")
    start = _offset(call.text("cursor", ""))
    end = start + limit
    return items[start:end], {"next_cursor": _cursor(end) if end < len(items) else ""}


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"next:{offset}".encode()).decode()


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        kind, _, offset = base64.urlsafe_b64decode(cursor).decode().partition(":")
        if kind != "next":
            raise Refused("invalid_cursor")
        return int(offset)
    except ValueError as error:
        raise Refused("invalid_cursor") from error
