"""Reads an inbound text: first as a keyword on its own, then as a keyword among courtesies, then by its phrases."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from core.domain.keywords import tables
from core.domain.keywords.normal import BREAK, plain_words, tokens
from core.domain.keywords.scoring import CERTAIN, LIKELY, score

Kind = Literal["opt_out", "opt_in", "help", "none"]
Asked = Literal["opt_out", "opt_in", "help"]
Certainty = Literal["certain", "likely", "none"]

_KINDS: Final[tuple[Asked, ...]] = ("opt_out", "opt_in", "help")
_TABLES: Final = tables.load()
# Source: https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out and Twilio's article on its STOP filtering.
_PROVIDER: Final[dict[str, Asked]] = {
    **dict.fromkeys(("stop", "unsubscribe", "end", "quit", "stopall", "cancel", "revoke", "optout"), "opt_out"),
    **dict.fromkeys(("start", "unstop", "yes"), "opt_in"),
    **dict.fromkeys(("help", "info"), "help"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text asks for, how sure that is, the words that said so, and the topic if it named one."""

    kind: Kind
    certainty: Certainty
    matched: str = ""
    topic: str | None = None


NOTHING: Final = Reading("none", "none")


def provider_answers(text: str) -> Asked | None:
    """Tell which of Twilio's default keywords the whole message is; Twilio has then answered it by itself."""
    return _PROVIDER.get(text.strip().lower())


def read(text: str, *, topics: Collection[str] = ()) -> Reading:
    """Say what a text asks for. `topics` are names of our own (audiences) to know in `STOP TENANTS`.

    Certain opt-outs are meant to be acted on at once, likely ones blocked and shown to staff. Opting in is certain only by
    keyword: consent isn't guessed. `YES` is one at Twilio, but from someone who never stopped it
    may answer a question, so it is only likely.
    """
    provided = provider_answers(text)
    if provided:
        word = text.strip().lower()
        return Reading(provided, "likely" if word == "yes" else "certain", word)
    words = _TABLES.spelling.correct(tokens(text))
    return (
        _accented(text)
        or _whole(words, asking="?" in text or "？" in text)
        or _with_topic(words, topics)
        or _among_courtesies(words)
        or _by_phrases(words, "opt_out")
        or _by_phrases(words, "opt_in")
        or NOTHING
    )


def _accented(text: str) -> Reading | None:
    key = plain_words(text)
    kind = next((kind for kind in _KINDS if key in _TABLES.accented.get(kind, ())), None)
    return Reading(kind, "certain", key) if kind else None


def _whole(words: Sequence[str], *, asking: bool) -> Reading | None:
    """Read a text that is a keyword and nothing else. `End?` asks when it ends; `Stop?` still stops."""
    key = tables.as_key(words)
    found = _keyword(key)
    if not found:
        return None
    kind, strength = found
    certain = strength == "strong" or (strength == "plain" and not asking)
    return Reading(kind, "certain" if certain else "likely", key)


def _with_topic(words: Sequence[str], topics: Collection[str]) -> Reading | None:
    """Read `STOP EVENTS` and `please stop the event texts`: a strong keyword, a topic, and words that only frame it."""
    named = {tables.as_key(tokens(name)): name for name in topics}
    left = [word for word in words if word not in _TABLES.polite and word not in _TABLES.topic_frame and word != BREAK]
    found = _keyword(left[0]) if left else None
    if found and found[0] == "help":
        left = list(words)  # `info about the rally?` is a question for a person
    rest = " ".join(left[1:])
    topic = named.get(rest) or _TABLES.topics.get(rest)
    if not found or not topic or found[1] == "likely" or (found[1] == "plain" and words[0] != left[0]):
        return None
    return Reading(found[0], "certain", tables.as_key(words), topic)


def _among_courtesies(words: Sequence[str]) -> Reading | None:
    """Read `STOP please`, `ok stop it now`: certain for strong keywords; `please cancel` may be about a meeting."""
    strong = _keyword(tables.as_key([word for word in words if word not in _TABLES.noise]))
    if strong and strong[1] == "strong":
        joking = not _TABLES.laughter.isdisjoint(words)
        return Reading(strong[0], "likely" if joking else "certain", tables.as_key(words))
    plain = _keyword(tables.as_key([word for word in words if word not in _TABLES.polite]))
    if plain and plain[1] == "plain":
        return Reading(plain[0], "likely", tables.as_key(words))
    return None


def _by_phrases(words: Sequence[str], kind: Literal["opt_out", "opt_in"]) -> Reading | None:
    found = score(_TABLES, words, kind)
    if found.weight < LIKELY:
        return None
    certain = kind == "opt_out" and found.weight >= CERTAIN
    return Reading(kind, "certain" if certain else "likely", found.matched)


def _keyword(key: str) -> tuple[Asked, str] | None:
    for strength in ("strong", "plain", "likely"):
        for kind in _KINDS:
            if key in _TABLES.words.get((kind, strength), ()):
                return kind, strength
    return None
