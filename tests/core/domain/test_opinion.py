"""The second opinion: reproducible, measured on texts it hasn't learned from, and deaf to what a guard explains."""

import pytest

from core.domain import keywords
from core.domain.keywords import concepts, opinion, reading
from core.domain.keywords.opinion import Model
from tests.core.domain import training


def test_texts_of_other_folds_are_heard_and_talk_is_let_through() -> None:
    """This is the model alone, on a corpus whose talk is chosen to mislead; phrases come first and add to it.

    Measured with the twenty-sixth part: .90 of the requests, .028 of the talk.
    """
    heard = [
        (lesson.wanted, model.weigh(lesson.traits).weight >= training.THRESHOLD)
        for model, fold in training.held_out()
        for lesson in training.lessons(fold)
    ]
    asked, talk = [said for wanted, said in heard if wanted], [said for wanted, said in heard if not wanted]
    assert sum(asked) >= 0.87 * len(asked)
    assert sum(talk) <= 0.04 * len(talk)


def test_the_weights_are_those_that_the_corpus_teaches() -> None:
    learned, kept = training.train(training.lessons(training.corpus())), Model.load()
    assert kept.threshold == learned.threshold
    assert kept.bias == pytest.approx(learned.bias, abs=0.02)
    assert kept.weights == pytest.approx(learned.weights, abs=0.02), "The corpus has changed: run `make weights`."


def test_an_opinion_says_why() -> None:
    assert keywords.read("i never asked for these texts u sent, bye now").matched
    model = Model({"stop": 2.0, "stop it": 1.0, "#<sto": 9.0}, -1.0, 0.5)
    said = model.opinion(["stop", "it"], asking=False)
    assert said.because == "stop"
    assert said.weight == pytest.approx(-1 + 12 / 3**0.5)


def test_a_phrase_is_certain_only_if_it_does_not_sound_like_talk() -> None:
    text = "please stop texting me"
    assert keywords.read(text, model=Model({}, 0.0, 0.5)).certainty == "certain"
    assert keywords.read(text, model=Model({"texting": 1.0}, 0.0, 0.5)).certainty == "certain"
    assert keywords.read(text, model=Model({"texting": 0.1}, 0.0, 0.5)).certainty == "likely"


def test_pieces_of_words_alone_are_no_opinion() -> None:
    assert Model({"#<sto": 9.0}, 0.0, 0.5).opinion(["stoa"], asking=False).because == ""


@pytest.mark.parametrize("text", ["don't stop", "bus stop", "non-stop", "can't stop laughing", "stop by at 5"])
def test_what_a_guard_explains_never_counts(text: str) -> None:
    assert "stop" not in reading.heard(text)
    assert keywords.read(text).kind == "none"


@pytest.mark.parametrize(
    "text",
    [
        "Who is this?", "I'll be there", "stop sign at the corner", "what time does it stop", "don't stop now",
        "I'll stop by at 5", "next stop is mine", "it never stops raining", "Hello", "thanks!", "see you at 7",
    ],
)  # fmt: skip
def test_ordinary_replies_pass(text: str) -> None:
    assert keywords.read(text).kind == "none"


def test_long_texts_are_stories() -> None:
    assert opinion.traits(["stop"] * 41, asking=False) == []


def test_words_of_all_languages_share_their_concepts_and_a_break_parts_them() -> None:
    assert {"remove"} <= set(concepts.named("streichen")) & set(concepts.named("quiten")) & set(
        concepts.named("remove")
    )
    assert "#@neg send" in concepts.traits(["never", "ever", "text"])
    assert "#@neg send" not in concepts.traits(["never", ".", "text"])


def test_a_stop_among_friends_is_no_opt_out_when_they_laugh() -> None:
    assert keywords.read("girl stop 💀").kind == "none"
    assert keywords.read("bro stop").certainty == "likely"


def test_a_light_phrase_does_not_count_where_all_else_sounds_like_talk() -> None:
    text = "wrong number"
    assert keywords.read(f"{text} for Marcus", model=Model({"marcus": 0.0}, 0.0, 0.5)).kind == "opt_out"
    assert keywords.read(f"{text} for Marcus", model=Model({"marcus": -9.0}, 0.0, 0.5)).kind == "none"
