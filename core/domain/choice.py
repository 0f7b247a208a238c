"""Which of the numbered things on offer a text chooses, if that is all it says: anything more is conversation."""

import re
from collections.abc import Sequence

from core.domain.keywords import normal

_ALL = frozenset(
    {
        *("all", "all of them", "all of these", "everything", "all topics"),
        *("todo", "todos", "todas", "tudo", "tout", "tous", "toutes", "alle", "alles", "tutti", "tutte", "tutto"),
        *("lahat", "tat ca", "全部", "所有", "الكل", "كل"),
    }
)
_YES = frozenset({"yes", "si", "oui", "sim", "ja", "oo", "opo", "wi", "co", "是", "好", "نعم"})
_BEFORE = re.compile(r"^(?:(?:yes|ok|okay|just|only|number|option|topic)\s+)+")
_AFTER = re.compile(r"(?:[\s,]+(?:only|please|pls|thanks|thank you))+$")
_BETWEEN = re.compile(r"\s*[,;&+/\n]\s*(?:and\s+)?|\s+and\s+")
_NUMBERS = re.compile(r"[0-9]{1,2}(?:\s+[0-9]{1,2})*").fullmatch
_NUMBER_AND_NAME = re.compile(r"([0-9]{1,2})\s+(.+)").fullmatch
_MARKS = re.compile(r"[^\w\s,;&+/\n]+")


def read(text: str, offered: Sequence[str]) -> frozenset[int] | None:
    """Return the places (from 0) of what a text chooses by number, by name, or all; None when it does anything else.

    Empty names can't be chosen by name.
    """
    if "?" in normal.plain(text):
        return None
    names = [_bare(name) for name in offered]
    said = _AFTER.sub("", _BEFORE.sub("", _bare(text)))
    if said in _ALL or (said == "both" and len(names) == 2):
        return frozenset(range(len(names)))
    whole = _one(said, names)
    if whole is not None:
        return whole
    chosen = [_one(_BEFORE.sub("", part), names) for part in _BETWEEN.split(said)]
    return frozenset[int]().union(*(each for each in chosen if each)) if all(chosen) else None


def is_yes(text: str) -> bool:
    """Tell whether a text says yes and nothing else, in any language of ours; to what, the asker must know."""
    return _bare(text) in _YES


def _bare(text: str) -> str:
    spaced = _MARKS.sub(" ", normal.folded(text))
    return "\n".join(" ".join(line.split()) for line in spaced.strip().splitlines()).strip(" ,;&+/\n")


def _one(said: str, names: Sequence[str]) -> frozenset[int] | None:
    """Read numbers alone, a name alone, or a number with its own name; what may mean two things means none."""
    named = frozenset(place for place, name in enumerate(names) if name and name == said)
    numbered = _numbered(said, len(names))
    if named and numbered and named != numbered:
        return None
    if named or numbered:
        return named or numbered
    both = _NUMBER_AND_NAME(said)
    if both is None:
        return None
    place = int(both[1]) - 1
    return frozenset({place}) if 0 <= place < len(names) and names[place] == both[2] else None


def _numbered(said: str, count: int) -> frozenset[int]:
    if not _NUMBERS(said):
        return frozenset()
    places = frozenset(int(each) - 1 for each in said.split())
    return places if all(0 <= each < count for each in places) else frozenset()
