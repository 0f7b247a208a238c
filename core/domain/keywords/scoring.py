"""Adds up what the phrases of a text say, leaving out words that a guard has explained (`bus stop`, `don't stop`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.keywords.grammar import Found
from core.domain.keywords.tables import Tables

CERTAIN = 1.0
LIKELY = 0.6
_HINTS_AT_MOST = 0.5
_LAUGHING = 0.4


@dataclass(frozen=True, slots=True)
class Score:
    """How strongly a text asks for something, and the words that say so."""

    weight: float
    matched: str


NOTHING = Score(0.0, "")


def score(tables: Tables, words: Sequence[str], kind: str) -> Score:
    """Weigh a text: each request outside guards (a firm one anywhere) counts once, hints lift a request but never make one."""
    covered = _covered(tables, words)
    asks = [each for each in tables.asks[kind].find(words, tables.polite) if not covered & _span(each)]
    asks += tables.firm[kind].find(words, tables.polite)
    if not asks:
        return NOTHING
    best = max(asks, key=lambda each: (each.weight, each.end - each.start))
    weight = _apart(asks) + min(_HINTS_AT_MOST, _hints(tables, words, covered))
    if not tables.laughter.isdisjoint(words):
        weight -= _LAUGHING
    return Score(round(weight, 2), " ".join(words[best.start : best.end]))


def _covered(tables: Tables, words: Sequence[str]) -> set[int]:
    return {at for each in tables.guards.find(words, tables.polite) for at in _span(each)}


def _span(each: Found) -> set[int]:
    return set(range(each.start, each.end))


def _hints(tables: Tables, words: Sequence[str], covered: set[int]) -> float:
    return _apart([each for each in tables.hints.find(words, tables.polite) if not covered & _span(each)])


def _apart(found: Sequence[Found]) -> float:
    """Add weights, the heaviest first, of phrases that share no word: one request said once counts once."""
    taken: set[int] = set()
    total = 0.0
    for each in sorted(found, key=lambda one: -one.weight):
        if not taken & _span(each):
            taken |= _span(each)
            total += each.weight
    return total
