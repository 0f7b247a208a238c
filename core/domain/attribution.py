"""Which of several blasts a text answers: one that asked for its word, or speaks of the same, or the last that came."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key")

# How much of a blast's weight is left for each day that has passed since.
_A_DAY_LATER = 0.5
_FOR_A_SHARED_WORD = 0.4
_SHARED_AT_MOST = 3
_FOR_ITS_KEYWORD = 3.0
_SHORTEST_WORD = 4
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
# A word in capitals that a blast asks for (`Reply RSVP`); those of the law are in every blast.
_KEYWORD = re.compile(r"\b[A-Z]{2,12}\b")
_NOBODYS = frozenset({"STOP", "START", "HELP", "INFO", "END", "QUIT", "SMS", "USA", "AM", "PM", "OK"})
_EMPTY = frozenset(
    {
        *("about", "also", "been", "from", "have", "here", "just", "more", "only", "please", "some", "texts", "thanks"),
        *("that", "them", "then", "there", "they", "this", "what", "when", "where", "which", "will", "with", "would"),
        *("your", "yours"),
    }
)


class Candidate(NamedTuple, Generic[Key]):
    """A blast that reached whoever writes: what it said, and when it reached them."""

    key: Key
    words: str
    reached_at: datetime


def choose(text: str, candidates: Sequence[Candidate[Key]], *, now: datetime) -> Key | None:
    """Return the blast that a text most likely answers; None when there is none."""
    said, keyword = _significant(text), text.strip().strip(".!").upper()
    best = max(candidates, key=lambda each: (_weight(each, said, keyword, now), each.reached_at), default=None)
    return best.key if best else None


def _weight(candidate: Candidate[Key], said: frozenset[str], keyword: str, now: datetime) -> float:
    days = max((now - candidate.reached_at).total_seconds(), 0) / 86_400
    shared = min(len(said & _significant(candidate.words)), _SHARED_AT_MOST)
    asked_for = keyword in set(_KEYWORD.findall(candidate.words)) - _NOBODYS
    return float(_A_DAY_LATER**days + _FOR_A_SHARED_WORD * shared + _FOR_ITS_KEYWORD * asked_for)


def _significant(text: str) -> frozenset[str]:
    words = {word.lower().rstrip("s") for word in _WORD.findall(text) if len(word) >= _SHORTEST_WORD}
    return frozenset(words - {each.rstrip("s") for each in _EMPTY})
