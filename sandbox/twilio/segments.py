"""How many segments a text is, counted as Twilio's own calculator counts them."""

import re
from collections.abc import Iterable

import regex  # type: ignore[import-untyped]  # ships no annotations; the only one here that knows graphemes

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = "^{}\\[~]|€\f"  # an escape and the character: two units
_is_basic = re.compile(f"[{re.escape(_BASIC)}]*").fullmatch
_is_gsm7 = re.compile(f"[{re.escape(_BASIC + _EXTENDED)}]*").fullmatch


def count(text: str) -> int:
    """Return the number of segments that carriers bill for a text.

    Source: 3GPP TS 23.038 (alphabet), TS 23.040 (parts lose 7 characters to their header).
    """
    if _is_basic(text):
        return _parts(len(text), alone=160, part=153)
    if _is_gsm7(text):
        return _packed((2 if character in _EXTENDED else 1 for character in text), alone=160, part=153)
    return _packed((_utf16_units(cluster) for cluster in regex.findall(r"\X", text)), alone=70, part=67)


def _parts(units: int, *, alone: int, part: int) -> int:
    return 1 if units <= alone else -(-units // part)


def _packed(sizes: Iterable[int], *, alone: int, part: int) -> int:
    """Count parts when what is drawn as one character may not be split over two of them."""
    units = list(sizes)
    if sum(units) <= alone:
        return 1
    parts, room = 0, 0
    for size in units:
        if size > room:
            parts, room = parts + -(-size // part), part * -(-size // part)
        room -= size
    return parts


def _utf16_units(cluster: str) -> int:
    return len(cluster.encode("utf-16-le", "surrogatepass")) // 2
