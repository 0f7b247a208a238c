"""Every benchmark runs, and prints one line of JSON with what it should come to; nothing is timed here."""

import json
from collections.abc import Iterator

import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks.stage import Stage

pytestmark = [pytest.mark.alone, pytest.mark.slow]

# One for each thing that is run; the others differ in size alone.
NAMES = list({each.run: name for name, each in reversed(benchmarks.BENCHMARKS.items())}.values())


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage.up() as stage:
        yield stage


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_runs_and_is_set_against_its_goals(stage: Stage, name: str) -> None:
    told = json.loads(json.dumps(benchmarks.measure(stage, name, is_tiny=True)))
    assert told["bench"] == name
    assert set(told["goals"]) == set(benchmarks.BENCHMARKS[name].goals)
    assert all(isinstance(goal["met"], bool) for goal in told["goals"].values())
    assert told.get("refused", 0) == told.get("stuck_at_sent", 0) == 0
