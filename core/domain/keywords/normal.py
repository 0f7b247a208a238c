"""One plain form of a text, so that a smart quote, a wide letter or an emoji never hides a STOP."""

import re
import unicodedata
from itertools import groupby

# An inbound text has at most 1,600 characters; what follows 2,000 is a long e-mail's rest, not a request.
READ_AT_MOST = 2_000
BREAK = "."

# Of a text longer than 300 words we read the beginning and the end: that is where people say what they want.
_FIRST, _LAST = 200, 100

_APOSTROPHES = dict.fromkeys(map(ord, "'’‘ʼ`´′＇"))
_SPOKEN = {
    "😂": " lol ",
    "🤣": " lol ",
    "😆": " lol ",
    "💀": " lol ",
    "🛑": " 🛑 ",
    "🚫": " 🛑 ",
    "đ": "d",
    "ı": "i",
    "ø": "o",
    "ł": "l",
}
# Cyrillic and Greek letters that pass for Latin ones: they stand for them in a word that has real Latin letters too.
_PASS_FOR = str.maketrans("аеорсхуткмнвѕіοτα", "aeopcxytkmhbsiota")
_SPEAK = str.maketrans(_SPOKEN)
_BREAKS = frozenset('.,!?;:…\n\r()[]{}"“”«»„|/。，、！？；：؟،؛।—–')
_FOLDED = frozenset([*map(chr, range(0x0300, 0x0370)), *map(chr, range(0x064B, 0x0660)), "\u0670", "\u0640"])
_DASH = re.compile(r"\s[-–—~*]+")
_NUMBER_SIGN = re.compile(r"#(?!\w)")
_MASKED = re.compile(r"\bf[*@#$]{1,4}(?:c?k)?(?=\w{0,3}\b|\W|$)")  # `f***`, `f**king`
_QUOTES = '"“”«»„'
_REACTION = re.compile(
    r"^\W{0,9}(?:liked|loved|disliked|laughed at|emphasi[sz]ed|questioned|reacted|removed an?|"
    r"le gusto|le encanto|no le gusto|se rio|a aime|a adore|hat|to)\b[^\"“«„]{0,40}[\"“«„]"
)
_ORIGINAL = re.compile(r"(?:original message|wrote:|escribio:|ecrit ?:|schrieb.{0,60}:|escreveu:)\W*$")


def plain(text: str) -> str:
    """Fold width and case and drop what can't be seen, but keep accents: `hủy` isn't the name `Huy`."""
    wide = unicodedata.normalize("NFKC", text[:READ_AT_MOST]).translate(_APOSTROPHES)
    seen = (" " if _is_control(each) else each for each in wide if not _is_unseen(each))
    return unicodedata.normalize("NFC", "".join(seen)[:READ_AT_MOST].casefold())


def folded(text: str) -> str:
    """Fold accents too (Latin, Cyrillic, Arabic; not the marks that make Japanese or Hindi letters): `no mas`."""
    apart = unicodedata.normalize("NFKD", plain(text))
    bare = "".join(each for each in apart if each not in _FOLDED)
    return unicodedata.normalize("NFC", bare)


def tokens(text: str) -> list[str]:
    """Split into words and BREAKs; scripts without spaces (Chinese, Japanese, Korean, Thai) go sign by sign."""
    own = _MASKED.sub("fuck", _own_words(folded(text)))
    spoken = _DASH.sub(f" {BREAK} ", _NUMBER_SIGN.sub(" number ", own)).translate(_SPEAK)
    written = "".join(f" {BREAK} " if each in _BREAKS else _spell(each) for each in spoken)
    return _without_idle_breaks([_latin(word) for word in _ends(written.split())])


def plain_words(text: str) -> str:
    """Join the words of a text with their accents, for keywords that would be a name or another word without."""
    return " ".join("".join(each if each.isalnum() or _is_mark(each) else " " for each in plain(text)).split())


def _ends(words: list[str]) -> list[str]:
    return words if len(words) <= _FIRST + _LAST else [*words[:_FIRST], BREAK, *words[-_LAST:]]


def _spell(each: str) -> str:
    if _stands_alone(each):
        return f" {each} "
    return each if each.isalnum() or _is_mark(each) else " "


def _latin(word: str) -> str:
    return word.translate(_PASS_FOR) if any("a" <= each <= "z" for each in word) else word


def _is_unseen(each: str) -> bool:
    """Tell joiners, and the selectors that make a sign an emoji (`❤️` is a heart and one of them)."""
    return unicodedata.category(each) == "Cf" or "\ufe00" <= each <= "\ufe0f"


def _is_control(each: str) -> bool:
    return unicodedata.category(each) == "Cc" and each not in "\n\r"


def _is_mark(each: str) -> bool:
    return unicodedata.category(each) in {"Mn", "Mc"}


def _stands_alone(each: str) -> bool:
    return (
        each == "🛑"
        or "\u3040" <= each <= "\u30ff"
        or "\u3400" <= each <= "\u9fff"
        or "\uac00" <= each <= "\ud7a3"
        or "\u0e00" <= each <= "\u0e7f"
    )


def _own_words(text: str) -> str:
    """Drop what is quoted from us: phones send `Liked “… Reply STOP to end”`, mail programs the whole original."""
    if _REACTION.match(text):
        marks = [at for at, each in enumerate(text) if each in _QUOTES]
        text = text[: marks[0]] + " " + (text[marks[-1] + 1 :] if len(marks) > 1 else "")
    kept: list[str] = []
    for line in text.splitlines():
        if kept and _ORIGINAL.search(line[-120:]):
            break
        if not line.startswith(">"):
            kept.append(line)
    return "\n".join(kept)


def _without_idle_breaks(words: list[str]) -> list[str]:
    once = [word for word, run in groupby(words) for word in ([word] if word == BREAK else run)]
    first = 1 if once[:1] == [BREAK] else 0
    last = len(once) - 1 if once[first:] and once[-1] == BREAK else len(once)
    return once[first:last]
