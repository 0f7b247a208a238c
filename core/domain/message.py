"""How many segments a text costs, what makes it dear, and how to make it cheaper: counted as Twilio counts."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple

import regex  # type: ignore[import-untyped]  # ships no annotations; the only one here that knows graphemes

from core.domain import tables
from core.errors import Invalid

# 3GPP TS 23.038, section 6.2.1: the default alphabet (without ESC) and its extension table.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"
LONGEST = 1600  # Twilio refuses more with 21617

Encoding = Literal["GSM-7", "UCS-2"]


class Alphabet(NamedTuple):
    """What fits in a text that goes alone, and in each part of one that doesn't (6 octets go to the header)."""

    encoding: Encoding
    alone: int
    part: int


class Measure(NamedTuple):
    """The size of a text: `units` are septets or UTF-16 units, `culprits` the characters that GSM-7 lacks."""

    encoding: Encoding
    segments: int
    units: int
    culprits: tuple[str, ...] = ()


GSM_7 = Alphabet("GSM-7", 160, 153)
UCS_2 = Alphabet("UCS-2", 70, 67)

_is_basic = re.compile(f"[{re.escape(BASIC)}]*").fullmatch
_is_gsm = re.compile(f"[{re.escape(BASIC + EXTENSION)}]*").fullmatch
_extended = re.compile(f"[{re.escape(EXTENSION)}]").findall
# Twilio lets CR and LF go to different parts, though Unicode calls them one grapheme.
_graphemes: Callable[[str], list[str]] = regex.compile(r"\r|\X").findall
_SMART = {int(key.removeprefix("U+"), base=16): plain for key, plain in tables.load("smart_encoding").items()}
# What neither Twilio's table nor Unicode's decompositions bring down to GSM-7.
_PLAIN = {
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "œ": "oe", "Œ": "OE",
    "ı": "i", "ħ": "h", "Ħ": "H", "ŋ": "ng", "Ŋ": "Ng", "ẞ": "SS", "©": "(c)", "®": "(R)", "°": " deg", "×": "x",
    "·": "-", "−": "-", "→": "->", "←": "<-", "≤": "<=", "≥": ">=", "≠": "!=", "¬": "-", "¢": "c", "₤": "£",
}  # fmt: skip
_JOINERS = "\u200d\ufe0f"  # zero-width joiner, variation selector 16
_DROPPED = "\0"
_ORNAMENTS = frozenset(("So", "Sk", "Mn", "Me", "Cf", "Cs"))  # emoji, their modifiers and joiners, stray accents


@lru_cache(maxsize=2048)
def measure(text: str) -> Measure:
    """Count a text exactly as it would be sent: measure what is merged, not the template."""
    if _is_basic(text):
        size = len(text)
        return Measure("GSM-7", 1 if size <= 160 else -(-size // 153), size)
    if _is_gsm(text):
        units = len(text) + len(_extended(text))
        return Measure("GSM-7", _segments(GSM_7, units, (2 if char in EXTENSION else 1 for char in text)), units)
    graphemes = _graphemes(text)
    units = _utf16(text)
    culprits = tuple(grapheme for grapheme in dict.fromkeys(graphemes) if not _is_gsm(grapheme))
    return Measure("UCS-2", _segments(UCS_2, units, chain.from_iterable(map(_pieces, graphemes))), units, culprits)


def smart(text: str) -> str:
    """Replace look-alikes (curly quotes, dashes, odd spaces) by GSM-7 characters, as Twilio's smart encoding does.

    Source: https://www.twilio.com/docs/messaging/services#smart-encoding
    """
    return text.translate(_SMART)


def fix(text: str) -> str:
    """Bring a text down to GSM-7: look-alikes replaced, accents it lacks dropped, emoji removed.

    A text that would still need UCS-2 (another script, say) comes back unchanged: it would lose and gain nothing.
    """
    plain = "".join(map(_plain, unicodedata.normalize("NFC", text.replace(_DROPPED, ""))))
    plain = re.sub(r"\A\0+ ?| ?\0+", "", plain)
    return plain if _is_gsm(plain) else text


def name(culprit: str) -> str:
    """Name a character for a person: "’ (right single quotation mark)"."""
    composed = unicodedata.normalize("NFC", culprit)
    lead = next((char for char in composed if char not in _JOINERS and not _is_gsm(char)), composed[0])
    called = unicodedata.name(lead, "").lower() or f"U+{ord(lead):04X}"
    return f"{culprit} ({called})" if lead.isprintable() and not unicodedata.combining(lead) else called


def require_sendable(text: str, *, limit: int = 480) -> None:
    """Refuse a text that is empty, broken, or longer than `limit` characters: it is never cut.

    Raises:
        Invalid: with a sentence for its author.
    """
    if not text.strip():
        raise Invalid("The text is empty. Write what the members should read.")
    if _DROPPED in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise Invalid("The text holds a broken character that no phone can show. Delete it or type the text again.")
    length, most = _utf16(text), min(limit, LONGEST)
    if length > most:
        raise Invalid(
            f"The text has {length:,} characters, {length - most:,} more than the {most:,} allowed. Shorten it."
        )


def _segments(alphabet: Alphabet, units: int, sizes: Iterable[int]) -> int:
    """Pack pieces that may not be split into parts, each as full as it can be."""
    if units <= alphabet.alone:
        return 1
    parts, free = 1, alphabet.part
    for size in sizes:
        if size > free:
            parts, free = parts + 1, alphabet.part
        free -= size
    return parts


def _pieces(grapheme: str) -> Iterable[int]:
    """Give the sizes of what must stay whole: the grapheme, or its characters if no part could hold it."""
    if len(grapheme) == 1:
        return (1,) if grapheme <= "\uffff" else (2,)
    size = _utf16(grapheme)
    return (size,) if size <= UCS_2.part else map(_utf16, grapheme)


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _plain(char: str) -> str:
    if _is_gsm(char):
        return char
    if char.isspace():
        return "\n" if char in "\x85\u2028\u2029" else " "
    folded = _PLAIN.get(char) or (smart(char) if ord(char) in _SMART and not unicodedata.combining(char) else "")
    if not folded:
        apart = unicodedata.normalize("NFKD", char)
        folded = "".join(part for part in smart(apart) if not unicodedata.combining(part))
    if _is_gsm(folded):
        return folded or _DROPPED
    return _DROPPED if unicodedata.category(char) in _ORNAMENTS else char
