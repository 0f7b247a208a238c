"""How people spell on phones: repeated letters, text-speak, and slips in words long enough to be unmistakable."""

import re
from collections.abc import Iterable, Mapping, Sequence

from core.domain.keywords.normal import BREAK

_RUN = re.compile(r"([^\W\d])\1{2,}")
_LONGEST = 20


class Spelling:
    """Puts the words of a text into the spelling of the tables.

    `variants` maps a spelling to the word meant, `pairs` two words to one, `long` are words in which one slip
    is forgiven, unless it makes one of the `real` words.
    """

    def __init__(
        self, variants: Mapping[str, str], pairs: Mapping[str, str], long: Iterable[str], real: Iterable[str]
    ) -> None:
        self._variants = dict(variants)
        self._pairs = dict(pairs)
        self._long = frozenset(long)
        self._known = self._long | frozenset(real)
        self._by_deletion = {short: word for word in sorted(self._long) for short in _deletions(word)}

    def correct(self, words: Sequence[str]) -> list[str]:
        """Correct each word, then join what was written apart (`s t o p`, `do not`, `opt-out`)."""
        return self._joined([self._correct(word) for word in _unspaced(words)])

    def _correct(self, word: str) -> str:
        word = _RUN.sub(r"\1", word)
        word = self._variants.get(word, word)
        if word in self._known or not 5 <= len(word) <= _LONGEST:
            return word
        return self._slip_of(word) or word

    def _slip_of(self, word: str) -> str | None:
        for short in (word, *_deletions(word)):
            meant = short if short in self._long else self._by_deletion.get(short)
            if meant and is_one_slip(word, meant):
                return meant
        return None

    def _joined(self, words: Sequence[str]) -> list[str]:
        joined: list[str] = []
        for word in words:
            pair = f"{joined[-1]} {word}" if joined else ""
            if pair in self._pairs:
                joined[-1] = self._pairs[pair]
            else:
                joined.append(word)
        return joined


def is_one_slip(written: str, meant: str) -> bool:
    """Tell whether one letter was added, left out, changed, or two neighbours swapped (Damerau distance 1)."""
    if written == meant or abs(len(written) - len(meant)) > 1:
        return written == meant
    at = next(
        (i for i, (a, b) in enumerate(zip(written, meant, strict=False)) if a != b), min(len(written), len(meant))
    )
    rest, due = written[at:], meant[at:]
    if len(rest) != len(due):
        return rest[1:] == due or rest == due[1:]
    return rest[1:] == due[1:] or (rest[1::-1] == due[:2] and rest[2:] == due[2:])


def _deletions(word: str) -> list[str]:
    return [word[:at] + word[at + 1 :] for at in range(len(word))]


def _unspaced(words: Sequence[str]) -> list[str]:
    """Join letters that stand alone: `S T O P`, `s.t.o.p`."""
    out: list[str] = []
    letters: list[str] = []
    for word in (*words, ""):
        if len(word) == 1 and (word == BREAK or (word.isascii() and word.isalpha())):
            letters.append(word)
            continue
        spelled = "".join(each for each in letters if each != BREAK)
        out.extend([spelled] if len(spelled) > 3 else letters)
        letters = []
        out.append(word)
    return [word for word in out if word]
