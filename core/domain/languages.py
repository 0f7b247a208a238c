"""The languages in which we answer, and in which of them somebody writes or is said to read."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from core.domain.keywords import tables
from core.domain.keywords.normal import BREAK, folded, tokens

ENGLISH: Final = "en"
# By the names of the keyword tables; the commonest with us first, for what is a word of several.
_CODES: Final[Mapping[str, str]] = {
    "English": ENGLISH,
    "Spanish": "es",
    "Chinese (simplified and traditional)": "zh",
    "Tagalog": "tl",
    "Vietnamese": "vi",
    "Arabic": "ar",
    "French": "fr",
    "Haitian Creole": "ht",
    "Portuguese": "pt",
    "German": "de",
    "Italian": "it",
}
# As people write them into a column of a sheet, besides the codes: in English and in the language itself.
_NAMES: Final[Mapping[str, str]] = {
    "english": ENGLISH,
    **dict.fromkeys(("spanish", "espanol", "castellano"), "es"),
    **dict.fromkeys(("chinese", "mandarin", "cantonese", "zho", "cmn", "yue", "中文", "普通话", "廣東話"), "zh"),
    **dict.fromkeys(("tagalog", "filipino", "pilipino", "fil"), "tl"),
    **dict.fromkeys(("vietnamese", "tieng viet"), "vi"),
    **dict.fromkeys(("arabic", "العربية"), "ar"),
    **dict.fromkeys(("french", "francais"), "fr"),
    **dict.fromkeys(("haitian", "haitian creole", "creole", "kreyol", "kreyol ayisyen", "hat"), "ht"),
    **dict.fromkeys(("portuguese", "portugues"), "pt"),
    **dict.fromkeys(("german", "deutsch"), "de"),
    **dict.fromkeys(("italian", "italiano"), "it"),
}
_FILLERS: Final = ("polite", "closers", "noise", "topics", "topic_frame", "classes")
_PHRASES: Final = ("_phrases", "_firm")
_KEYWORD, _OTHER = 2, 1
_GRAMMAR = re.compile(r"[_|~<>?$,]")
# The words that every phone's owner is taught, and that our own answers name.
_EVERYBODYS: Final = frozenset(("stop", "stopall", "unstop", "start", "help", "info", "yes", "all", "sms", "spam"))


def named(text: str) -> str | None:
    """Read a language as it stands with a contact (`es-MX`, `pt_BR`, `Spanish`); None when we don't answer in it."""
    plain = folded(text).strip()
    code = plain.replace("_", "-").partition("-")[0]
    return code if code in _CODES.values() else _NAMES.get(plain)


def spoken(text: str, *, known: str | None = None) -> str | None:
    """Tell in which language a text asks for something; None when its words could be English, or are nobody's.

    `known`: the language that its writer is said to read, for what is a word of several.
    """
    said = [word for word in tokens(text) if word != BREAK]
    votes: Counter[str] = Counter()
    for word in said:
        votes.update(_vocabulary().get(word, {}))
    most = max(votes.values(), default=0)
    likeliest = [language for language in _CODES.values() if most and votes[language] == most]
    if not likeliest or ENGLISH in likeliest:
        return None
    return known if known in likeliest else likeliest[0]


@cache
def _vocabulary() -> Mapping[str, Mapping[str, int]]:
    """Return how much each word speaks for each language: a keyword more than what stands around it."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for language in tables.languages():
        code = _CODES.get(language["language"])
        parts = [part for name, part in language.items() if name in _FILLERS or name.endswith(_PHRASES)]
        for weight, part in ((_KEYWORD, language["words"]), *((_OTHER, each) for each in parts)) if code else ():
            found.update({word: found[word] | Counter({code or "": weight}) for word in _words(part)})
        # Courtesies are no keywords, though they stand with some.
        for word in _words(language.get("polite", ())) if code else ():
            found[word][code or ""] = _OTHER
    return {word: codes for word, codes in found.items() if word not in _EVERYBODYS and not word.isdecimal()}


def _words(part: Any) -> Iterator[str]:
    for written in _leaves(part):
        yield from tokens(_GRAMMAR.sub(" ", written))


def _leaves(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    else:
        for each in part.values() if isinstance(part, dict) else part:
            yield from _leaves(each)
