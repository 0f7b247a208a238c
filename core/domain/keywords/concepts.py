"""What words of any language mean for a request to stop: `quiten`, `streichen` and `remove` are one concept."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from core.domain.keywords.normal import BREAK

_FILE: Final = Path(__file__).parent / "concepts.json"
_SIGN = "#@"
_NEAR: Final = 4  # words: `don't ever again … text`
_SHORTEST_STEM: Final = 2


def traits(words: Sequence[str]) -> Iterator[str]:
    """Name the concepts of a text: each alone, beside a word, shortly before another, and in a row without words."""
    meant = [named(word) for word in words]
    for at, concepts in enumerate(meant):
        for each in concepts:
            yield _SIGN + each
            yield from (_SIGN + f"{each} {word}" for word in words[at + 1 : at + 2])
            yield from (_SIGN + f"{word} {each}" for word in words[max(at - 1, 0) : at])
            yield from (_SIGN + f"{each} {other}" for other in _soon(words, meant, at))
    yield from _rows(meant)


@cache
def _stems() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Read the table: whole words, and beginnings of words (`remov*`)."""
    whole: dict[str, list[str]] = defaultdict(list)
    begun: dict[str, list[str]] = defaultdict(list)
    for concept, words in json.loads(_FILE.read_text("utf-8")).items():
        for word in words:
            (begun if word.endswith("*") else whole)[word.rstrip("*")].append(concept)
    return whole, begun


def named(word: str) -> tuple[str, ...]:
    """Name the concepts of one word."""
    whole, begun = _stems()
    sizes = range(_SHORTEST_STEM, len(word) + 1)
    stemmed = (each for size in sizes for each in begun.get(word[:size], ()))
    return tuple(sorted({*whole.get(word, ()), *stemmed}))


def _soon(words: Sequence[str], meant: Sequence[tuple[str, ...]], at: int) -> Iterator[str]:
    for later in range(at + 1, min(at + 1 + _NEAR, len(words))):
        if words[later] == BREAK:
            return
        yield from meant[later]


def _rows(meant: Sequence[tuple[str, ...]]) -> Iterator[str]:
    row = ["<", *("/".join(concepts) for concepts in meant if concepts), ">"]
    yield from (f"{_SIGN}{one}, {other}" for one, other in pairwise(row))
    yield from (f"{_SIGN}{one}, {other}, {last}" for one, other, last in zip(row, row[1:], row[2:], strict=False))
