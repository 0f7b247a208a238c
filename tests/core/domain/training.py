"""Learns the weights of the second opinion from the corpus; `make weights` writes them beside the code."""

import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from core.domain.keywords import opinion, reading
from core.domain.keywords.opinion import Model
from tests.core.domain import texts
from tests.core.domain.texts import Sample

FILE = Path(opinion.__file__).parent / "weights.json"
THRESHOLD = 0.65
_FOLDS = 3
_ROUNDS = 20
_RATE, _SHRINK = 0.3, 0.01
_SEEN_AT_LEAST = 2
_SMALLEST = 0.05  # what weighs less changes no reading and would fill the file
_IN_A_LINE = 40


class Lesson(NamedTuple):
    """The traits of a text, and whether it asks for an end."""

    traits: list[str]
    wanted: bool


def lesson(text: str, *, wanted: bool) -> Lesson:
    """Turn a labelled text into what the model sees of it."""
    return Lesson(opinion.traits(reading.heard(text), asking=reading.is_asking(text)), wanted)


def lessons(taught: Iterable[Sample]) -> list[Lesson]:
    """Make lessons of texts; whether a qualified request is one isn't for a model to say."""
    return [lesson(each.text, wanted=each.kind == "opt_out") for each in taught if each.kind != "qualified"]


def corpus() -> list[Sample]:
    """Read all that the weights are learned from."""
    return texts.samples(texts.parts())


@cache
def held_out() -> list[tuple[Model, list[Sample]]]:
    """Give each fold of the corpus with weights that were learned from the other folds."""
    taught = corpus()
    return [
        (train(lessons(each for at, each in enumerate(taught) if at % _FOLDS != fold)), taught[fold::_FOLDS])
        for fold in range(_FOLDS)
    ]


def train(taught: Sequence[Lesson]) -> Model:
    """Fit a logistic regression with ridge penalty by AdaGrad; the same lessons give the same weights."""
    counts = Counter(each for traits, _ in taught for each in traits)
    taught = [Lesson([each for each in traits if counts[each] >= _SEEN_AT_LEAST], w) for traits, w in taught]
    taught = [each for each in taught if each.traits]
    weights: dict[str, float] = defaultdict(float)
    slopes: dict[str, float] = defaultdict(lambda: 1e-8)
    bias, bias_slope = 0.0, 1e-8
    order = random.Random(0)
    for _ in range(_ROUNDS):
        order.shuffle(taught)
        for traits, wanted in taught:
            share = 1 / math.sqrt(len(traits))
            said = bias + share * sum(weights[each] for each in traits)
            off = 1 / (1 + math.exp(-said)) - wanted
            for each in traits:
                slope = off * share + _SHRINK * weights[each]
                slopes[each] += slope * slope
                weights[each] -= _RATE * slope / math.sqrt(slopes[each])
            bias_slope += off * off
            bias -= _RATE * off / math.sqrt(bias_slope)
    kept = {each: round(weight, 2) for each, weight in sorted(weights.items()) if abs(weight) >= _SMALLEST}
    return Model(kept, round(bias, 2), THRESHOLD)


def write(model: Model) -> None:
    """Write the weights, many to a line."""
    pairs = [f"{json.dumps(each, ensure_ascii=False)}: {weight}" for each, weight in model.weights.items()]
    lines = [", ".join(pairs[at : at + _IN_A_LINE]) for at in range(0, len(pairs), _IN_A_LINE)]
    head = f'{{"threshold": {model.threshold}, "bias": {model.bias}, "weights": {{\n'
    FILE.write_text(head + ",\n".join(lines) + "\n}}\n", "utf-8")


if __name__ == "__main__":
    write(train(lessons(corpus())))
