"""A second opinion on texts that no phrase has read: a sum of small weights, learned offline from labelled texts."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from core.domain.keywords import concepts

_FILE: Final = Path(__file__).parent / "weights.json"
_WORDS_AT_MOST: Final = 40  # a longer text is a story: its one sentence about us would drown in the sum
_LENGTHS_APART: Final = 12
_PIECE: Final = 4  # letters: long enough to mean something, short enough to survive a slip
_SURE_OF_TALK: Final = -0.5  # from 0 down, one in a hundred more of the requests held out would be missed
_SURE_OF_REQUEST: Final = 1.0
_PIECES, _GAP = "#", "…"


@dataclass(frozen=True, slots=True)
class Opinion:
    """How strongly a text sounds like a request to stop (above 0: more so than not), and the words that say so most."""

    weight: float
    because: str


@dataclass(frozen=True, slots=True)
class Model:
    """What each trait of a text is worth, and from where on a sum is worth a person's look."""

    weights: Mapping[str, float]
    bias: float
    threshold: float

    @classmethod
    def load(cls) -> "Model":
        """Read the weights that `make weights` has written."""
        written = json.loads(_FILE.read_text("utf-8"))
        return cls(written["weights"], written["bias"], written["threshold"])

    def opinion(self, words: Sequence[str], *, asking: bool) -> Opinion:
        """Weigh a text by its words."""
        return self.weigh(traits(words, asking=asking))

    def believes(self, opinion: Opinion) -> bool:
        """Tell whether a text sounds like a request even without a phrase that makes it one."""
        return opinion.weight >= self.threshold

    def doubts(self, opinion: Opinion) -> bool:
        """Tell whether a text sounds like talk whatever phrases it has; where no word is known there is no doubt."""
        return -math.inf < opinion.weight < max(self.threshold, _SURE_OF_REQUEST)

    def denies(self, opinion: Opinion) -> bool:
        """Tell whether a text sounds so much like talk that a phrase which may mean two things means the other one."""
        return -math.inf < opinion.weight < _SURE_OF_TALK

    def weigh(self, found: Sequence[str]) -> Opinion:
        """Weigh traits by what we know of them, against the root of their number: length alone says nothing."""
        known = [(self.weights[each], each) for each in found if each in self.weights]
        spoken = [(weight, each) for weight, each in known if not each.startswith(_PIECES)]
        if not spoken:
            return Opinion(-math.inf, "")
        weight = self.bias + math.fsum(weight for weight, _ in known) / math.sqrt(len(known))
        return Opinion(weight, max(spoken)[1].strip("<> "))


def traits(words: Sequence[str], *, asking: bool) -> list[str]:
    """Name what a text is made of: its words, neighbours, words one apart, pieces of words, length, concepts.

    Traits that start with `#` are no words. In a fixed order, for sums of floats depend on it.
    """
    if not words or len(words) > _WORDS_AT_MOST:
        return []
    found = {f"{_PIECES} {min(len(words), _LENGTHS_APART)}", *(["# ?"] if asking else [])}
    framed = ["<", *words, ">"]
    found.update(words)
    found.update(f"{one} {other}" for one, other in pairwise(framed))
    found.update(f"{one} {_GAP} {other}" for one, other in zip(framed, framed[2:], strict=False))
    found.update(piece for word in words for piece in _pieces(word))
    found.update(concepts.traits(words))
    return sorted(found)


def _pieces(word: str) -> Iterator[str]:
    if word.isalpha() and len(word) >= _PIECE:
        bounded = f"<{word}>"
        yield from (_PIECES + bounded[at : at + _PIECE] for at in range(len(bounded) - _PIECE + 1))
