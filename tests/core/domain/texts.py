"""Labelled texts, and how well they are read: the corpus that the reader learns from, and lots that it never sees."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from core.domain import keywords
from core.domain.keywords import Reading

FOLDER = Path(__file__).parent / "corpus"
UNSEEN = FOLDER / "unseen"


class Sample(NamedTuple):
    """A text and what its writer wants.

    `qualified` is a wish to stop that holds only for a time, a number or a kind of text: never to be read as certain.
    """

    text: str
    kind: str
    lang: str
    topic: str | None = None


class Figures(NamedTuple):
    """How well opt-outs are found: `recall` counts certain and likely ones, `precision` the certain ones alone."""

    recall: float
    precision: float
    blocked_wrongly: float


def parts() -> list[Path]:
    """Name the parts of the corpus, in the order of their numbers; what lies deeper is never learned from."""
    return sorted(FOLDER.glob("*.jsonl"), key=lambda path: int(path.stem.rpartition("_")[2]))


def lots() -> list[Path]:
    """Name the lots that are for measuring alone."""
    return sorted(UNSEEN.glob("*.jsonl"))


def samples(paths: Iterable[Path]) -> list[Sample]:
    """Read labelled texts, one to a line; lots from elsewhere call the kind a label."""
    lines = [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]
    return [Sample(each["text"], each.get("kind") or each["label"], each["lang"], each.get("topic")) for each in lines]


def read(texts: Iterable[Sample]) -> list[tuple[Sample, Reading]]:
    """Read texts as production does."""
    return [(each, keywords.read(each.text)) for each in texts]


def measure(seen: Iterable[tuple[Sample, Reading]]) -> Figures:
    """Compare what was read with what was meant; a qualified request read as likely is neither right nor wrong."""
    counts = Counter((sample.kind, opt_out(reading)) for sample, reading in seen)
    wanted = sum(count for (kind, _), count in counts.items() if kind == "opt_out")
    others = sum(count for (kind, _), count in counts.items() if kind not in {"opt_out", "qualified"})
    certain = sum(count for (_, said), count in counts.items() if said == "certain")
    blocked = sum(
        count for (kind, said), count in counts.items() if kind not in {"opt_out", "qualified"} and said != "none"
    )
    return Figures(1 - counts["opt_out", "none"] / wanted, counts["opt_out", "certain"] / certain, blocked / others)


def opt_out(reading: Reading) -> str:
    """Tell how certainly a text was read as an opt-out."""
    return reading.certainty if reading.kind == "opt_out" else "none"
