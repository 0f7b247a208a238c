"""What providers write in their answers, brought into the form in which it is kept."""

from typing import Any

from core.domain.channel import Trace

_MOST_ID = 64
_MOST_WORDS = 200
_MOST_STATUS = 32
_MOST_CODE = 2**31 - 1


def id_of(told: Any) -> str | None:
    """Return a message's id, None if this can't be one."""
    is_id = isinstance(told, str) and 0 < len(told) <= _MOST_ID and told.isascii() and told.isprintable()
    return told if is_id else None


def code_of(told: Any, *, otherwise: int) -> int:
    """Return an error's number, `otherwise` if there is none that can be kept."""
    text = str(told).strip()
    is_code = text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST_CODE)) and int(text) <= _MOST_CODE
    return int(text) if is_code and int(text) else otherwise


def words_of(told: Any, *, otherwise: str) -> str:
    """Return an error's words on one line, without what a database or a terminal stumbles over."""
    words = " ".join("".join(char if char.isprintable() else " " for char in str(told or "")).split())
    return words[:_MOST_WORDS] or otherwise


def trace_of(told_id: Any, status: Any, code: Any) -> Trace:
    """Return what a provider's record says of a message.

    Raises:
        ValueError: it doesn't say of which.
    """
    found = id_of(told_id)
    if found is None:
        raise ValueError("a record names no message")
    return Trace(found, words_of(status, otherwise="unknown")[:_MOST_STATUS], code_of(code, otherwise=0))
