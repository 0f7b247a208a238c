"""The languages that we read, a few JSON files each, put together once when the program starts."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.domain.keywords.grammar import Phrases, phrase
from core.domain.keywords.normal import BREAK, plain_words, tokens
from core.domain.keywords.spelling import Spelling

Language = Mapping[str, Any]  # A language's JSON files; English (en*.json) shows their shape.
_FOLDER = Path(__file__).parent / "languages"


@dataclass(frozen=True, slots=True)
class Tongue:
    """The phrases of one language; each language is weighed alone, for one's guard may be another's request.

    `asks` are requests by kind, `firm` ones that no guard explains away; `hints` lift a request, `guards` mean
    something else with the same words, `denials` say that nothing is asked for (`don't take me off`, `keep me on`,
    `he said “stop”`). `qualifiers` leave a request likely (`at night`, `my old number`), wherever
    they stand, `afterthoughts` only behind it (`…, but keep the others`): before it, `but` qualifies nothing.
    """

    asks: Mapping[str, Phrases]
    firm: Mapping[str, Phrases]
    hints: Phrases
    guards: Phrases
    denials: Phrases
    qualifiers: Phrases
    afterthoughts: Phrases


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything that the languages say, by purpose.

    `words[kind, strength]` are whole messages. A *strong* word is certain even among noise (`stop it now`), a *plain*
    one when alone, a *likely* one never: it may be a name or an answer. `accented` are plain words only with their
    accents. `polite` words may stand before a clause, `closers` behind it. `vocatives` name a
    friend: `girl stop` is hardly said to us.
    """

    words: Mapping[tuple[str, str], frozenset[str]]
    accented: Mapping[str, frozenset[str]]
    polite: frozenset[str]
    closers: frozenset[str]
    noise: frozenset[str]
    laughter: frozenset[str]
    vocatives: frozenset[str]
    topics: Mapping[str, str]
    topic_frame: frozenset[str]
    tongues: tuple[Tongue, ...]
    lingua_franca: Tongue  # English: every other language borrows its `stop` and `wrong number`
    spelling: Spelling


def load() -> Tables:
    """Read all languages."""
    known = languages()
    spelling = _spelling(known)
    words, accented = _words(known, spelling)
    tongues = {language["language"]: _tongue(language, spelling) for language in known}
    return Tables(
        words=words,
        accented=accented,
        polite=_fillers(known, "polite"),
        closers=_fillers(known, "polite", "closers"),
        noise=_fillers(known, "polite", "noise", "laughter", "vocatives"),
        laughter=_fillers(known, "laughter"),
        vocatives=_fillers(known, "vocatives"),
        topics=_topics(known, spelling),
        topic_frame=_fillers(known, "topic_frame"),
        tongues=tuple(tongues.values()),
        lingua_franca=tongues["English"],
        spelling=spelling,
    )


def languages() -> list[Language]:
    """Read the files; those that name the same language are parts of one, and of its classes."""
    parts: dict[str, dict[str, Any]] = defaultdict(dict)
    for path in sorted(_FOLDER.glob("*.json")):
        part = json.loads(path.read_text("utf-8"))
        whole = parts[part["language"]]
        whole |= part | {"classes": {**whole.get("classes", {}), **part.get("classes", {})}}
    return list(parts.values())


def as_key(words: Sequence[str]) -> str:
    """Write words as a key of the tables: no breaks, nothing twice in a row (`stop stop stop`)."""
    kept = [word for word in words if word != BREAK]
    return " ".join(word for at, word in enumerate(kept) if at == 0 or word != kept[at - 1])


def _words(
    known: Iterable[Language], spelling: Spelling
) -> tuple[dict[tuple[str, str], frozenset[str]], dict[str, frozenset[str]]]:
    """Sort whole-message keywords by kind and strength; `hủy!` counts only with its accents."""
    plain: dict[tuple[str, str], set[str]] = defaultdict(set)
    accented: dict[str, set[str]] = defaultdict(set)
    for language in known:
        for kind, strengths in language["words"].items():
            for strength, written in strengths.items():
                accented[kind] |= {plain_words(word) for word in written if word.endswith("!")}
                bare = (word for word in written if not word.endswith("!"))
                plain[kind, strength] |= {as_key(spelling.correct(tokens(word))) for word in bare}
    return (
        {key: frozenset(each) for key, each in plain.items()},
        {key: frozenset(each) for key, each in accented.items()},
    )


def _fillers(known: Iterable[Language], *names: str) -> frozenset[str]:
    written = (word for language in known for name in names for word in language.get(name, ()))
    return frozenset(token for word in written for token in tokens(word))


def _topics(known: Iterable[Language], spelling: Spelling) -> dict[str, str]:
    return {
        as_key(spelling.correct(tokens(word))): topic
        for language in known
        for topic, words in language.get("topics", {}).items()
        for word in words
    }


def _tongue(language: Language, spelling: Spelling) -> Tongue:
    return Tongue(
        asks={kind: _phrases(language, f"{kind}_phrases", spelling) for kind in ("opt_out", "opt_in")},
        firm={kind: _phrases(language, f"{kind}_firm", spelling) for kind in ("opt_out", "opt_in")},
        hints=_phrases(language, "hints", spelling),
        guards=_phrases(language, "guards", spelling),
        denials=_phrases(language, "denials", spelling),
        qualifiers=_phrases(language, "qualifiers", spelling),
        afterthoughts=_phrases(language, "afterthoughts", spelling),
    )


def _phrases(language: Language, purpose: str, spelling: Spelling) -> Phrases:
    """Read a language's phrases of one purpose. Guards have no weight: they only cover words."""
    written = language.get(purpose, {})
    weighed = written.items() if isinstance(written, dict) else [("0", written)]
    classes = language.get("classes", {})
    return Phrases(
        phrase(each, float(weight), classes, lambda words: spelling.correct(tokens(words)))
        for weight, phrases in weighed
        for each in phrases
    )


def _spelling(known: Sequence[Language]) -> Spelling:
    rules = [language.get("spelling", {}) for language in known]
    return Spelling(
        variants={slip: meant for rule in rules for meant, slips in rule.get("variants", {}).items() for slip in slips},
        pairs={pair: word for rule in rules for pair, word in rule.get("pairs", {}).items()},
        long=(word for rule in rules for word in rule.get("long", ())),
        real=(word for rule in rules for word in rule.get("real", ())),
    )
