"""Which of several blasts a text answers: one that asked for its word, speaks of the same, or is talked of already."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from core.domain.keywords.normal import BREAK, folded, tokens

Key = TypeVar("Key")

# How much of a blast's weight is left for each day that has passed since.
_A_DAY_LATER = 0.5
_FOR_A_SHARED_WORD = 0.4
_SHARED_AT_MOST = 3
_FOR_ITS_KEYWORD = 3.0
# "Ok thanks" goes on with what was talked of, though another blast came in between.
_FOR_GOING_ON = 1.0
_SHORTEST_WORD = 4
# A keyword stands alone or among courtesies; in a longer text it is a word like any other.
_KEYWORD_AMONG = 4
# A word in capitals that a blast asks for (`Reply RSVP`); those of the law are in every blast.
_CAPITALS = re.compile(r"\b[^\W\d_a-z]{2,12}\b")
# `Reply yes`, `responda 1`; and further numbers: `1 for a ride, 2 for a seat`.
_AFTER_REPLY = re.compile(
    r"\b(?:reply|replying|text|answer|send|respond|write|responda|responde|conteste|contesta|envie|envia|escriba|"
    r"repondez|envoyez|antworten sie|antworte|risponda|rispondi)\s+(?:with\s+|con\s+|par\s+|mit\s+)?[\"'“‘«]?(\w{1,12})"
)
_NUMBERED = re.compile(r"\b([1-9])\s+(?:for|if|to|si|para|pour|fur|per|means)\b")
_NOBODYS = frozenset(
    {
        *("stop", "start", "help", "info", "end", "quit", "sms", "usa", "am", "pm", "ok", "all"),
        *(
            "to",
            "us",
            "me",
            "we",
            "you",
            "the",
            "this",
            "a",
            "an",
            "by",
            "at",
            "in",
            "on",
            "it",
            "if",
            "or",
            "and",
            "for",
        ),
        *("con", "al", "el", "la", "los", "nos", "es", "de", "le", "les", "nous", "uns", "mit", "ci"),
    }
)
_EMPTY = frozenset(
    {
        *("about", "also", "been", "from", "have", "here", "just", "more", "only", "please", "some", "texts", "thanks"),
        *("that", "them", "then", "there", "they", "this", "what", "when", "where", "which", "will", "with", "would"),
        *("your", "yours", "people", "come", "reply", "text", "para", "como", "este", "esta", "pero", "cuando"),
        *("donde", "gracias", "hola", "favor", "usted", "ustedes", "estoy", "responda", "merci", "vous", "pour"),
    }
)


class Candidate(NamedTuple, Generic[Key]):
    """A blast that reached whoever writes: what it said, and when it reached them."""

    key: Key
    words: str
    reached_at: datetime


def choose(
    text: str, candidates: Sequence[Candidate[Key]], *, now: datetime, going_on: Key | None = None
) -> Key | None:
    """Return the blast that a text most likely answers; None when there is none. `going_on`: what is talked of now."""
    best = max(
        candidates,
        key=lambda each: (_weight(each, text, now) + _FOR_GOING_ON * (each.key == going_on), each.reached_at),
        default=None,
    )
    return best.key if best else None


def _weight(candidate: Candidate[Key], text: str, now: datetime) -> float:
    days = max((now - candidate.reached_at).total_seconds(), 0) / 86_400
    shared = min(len(_significant(text) & _significant(candidate.words)), _SHARED_AT_MOST)
    is_asked_for = not _as_keyword(text).isdisjoint(_asked_for(candidate.words))
    return float(_A_DAY_LATER**days + _FOR_A_SHARED_WORD * shared + _FOR_ITS_KEYWORD * is_asked_for)


def _as_keyword(text: str) -> frozenset[str]:
    said = _said(text)
    return frozenset(said) if len(said) <= _KEYWORD_AMONG else frozenset()


@lru_cache(maxsize=512)
def _asked_for(words: str) -> frozenset[str]:
    """Return the words that a blast asks to be answered with."""
    plain = folded(words)
    asked = {folded(each) for each in _CAPITALS.findall(words)}
    # “Text us at …”, “reply to …”: a word with the verb that is none to answer with.
    replies = {each for each in _AFTER_REPLY.findall(plain) if each not in _EMPTY}
    numbers = set(_NUMBERED.findall(plain)) if replies or asked else set()
    return frozenset((asked | replies | numbers) - _NOBODYS)


@lru_cache(maxsize=512)
def _significant(text: str) -> frozenset[str]:
    """Return what a text speaks of: its longer words and numbers; of a script without spaces, signs by twos."""
    said = _said(text)
    signs = {one + other for one, other in pairwise(said) if _is_sign(one) and _is_sign(other)}
    words = {each for each in said if len(each) >= _SHORTEST_WORD or (len(each) > 1 and any(map(str.isdigit, each)))}
    return frozenset(signs | {_stem(each) for each in words - _EMPTY})


def _said(text: str) -> list[str]:
    return [each for each in tokens(text) if each != BREAK]


def _is_sign(word: str) -> bool:
    return len(word) == 1 and "\u3040" <= word <= "\u9fff"


def _stem(word: str) -> str:
    """Take a word's ending off, so that `rallies` is `rally`, and `meetings` is `meeting`."""
    return f"{word[:-3]}y" if word.endswith("ies") else word.rstrip("s")
