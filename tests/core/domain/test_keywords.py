"""What inbound texts ask for: measured on a labelled corpus, and held to a few rules for every text there can be."""

import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import keywords
from core.domain.keywords import Reading, tables
from core.domain.keywords.spelling import is_one_slip
from tests.core.domain import texts
from tests.core.domain.texts import Sample, opt_out

PROVIDER = {
    "opt_out": ["stop", "unsubscribe", "end", "quit", "stopall", "cancel", "revoke", "optout"],
    "opt_in": ["start", "unstop", "yes"],
    "help": ["help", "info"],
}
LANGUAGES = {"en", "es", "fr", "pt", "de", "it", "zh", "vi", "tl", "ar", "ht"}

OWN_WORDS = [
    "stop",
    "don't",
    "not",
    "no",
    "more",
    "text",
    "me",
    "my",
    "list",
    "remove",
    "停",
    "不要",
    "quiero",
    "por",
    ".",
    "🙏",
]


def corpus(*numbers: int) -> list[Sample]:
    """Read the corpus, or some of its parts."""
    return texts.samples(path for at, path in enumerate(texts.parts(), 1) if not numbers or at in numbers)


def test_opt_outs_are_found_and_nobody_else_is_silenced() -> None:
    """The corpus was written in parts, each of the first thirteen but one after the rules of its day were frozen.

    At first sight, before the rules learned from it, recall / precision of "certain" on each later part were: 2:
    .902 / .990, 3: .926 / .972, 4 (meant to be hard): .842 / .955, 5: .919 / .990, 6: .908 / 1.000, 7 (an
    auditor's): .960 / .964, 8 (four lots, each after the rules had learned from the one before): .930 / .973, .863
    / .970, .882 / .973, .974 / .964. In part 8 what was wrongly certain was a qualified request each time, never a
    text that asked for nothing. Parts 9 to 13 were written by one hand, 9 and 10 blind to the rules, 11 to 13 each
    after the rules had learned from the ones before, by who had made those rules; recall / precision / share of
    other texts blocked: 9: .879 / 1.000 / .006, 10: .809 / .991 / .034, both before the second opinion; with it, 11
    (hard): .884 / 1.000 / .080, 12: .904 / .987 / .036, 13: .878 / 1.000 / .000; the phrases of before alone: .699
    / .989 / .010, .856 / .987 / .000, .838 / 1.000 / .000. So at first sight about one request in ten is still
    missed and stands among the replies in Slack. The threshold was 0.5 for part 11, 0.8 for 12 and 13, and has
    since been set by those two. Three labels of parts 11 and 12 were corrected afterwards to how earlier parts have
    them (`please help`). A lot of 300 that is in no part, by somebody who knew nothing of the reader, with
    near-misses for a third of what asks for nothing, was read at first sight with .992 / .990 / .072 (one "ya basta
    con", since mended). Those, not the figures below, say what to expect of texts that nobody here has seen. Texts
    of part 7 that its auditor had left without a label and that may mean either aren't in it.

    Parts 14, 17 to 20 were made up against the rules of their day (denied and reported requests above all: 14 was read
    with .935 / .769 / .351, 17: .916 / .966 / .122, 18: .928 / 1.000 / .087, 19, not in English: .872 / .986 / .103,
    20: .885 / .984 / .088). Parts 15 and 16 are lots by somebody who knew nothing of the reader, at first sight: .992 /
    .971 / .065, and after the rules had learned from part 14 and 15: .983 / .990 / .061; 21 and 22 are ordinary
    texts by who made the rules, after they were frozen: .970 / 1.000 / .013, .957 / 1.000 / .058. Part 23 was
    written by who made the rules, against them and by intent (.912 / .946 / .158). 24, 25 and 26 are lots by somebody
    who knew nothing of the reader: .908 / .948 / .088 before part 23 and concepts, .942 / .990 / .044 with them, and
    .967 / .989 / .078 once the rules had learned from 25. In parts 15, 16 and 23 to 26 a question or a wish to come
    back in free words (`what are these texts about`) isn't labelled as HELP or START: a person answers it.
    """
    figures = texts.measure(texts.read(corpus()))
    assert figures.recall >= 0.99
    assert figures.precision >= 0.995
    assert figures.blocked_wrongly <= 0.013


def test_the_corpus_is_large_and_mostly_held_out() -> None:
    everything, later = corpus(), corpus(*range(2, len(texts.parts()) + 1))
    assert len(everything) >= 500
    assert len(later) >= 0.3 * len(everything)
    assert len({each.text for each in corpus(1)}) == len(corpus(1))
    assert {each.lang for each in everything if each.kind == "opt_out"} >= LANGUAGES
    assert sum(each.kind == "none" for each in everything) >= 300


def test_help_and_start_are_told_from_stop_and_from_talk() -> None:
    read = [(each, keywords.read(each.text).kind) for each in corpus()]
    asked = {"help", "opt_in"}
    assert [each for each, kind in read if kind != each.kind and (kind in asked or each.kind in asked)] == []


def test_qualified_requests_are_never_certain() -> None:
    qualified = [each.text for each in corpus() if each.kind == "qualified"]
    assert [text for text in qualified if opt_out(keywords.read(text)) == "certain"] == []


@pytest.mark.parametrize(
    "text",
    [
        "stop calling me, texts ok", "stop texting me at night",
        "delete my old number", "stop texting me but keep my wife on", "no me llamen, solo texto",
        "trump 2024 stop", "I asked you to stop 3 times", "u got da wrong 1",
    ],
)  # fmt: skip
def test_what_is_qualified_or_said_in_passing_is_likely(text: str) -> None:
    assert opt_out(keywords.read(text)) == "likely"


def test_but_qualifies_only_what_stands_before_it() -> None:
    assert keywords.read("Love what you do but please stop texting me").certainty == "certain"
    assert keywords.read("please stop texting me but not my wife").certainty == "likely"


@pytest.mark.parametrize(
    "text",
    [
        "don't stop", "bus stop", "non-stop", "can't stop laughing", "stop by", "what time does it end?",
        "I quit my job", "cancel my meeting tomorrow", "help me with my rent", "shop", "step", "top", "stoop",
        "Liked “Reply STOP to end”", "End?!? I thought it was at 9", "subscribe to what?", "", " ", "\0", "?!",
        "🙏",
    ],
)  # fmt: skip
def test_everyday_words_are_noopt_out(text: str) -> None:
    assert keywords.read(text).kind != "opt_out"


@pytest.mark.parametrize(
    "text",
    [
        "STOP", "STOOOP", "stpo", "S.T.O.P.", "ＳＴＯＰ", "st\u200bop", "\u202eSTOP\u202c", "STOP\0", "“Stop”",
        "ŚTÓP", "𝐒𝐓𝐎𝐏", "stop 🙏🙏", "STOP ❤️", "✌️ stop", "unsubscirbe", "unsuscribe", "no más", "no mas",
        "ARRÊT", "arret", "hủy", "退訂", "إيقاف", "sispann", "please stop texting me", "take me off your list",
        "lose my number", "never text me again",
    ],
)  # fmt: skip
def test_what_can_only_mean_stop_is_certain(text: str) -> None:
    reading = keywords.read(text)
    assert (reading.kind, reading.certainty) == ("opt_out", "certain")


@pytest.mark.parametrize("text", ["who is this stop", "wrong number", "Huy", "please cancel", "fuck off", "lol stop"])
def test_what_may_mean_stop_is_left_to_staff(text: str) -> None:
    reading = keywords.read(text)
    assert (reading.kind, reading.certainty) == ("opt_out", "likely")


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("STOP EVENTS", "events"), ("stop event texts please", "events"),
        ("Unsubscribe from the newsletter", "newsletter"), ("ALTO EVENTOS", "events"), ("退订活动", "events"),
        ("STOP", None), ("stop texts", None), ("stop texting me about your events", None), ("stop all", None),
    ],
)  # fmt: skip
def test_a_topic_narrows_the_opt_out_only_when_it_is_all_that_was_named(text: str, topic: str | None) -> None:
    reading = keywords.read(text)
    assert (reading.kind, reading.certainty, reading.topic) == ("opt_out", "certain", topic)


def test_start_takes_a_topic_and_cancel_does_not() -> None:
    assert keywords.read("START EVENTS") == Reading("opt_in", "certain", "start events", "events")
    assert keywords.read("cancel meetings").kind == "none"


def test_our_own_audiences_are_topics_too() -> None:
    assert keywords.read("STOP TENANTS", topics=["Tenants"]).topic == "Tenants"
    assert keywords.read("stop the Text Bank list", topics=["Text bank"]).topic == "Text bank"
    assert keywords.read("stop evictions", topics=["Tenants"]).kind == "none"


@pytest.mark.parametrize(("kind", "word"), [(kind, word) for kind, words in PROVIDER.items() for word in words])
def test_what_the_provider_answers_is_read_alike(kind: str, word: str) -> None:
    for written in (word, word.upper(), f"  {word.title()}\n"):
        assert keywords.provider_answers(written) == kind
        reading = keywords.read(written)
        assert (reading.kind, reading.certainty) == (kind, "likely" if word == "yes" else "certain")


@pytest.mark.parametrize("text", ["stop.", "STOP please", "opt out", "no más", "yes!", "quıt", "ſtop", "alto", ""])
def test_the_provider_answers_only_its_own_words_alone(text: str) -> None:
    assert keywords.provider_answers(text) is None


@pytest.mark.parametrize("text", ["please sign me back up", "start texting me again", "start please", "yes"])
def test_consent_is_never_guessed(text: str) -> None:
    reading = keywords.read(text)
    assert (reading.kind, reading.certainty) == ("opt_in", "likely")


@given(st.text(alphabet=st.characters(), max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    reading = keywords.read(text)
    assert (reading.kind == "none") == (reading.certainty == "none")


@given(st.lists(st.sampled_from(OWN_WORDS)))
def test_any_heap_of_our_own_words_can_be_read(words: list[str]) -> None:
    assert keywords.read(" ".join(words)).kind in {"opt_out", "opt_in", "help", "none"}


@given(
    st.sampled_from(["stop", "unsubscribe", "stopall", "optout", "arret", "alto", "退订", "توقف"]),
    st.text(alphabet=" .!?*\"'“”…🙏😡\u200b\u200f\ufe0f\ufeff\0\n", max_size=8),
    st.text(alphabet=" .!?*\"'“”…🙏😡\u200b\u200f\ufe0f\ufeff\0\n", max_size=8),
)
def test_nothing_around_a_keyword_hides_it(word: str, before: str, after: str) -> None:
    reading = keywords.read(before + word.upper() + after)
    assert (reading.kind, reading.certainty) == ("opt_out", "certain")


@given(st.text(alphabet="abc", max_size=5), st.text(alphabet="abc", max_size=5))
def test_a_slip_is_one_letter_more_less_other_or_swapped(written: str, meant: str) -> None:
    places = range(len(meant) + 1)
    near = {meant}
    near |= {meant[:at] + letter + meant[at + skip :] for at in places for letter in ("", *"abc") for skip in (0, 1)}
    near |= {meant[:at] + meant[at : at + 2][::-1] + meant[at + 2 :] for at in places}
    assert is_one_slip(written, meant) == (written in near)


@pytest.mark.parametrize(
    "part",
    [
        "x", "stop ", "dont ", "not ", "dont want to ", "he said stop me ", "keep me off ", "no quiero ",
        "不要再", "s\u0301\u0323", "a. ", "\ufdfa", "“liked ",
    ],
)  # fmt: skip
def test_a_text_of_100_kb_costs_no_more_steps_than_a_tenth_of_it(part: str) -> None:
    tenth = part * (10_000 // len(part))
    assert _steps(tenth * 10) <= 1.1 * _steps(tenth)


def _steps(text: str) -> int:
    """Count the calls that reading takes: seconds would tell how busy the machine is."""
    keywords.read(text)  # what is made once is made
    steps = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal steps
        steps += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        keywords.read(text)
    finally:
        sys.setprofile(None)
    return steps


def test_a_request_at_either_end_of_a_long_text_is_found() -> None:
    story = "I have lived in this building for eleven years and nobody ever came to look. " * 20
    assert keywords.read(f"Please stop texting me. {story}").kind == "opt_out"
    assert keywords.read(f"{story} Please stop texting me.").kind == "opt_out"


def test_a_spelling_means_the_same_word_in_every_language() -> None:
    written = [
        (language["language"], slip)
        for language in tables.languages()
        for slips in language.get("spelling", {}).get("variants", {}).values()
        for slip in slips
    ]
    assert [slip for slip, count in Counter(slip for _, slip in written).items() if count > 1] == []
