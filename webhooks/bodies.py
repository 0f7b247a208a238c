"""Reads what is posted with which headers, and no more of it than a text or a receipt can take."""

import json
import math
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 64 * 1024
_DEEPEST = 32
_LONGEST_NUMBER = 18  # digits; longer ones are kept as they are written


def header(request: Request, name: bytes) -> str:
    """Return a header's value by its name in small letters, "" if there is none.

    Starlette's own look-up decodes all of them each time: three of those cost as much as a signature's check.
    """
    for key, value in request.scope["headers"]:
        if key == name:
            found: bytes = value
            return found.decode("latin-1")
    return ""


async def read_body(request: Request, *, most: int = MOST_BYTES) -> bytes:
    """Read a request's body of at most so many bytes.

    Raises:
        HTTPException: 413 too large.
    """
    declared = header(request, b"content-length") or "0"
    if not declared.isdigit() or int(declared) > most:
        raise HTTPException(413, "The request is too large.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413, "The request is too large.")
    return bytes(body)


def read_json(body: bytes) -> Any:
    """Read JSON; NaN and infinities, which neither JSON nor a database knows, are read as nothing.

    Raises:
        ValueError: it is none, or nested so deeply that nobody means it.
    """
    try:
        found = json.loads(body, parse_constant=lambda _: None, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level: list[Any] = [found]
    for _ in range(_DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return found
    raise ValueError("nested too deeply")


def _inside(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _finite(written: str) -> float | None:
    number = float(written)
    return number if math.isfinite(number) else None


def _whole(written: str) -> int | str:
    return int(written) if len(written) <= _LONGEST_NUMBER else written
