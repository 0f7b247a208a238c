"""A small grammar for phrases, matched word by word in linear time.

`stop ~2 texting|calling $me?` is *stop*, then up to two words of any kind, then one of two words, then perhaps one of a
class. `<` in front ties a phrase to a clause's start (after greetings), `< ~2` to its first three words; `>` is a
clause's end, also as one of several words; `,` may be any punctuation or none; `por_favor` is two words.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.domain.keywords.normal import BREAK

Option = tuple[str, ...]
_END: Option = (">",)
Spell = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Step:
    """One of `options`, or, where there are none, a gap of up to `gap` words inside a clause."""

    options: tuple[Option, ...] = ()
    optional: bool = False
    gap: int = 0


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase to look for, and what it is worth."""

    steps: tuple[Step, ...]
    weight: float
    latest: int | None  # how many words of its clause may come before it; None: any number

    def opening(self) -> set[str]:
        """Name every word that this phrase may begin with."""
        words: set[str] = set()
        for step in self.steps:
            words.update(option[0] for option in step.options)
            if not step.optional:
                break
        return words


@dataclass(frozen=True, slots=True)
class Found:
    """A phrase found at words `start` to `end` (the end not included)."""

    start: int
    end: int
    weight: float


def phrase(written: str, weight: float, classes: Mapping[str, Sequence[str]], spell: Spell) -> Phrase:
    """Read one phrase of a language's table; `spell` splits and spells its words as those of a text."""
    parts = written.split()
    latest = None
    if parts[0] == "<":
        latest = int(parts[1][1:]) if parts[1].startswith("~") else 0
        parts = parts[2:] if latest else parts[1:]
    return Phrase(tuple(_step(part, classes, spell) for part in parts), weight, latest)


class Phrases:
    """All phrases of one purpose, found by their first word."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._by_opening: dict[str, list[Phrase]] = defaultdict(list)
        for each in phrases:
            for word in each.opening():
                self._by_opening[word].append(each)

    def find(self, words: Sequence[str], greetings: frozenset[str]) -> Iterator[Found]:
        """Find every phrase at every word; a clause starts after any `greetings`."""
        before = 0
        for at, word in enumerate(words):
            for each in self._by_opening.get(word, ()):
                end = _end(each, 0, words, at) if each.latest is None or before <= each.latest else None
                if end is not None:
                    yield Found(at, end, each.weight)
            before = 0 if word == BREAK else before + (before > 0 or word not in greetings)


def _step(part: str, classes: Mapping[str, Sequence[str]], spell: Spell) -> Step:
    if part.startswith("~"):
        return Step(gap=int(part[1:]))
    if part == ",":
        return Step(((BREAK,),), optional=True)
    names = part.rstrip("?").split("|")
    written = [word for name in names for word in (classes[name[1:]] if name.startswith("$") else [name])]
    return Step(
        tuple(_END if each == ">" else tuple(spell(each.replace("_", " "))) for each in written), part.endswith("?")
    )


def _end(sought: Phrase, step_at: int, words: Sequence[str], at: int) -> int | None:
    if step_at == len(sought.steps):
        return at
    for end in _ends(sought.steps[step_at], words, at):
        found = _end(sought, step_at + 1, words, end)
        if found is not None:
            return found
    return None


def _ends(step: Step, words: Sequence[str], at: int) -> Iterator[int]:
    """Give every place where one step may end, nearest first for gaps."""
    for option in step.options:
        if option == _END and (at == len(words) or words[at] == BREAK):
            yield at
        elif tuple(words[at : at + len(option)]) == option:
            yield at + len(option)
    if step.optional or not step.options:
        yield at
    for end in range(at, min(at + step.gap, len(words))):
        if words[end] == BREAK:
            return
        yield end + 1
