"""A small grammar for phrases, matched word by word in linear time.

`stop ~2 texting|calling $me?` is *stop*, then up to two words of any kind, then one of two words, then perhaps one of a
class. `<` before the first and `>` after the last tie a phrase to a clause's start (after greetings) and end;
`,` may be any punctuation or none; `por_favor` is two words.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.domain.keywords.normal import BREAK, tokens

Option = tuple[str, ...]


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
    at_start: bool
    at_end: bool

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


def phrase(written: str, weight: float, classes: Mapping[str, Sequence[str]]) -> Phrase:
    """Read one phrase of a language's table."""
    parts = written.split()
    at_start, at_end = parts[0] == "<", parts[-1] == ">"
    steps = tuple(_step(part, classes) for part in parts if part not in "<>")
    return Phrase(steps, weight, at_start, at_end)


class Phrases:
    """All phrases of one purpose, found by their first word."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._by_opening: dict[str, list[Phrase]] = defaultdict(list)
        for each in phrases:
            for word in each.opening():
                self._by_opening[word].append(each)

    def find(self, words: Sequence[str], greetings: frozenset[str]) -> Iterator[Found]:
        """Find every phrase at every word; a clause starts after any `greetings`."""
        starting = True
        for at, word in enumerate(words):
            for each in self._by_opening.get(word, ()):
                end = _end(each, 0, words, at) if starting or not each.at_start else None
                if end is not None:
                    yield Found(at, end, each.weight)
            starting = word == BREAK or (starting and word in greetings)


def _step(part: str, classes: Mapping[str, Sequence[str]]) -> Step:
    if part.startswith("~"):
        return Step(gap=int(part[1:]))
    if part == ",":
        return Step(((BREAK,),), optional=True)
    names = part.rstrip("?").split("|")
    written = [word for name in names for word in (classes[name[1:]] if name.startswith("$") else [name])]
    return Step(tuple(tuple(tokens(each.replace("_", " "))) for each in written), part.endswith("?"))


def _end(sought: Phrase, step_at: int, words: Sequence[str], at: int) -> int | None:
    if step_at == len(sought.steps):
        return at if not sought.at_end or at == len(words) or words[at] == BREAK else None
    for end in _ends(sought.steps[step_at], words, at):
        found = _end(sought, step_at + 1, words, end)
        if found is not None:
            return found
    return None


def _ends(step: Step, words: Sequence[str], at: int) -> Iterator[int]:
    """Give every place where one step may end, nearest first for gaps."""
    for option in step.options:
        if tuple(words[at : at + len(option)]) == option:
            yield at + len(option)
    if step.optional or not step.options:
        yield at
    for end in range(at, min(at + step.gap, len(words))):
        if words[end] == BREAK:
            return
        yield end + 1
