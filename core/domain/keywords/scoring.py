"""Adds up what the phrases of a text say, leaving out words that a guard has explained (`bus stop`, `don't stop`)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby

from core.domain.keywords.grammar import Found, Text
from core.domain.keywords.tables import Tables, Tongue

CERTAIN = 1.0
LIKELY = 0.6
_HINTS_AT_MOST = 0.5
_LAUGHING = 0.4
QUALIFIED = 0.01  # how far below a certain request one is that needs a person's look
EXPLAINED = "§"


@dataclass(frozen=True, slots=True)
class Score:
    """How strongly a text asks for something, the words that say so, where they end and in which language."""

    weight: float
    matched: str
    end: int = 0
    tongue: Tongue | None = None


NOTHING = Score(0.0, "")


def score(tables: Tables, words: Sequence[str], kind: str) -> Score:
    """Weigh a text in each language and take the language in which it says most; who laughs means it less.

    A request with a qualifier, or a heavy one beside a denial, is never more than likely: what exactly it asks for, a
    person must read.
    """
    text = Text.of(words, tables.polite, tables.closers)
    denied = _denied(tables, text) if kind == "opt_out" else set()
    borrowed = _span_of(tables.lingua_franca.guards.find(text))
    best = max((_in(tongue, text, kind, borrowed, denied) for tongue in tables.tongues), key=lambda each: each.weight)
    if denied and best.weight < CERTAIN:
        return NOTHING
    lighter = 0.0 if tables.laughter.isdisjoint(words) else _LAUGHING
    is_limited = denied or _is_qualified(best, text, tables.lingua_franca)
    most = CERTAIN - QUALIFIED if is_limited else best.weight
    return replace(best, weight=round(min(best.weight - lighter, most), 2))


def unexplained(tables: Tables, words: Sequence[str]) -> list[str]:
    """Put one sign for each run of words that a guard of any language has explained; a denial leaves nothing to say."""
    text = Text.of(words, tables.polite, tables.closers)
    if _denied(tables, text):
        return []
    covered = {at for tongue in tables.tongues for at in _span_of(tongue.guards.find(text))}
    runs = groupby(enumerate(words), lambda each: each[0] in covered)
    return [word for explained, run in runs for word in ([EXPLAINED] if explained else [each for _, each in run])]


def _denied(tables: Tables, text: Text) -> set[int]:
    """Find what says that no end is asked for, but not inside of a firm request (`why don't you take me off`)."""
    denials = [each for tongue in tables.tongues for each in tongue.denials.find(text)]
    if not denials:
        return set()
    firm = _span_of(each for tongue in tables.tongues for each in tongue.firm["opt_out"].find(text))
    return _span_of(each for each in denials if each.start not in firm)


def _is_qualified(best: Score, text: Text, lingua_franca: Tongue) -> bool:
    if best.tongue is None or best.weight < CERTAIN:
        return False
    own = {id(each): each for each in (best.tongue, lingua_franca)}.values()
    behind = chain.from_iterable(each.afterthoughts.find(text) for each in own)
    return any(each.start >= best.end for each in behind) or any(any(each.qualifiers.find(text)) for each in own)


def _in(tongue: Tongue, text: Text, kind: str, borrowed: set[int], denied: set[int]) -> Score:
    """Count each request outside guards (a firm one unless it is denied) once; hints lift one but never make one."""
    asks = list(tongue.asks[kind].find(text))
    covered = borrowed | denied | (_span_of(tongue.guards.find(text)) if asks else set())
    firm = [each for each in tongue.firm[kind].find(text) if each.start not in denied]
    asks = [each for each in asks if not covered & _span(each)] + firm
    if not asks:
        return NOTHING
    first = max(asks, key=lambda each: (each.weight, each.end - each.start))
    said = covered | _span_of(asks)  # a word that made a request doesn't lift it too
    hints = [each for each in tongue.hints.find(text) if not said & _span(each)]
    weight = _apart(asks) + min(_HINTS_AT_MOST, _apart(hints))
    return Score(weight, " ".join(text.words[first.start : first.end]), first.end, tongue)


def _span(each: Found) -> set[int]:
    return set(range(each.start, each.end))


def _span_of(found: Iterable[Found]) -> set[int]:
    return {at for each in found for at in _span(each)}


def _apart(found: Sequence[Found]) -> float:
    """Add the weights of phrases that share no word, the heaviest first: one request counts once."""
    taken: set[int] = set()
    total = 0.0
    for each in sorted(found, key=lambda one: -one.weight):
        if not taken & _span(each):
            taken |= _span(each)
            total += each.weight
    return total
