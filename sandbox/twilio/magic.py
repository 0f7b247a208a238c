"""Numbers that choose an outcome: the last two digits of a fictional number, area code + 555-01xx."""

import re
from enum import Enum, auto

_fictional = re.compile(r"\+1[0-9]{3}55501([0-9]{2})").fullmatch


class Magic(Enum):
    """What is to happen to a text, or to the request that sends it."""

    DELIVERED = auto()
    UNREACHABLE = auto()
    UNKNOWN_HANDSET = auto()
    LANDLINE = auto()
    FILTERED = auto()
    INVALID = auto()
    BUSY_TWICE = auto()
    BROKEN_AFTER = auto()
    SILENT = auto()
    REPLIES_STOP = auto()
    REPLIES_WHO = auto()
    BACKWARDS = auto()
    BROKEN_BEFORE = auto()


_BY_DIGITS = {
    "99": Magic.UNREACHABLE,
    "98": Magic.UNKNOWN_HANDSET,
    "97": Magic.LANDLINE,
    "96": Magic.FILTERED,
    "95": Magic.INVALID,
    "94": Magic.BUSY_TWICE,
    "93": Magic.BROKEN_AFTER,
    "92": Magic.SILENT,
    "91": Magic.REPLIES_STOP,
    "90": Magic.REPLIES_WHO,
    "89": Magic.BACKWARDS,
    "88": Magic.BROKEN_BEFORE,
}
UNDELIVERED_CODES = {
    Magic.UNREACHABLE: 30003,
    Magic.UNKNOWN_HANDSET: 30005,
    Magic.LANDLINE: 30006,
    Magic.FILTERED: 30007,
}
REPLIES = {Magic.REPLIES_STOP: "STOP", Magic.REPLIES_WHO: "Who is this?"}


def of(number: str) -> Magic:
    """Return what a number stands for."""
    found = _fictional(number)
    return _BY_DIGITS.get(found[1], Magic.DELIVERED) if found else Magic.DELIVERED
