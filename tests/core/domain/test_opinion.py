"""The second opinion: reproducible, measured on texts it hasn't learned from, and deaf to what a guard explains."""

import pytest

from core.domain import keywords
from core.domain.keywords import opinion, reading
from core.domain.keywords.opinion import Model
from tests.core.domain import training

FOLDS = 3


def test_texts_of_other_folds_are_heard_and_talk_is_let_through() -> None:
    """This is the model alone, on a corpus whose talk is chosen to mislead; phrases come first and add to it.

    Measured with the thirteenth part: .89 of the requests, .051 of the talk.
    """
    lessons = training.lessons()
    heard = [
        (lesson.wanted, weigh(model, lesson) >= training.THRESHOLD)
        for fold in range(FOLDS)
        for model in [training.train([each for at, each in enumerate(lessons) if at % FOLDS != fold])]
        for lesson in lessons[fold::FOLDS]
    ]
    asked, talk = [said for wanted, said in heard if wanted], [said for wanted, said in heard if not wanted]
    assert sum(asked) >= 0.88 * len(asked)
    assert sum(talk) <= 0.06 * len(talk)


def weigh(model: Model, lesson: training.Lesson) -> float:
    """Give the weight of a text in a fold."""
    return model.weigh(lesson.traits).weight


def test_the_weights_are_those_that_the_corpus_teaches() -> None:
    learned, kept = training.train(training.lessons()), Model.load()
    assert kept.threshold == learned.threshold
    assert kept.bias == pytest.approx(learned.bias, abs=0.02)
    assert kept.weights == pytest.approx(learned.weights, abs=0.02), "The corpus has changed: run `make weights`."


def test_an_opinion_says_why() -> None:
    assert keywords.read("i never asked for these texts u sent, bye now").matched
    model = Model({"stop": 2.0, "stop it": 1.0, "#<sto": 9.0}, -1.0, 0.5)
    said = model.opinion(["stop", "it"], asking=False)
    assert said.because == "stop"
    assert said.weight == pytest.approx(-1 + 12 / 3**0.5)


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
