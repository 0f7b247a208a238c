"""Reads an inbound text: as a keyword alone or among courtesies, then by its phrases and by a second opinion."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final, Literal

from core.domain.keywords import tables
from core.domain.keywords.normal import BREAK, plain_words, tokens
from core.domain.keywords.opinion import Model
from core.domain.keywords.scoring import CERTAIN, LIKELY, QUALIFIED, score, unexplained

Kind = Literal["opt_out", "opt_in", "help", "none"]
Asked = Literal["opt_out", "opt_in", "help"]
Certainty = Literal["certain", "likely", "none"]

_KINDS: Final[tuple[Asked, ...]] = ("opt_out", "opt_in", "help")
_TABLES: Final = tables.load()
_MODEL: Final = Model.load()
_KEYWORD_AT_MOST: Final = 6  # words, or signs in Chinese, of the keywords that take a topic
_FILLERS_AT_MOST: Final = 6  # dropped one by one on each side of a keyword that itself begins or ends with a filler
# Source: https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out and Twilio's article on its STOP filtering.
_PROVIDER: Final[dict[str, Asked]] = {
    **dict.fromkeys(("stop", "unsubscribe", "end", "quit", "stopall", "cancel", "revoke", "optout"), "opt_out"),
    **dict.fromkeys(("start", "unstop", "yes"), "opt_in"),
    **dict.fromkeys(("help", "info"), "help"),
}
# Carriers keep the list of who has stopped a toll-free number, and to them YES is no word.
_TOLL_FREE: Final = ("+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text asks for, how sure that is, the words that said so, and the topic if it named one."""

    kind: Kind
    certainty: Certainty
    matched: str = ""
    topic: str | None = None


NOTHING: Final = Reading("none", "none")


def provider_answers(text: str, *, sender: str = "") -> Asked | None:
    """Tell which of Twilio's default keywords the whole message is, that was sent to `sender`; Twilio acts on it."""
    word = text.strip().lower()
    return None if word == "yes" and sender.startswith(_TOLL_FREE) else _PROVIDER.get(word)


def read(text: str, *, topics: Collection[str] = (), model: Model = _MODEL) -> Reading:
    """Say what a text asks for. `topics` are names of our own (audiences) to know in `STOP TENANTS`.

    Certain opt-outs are meant to be acted on at once, likely ones blocked and shown to staff. Opting in is certain by
    keyword only: consent isn't guessed. `YES` is such a keyword at Twilio, but from someone who never stopped it may
    be the answer to a question, so it is only likely.
    """
    provided = provider_answers(text)
    if provided:
        word = text.strip().lower()
        return Reading(provided, "likely" if word == "yes" else "certain", word)
    words, asking = _words(text), is_asking(text)
    return (
        _accented(text)
        or _whole(words, asking=asking)
        or _with_topic(words, topics)
        or _among_courtesies(words)
        or _by_meaning(words, model, asking=asking)
        or _at_first(words)
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
    """Read `STOP EVENTS` and `please stop the event texts`: a keyword, a topic, and words that only frame it.

    `stop texting me about events` isn't one of these: where a member may mean everything, it is everything.
    """
    named = {" ".join(_unframed(_words(name))): name for name in topics}
    left = _unframed(words)
    for size in range(1, min(len(left), _KEYWORD_AT_MOST + 1)):
        found, rest = _keyword(tables.as_key(left[:size])), " ".join(left[size:])
        topic = named.get(rest) or _TABLES.topics.get(rest)
        if found and topic and _takes_topic(found, bare=len(left) == len(words)):
            return Reading(found[0], "certain", tables.as_key(words), topic)
    return None


def _words(text: str) -> Sequence[str]:
    return _TABLES.spelling.correct(tokens(text))


def _unframed(words: Sequence[str]) -> Sequence[str]:
    frame = _TABLES.polite | _TABLES.topic_frame | {BREAK}
    return [word for word in words if word not in frame]


def _takes_topic(found: tuple[Asked, str], *, bare: bool) -> bool:
    """`Info about the rally?` and `cancel meetings` are for a person, `STOP EVENTS` and a bare `START EVENTS` not."""
    kind, strength = found
    return strength == "strong" or (kind == "opt_in" and strength == "plain" and bare)


def _among_courtesies(words: Sequence[str]) -> Reading | None:
    """Read `STOP please`, `ok stop it now`: certain for strong keywords; `please cancel` may be about a meeting."""
    strong = _core(words, _TABLES.noise, "strong")
    joking, to_a_friend = (not each.isdisjoint(words) for each in (_TABLES.laughter, _TABLES.vocatives))
    if strong and joking and to_a_friend:
        return None  # `girl stop 💀`
    if strong:
        return Reading(strong, "likely" if joking or to_a_friend else "certain", tables.as_key(words))
    plain = _core(words, _TABLES.polite, "plain")
    return Reading(plain, "likely", tables.as_key(words)) if plain else None


def _at_first(words: Sequence[str]) -> Reading | None:
    """Read `STOP. See you on Monday`: who begins with it and says no more in that breath may mean it."""
    first = list(takewhile(lambda word: word != BREAK, words))
    is_joke = not (_TABLES.laughter | _TABLES.vocatives).isdisjoint(words)
    if is_joke or _keyword(tables.as_key(first)) != ("opt_out", "strong"):
        return None
    return Reading("opt_out", "likely", tables.as_key(first))


def _core(words: Sequence[str], fillers: Collection[str], strength: str) -> Asked | None:
    """Find the keyword that is left when fillers go: all of them, or some from both ends (`no mas por favor`)."""
    said = [word for word in words if word != BREAK]
    for left in ([word for word in said if word not in fillers], *_shorter(said, fillers)):
        found = _keyword(tables.as_key(left))
        if found and found[1] == strength:
            return found[0]
    return None


def _shorter(words: Sequence[str], fillers: Collection[str]) -> Iterator[Sequence[str]]:
    """Drop fillers one by one from the end, then from the front: some keywords begin or end with one (`no mas`)."""
    front = next((at for at, word in enumerate(words) if word not in fillers), len(words))
    back = next((at for at, word in enumerate(reversed(words)) if word not in fillers), len(words))
    for start in range(min(front, _FILLERS_AT_MOST) + 1):
        for end in range(min(back, _FILLERS_AT_MOST) + 1):
            yield words[start : len(words) - end]


def _by_meaning(words: Sequence[str], model: Model, *, asking: bool) -> Reading | None:
    """Read a text by its phrases, certain only if they don't sound like talk; else by how it sounds.

    Where it doesn't sound like a request, a wish to come back is heard first, and only heavy phrases count.
    """
    opinion = model.opinion(unexplained(_TABLES, words), asking=asking)
    denied = model.denies(opinion)
    stop = _by_phrases(words, "opt_out", least=CERTAIN - QUALIFIED if denied else LIKELY)
    back = _by_phrases(words, "opt_in")
    if stop and model.doubts(opinion):
        stop = replace(stop, certainty="likely")
    by_sound = Reading("opt_out", "likely", opinion.because) if model.believes(opinion) else None
    return (denied and back) or stop or back or by_sound


def _by_phrases(words: Sequence[str], kind: Literal["opt_out", "opt_in"], *, least: float = LIKELY) -> Reading | None:
    found = score(_TABLES, words, kind)
    if found.weight < least:
        return None
    return Reading(kind, "certain" if kind == "opt_out" and found.weight >= CERTAIN else "likely", found.matched)


def is_asking(text: str) -> bool:
    """Tell whether a text has a question mark, of any script."""
    return any(mark in text for mark in "?？؟")


def heard(text: str) -> list[str]:
    """Give the words of a text that are left to an opinion: what a guard explains never counts (`bus stop`)."""
    return unexplained(_TABLES, _words(text))


def _keyword(key: str) -> tuple[Asked, str] | None:
    for strength in ("strong", "plain", "likely"):
        for kind in _KINDS:
            if key in _TABLES.words.get((kind, strength), ()):
                return kind, strength
    return None
