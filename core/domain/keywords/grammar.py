"""A small grammar for phrases, matched word by word in linear time.

`stop ~2 texting|calling $me?` is *stop*, then up to two words of any kind, then one of two words, then perhaps one of a
class. `<` in front ties a phrase to a clause's start (after greetings), `< ~2` to its first three words; `>` is a
clause's end, also as one of several words, `>>` the text's; `,` may be any punctuation or none; `por_favor` is two
words; `!me|$list` is any word but these; `~6:$link` is up to six words of a class.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from core.domain.keywords.normal import BREAK

# A gap ends before them: what comes after turns the sentence (`I don't know you but stop texting me`).
_TURNS = frozenset({BREAK, "but", "pero", "mais", "aber", "nhung", "ngunit", "لكن", "ولكن", "但"})

Option = tuple[str, ...]
_END, _LAST = ">", ">>"
Spell = Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class Step:
    """Up to `gap` words, then one of `words` (or any other) or of `longer` (several words each), or an end.

    The words of the gap may be of any kind, or only of those that are in `between`.
    """

    words: frozenset[str] = frozenset()
    longer: tuple[Option, ...] = ()
    at_end: bool = False  # the clause's
    at_last: bool = False  # the text's
    optional: bool = False
    is_other: bool = False  # one word that is none of `words`
    gap: int = 0
    between: frozenset[str] = frozenset()

    @cached_property
    def opening(self) -> frozenset[str]:
        """Name every word that this step may begin with."""
        return self.words | {option[0] for option in self.longer}

    def takes(self, word: str) -> bool:
        """Tell whether one word is enough for this step."""
        return (word in self.words) != self.is_other and not (self.is_other and word == BREAK)


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
            words |= step.opening
            if not step.optional:
                break
        return words

    def needed(self) -> tuple[frozenset[str], ...]:
        """Name the words without which no text has this phrase: one of each set."""
        told = (step for step in self.steps if not (step.optional or step.is_other or step.at_end or step.at_last))
        return tuple(step.opening for step in told)


@dataclass(frozen=True, slots=True)
class Text:
    """The words of a text and the bounds of its clauses, which greetings and thanks don't move.

    `before` counts the words of a clause before each word, `is_end` tells whether a clause may end before it, `last`
    is the first place where the text may end.
    """

    words: Sequence[str]
    before: Sequence[int]
    is_end: Sequence[bool]
    last: int

    @classmethod
    def of(cls, words: Sequence[str], greetings: Collection[str], closers: Collection[str]) -> "Text":
        """Find the bounds of all clauses."""
        before, is_end = [0], [True]
        for word in words:
            before.append(0 if word == BREAK else before[-1] + (before[-1] > 0 or word not in greetings))
        for word in reversed(words):
            is_end.append(word == BREAK or (is_end[-1] and word in closers))
        last = len(words)
        while last and (words[last - 1] == BREAK or words[last - 1] in closers):
            last -= 1
        return cls(words, before, is_end[::-1], last)


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
    steps: list[Step] = []
    gap = ""
    for part in parts:
        if part.startswith("~"):
            gap = part[1:]
        else:
            steps.append(_step(part, gap, classes, spell))
            gap = ""
    if steps[0].is_other:
        raise ValueError(f"“{written}” begins with any word but some: phrases are found by their first word")
    return Phrase(tuple(steps), weight, latest)


class Phrases:
    """All phrases of one purpose, found by their first word."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._by_opening: dict[str, list[tuple[Phrase, tuple[frozenset[str], ...]]]] = defaultdict(list)
        for each in phrases:
            needed = each.needed()
            for word in each.opening():
                self._by_opening[word].append((each, needed))

    def find(self, text: Text) -> Iterator[Found]:
        """Find every phrase at every word where it may begin."""
        vocabulary = frozenset(text.words)
        possible = {word: self._possible(word, vocabulary) for word in vocabulary if word in self._by_opening}
        for at, word in enumerate(text.words):
            for each in possible.get(word, ()):
                if each.latest is None or text.before[at] <= each.latest:
                    end = _end(each, 0, text, at)
                    if end is not None:
                        yield Found(at, end, each.weight)

    def _possible(self, word: str, vocabulary: frozenset[str]) -> list[Phrase]:
        """Rule out most phrases by the words alone, which is quick."""
        return [
            each for each, needed in self._by_opening[word] if not any(vocabulary.isdisjoint(words) for words in needed)
        ]


def _step(part: str, gap: str, classes: Mapping[str, Sequence[str]], spell: Spell) -> Step:
    size, _, between = gap.partition(":")
    at_most = int(size or 0)
    if part == ",":
        return Step(frozenset({BREAK}), optional=True, gap=at_most)
    names = set(part.lstrip("!").rstrip("?").split("|"))
    options = _options(names - {_END, _LAST}, classes, spell)
    if () in options or not names:
        raise ValueError(f"“{part}” has a word without letters: it would match anything")
    return Step(
        words=_single(options),
        longer=tuple(sorted(option for option in options if len(option) > 1)),
        at_end=_END in names,
        at_last=_LAST in names,
        optional=part.endswith("?"),
        is_other=part.startswith("!"),
        gap=at_most,
        between=_single(_options(set(between.split("|")), classes, spell)) if between else frozenset(),
    )


def _options(names: Collection[str], classes: Mapping[str, Sequence[str]], spell: Spell) -> set[Option]:
    written = [word for name in names for word in (classes[name[1:]] if name.startswith("$") else [name])]
    return {tuple(spell(each.replace("_", " "))) for each in written}


def _single(options: Collection[Option]) -> frozenset[str]:
    return frozenset(option[0] for option in options if len(option) == 1)


def _end(sought: Phrase, step_at: int, text: Text, at: int) -> int | None:
    if step_at == len(sought.steps):
        return at
    for end in _ends(sought.steps[step_at], text, at):
        found = _end(sought, step_at + 1, text, end)
        if found is not None:
            return found
    return None


def _ends(step: Step, text: Text, start: int) -> Iterator[int]:
    """Give every place where one step may end, nearest first."""
    words = text.words
    for at in range(start, min(start + step.gap, len(words)) + 1):
        if at < len(words) and step.takes(words[at]):
            yield at + 1
        for option in step.longer:
            if tuple(words[at : at + len(option)]) == option:
                yield at + len(option)
        if step.optional or (step.at_end and text.is_end[at]) or (step.at_last and at >= text.last):
            yield at
        if at == len(words) or words[at] in _TURNS or (step.between and words[at] not in step.between):
            return
