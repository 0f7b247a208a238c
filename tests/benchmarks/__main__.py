"""`python -m tests.benchmarks [NAME…] [--large] [--tiny]`: run benchmarks; each prints one line of JSON."""

import argparse
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.benchmarks import pipeline, scene
from tests.benchmarks.stage import Stage

Goals = Mapping[str, tuple[str, float]]


@dataclass(frozen=True)
class Benchmark:
    """What to run, at which size, and what it should come to. `tiny` only shows that it runs."""

    run: Callable[..., dict[str, Any]]
    size: Mapping[str, int]
    tiny: Mapping[str, int]
    goals: Goals
    is_large: bool = False


_AT_LEAST, _AT_MOST = "at_least", "at_most"
_PIPELINE: Goals = {"ratio": (_AT_LEAST, 0.85), "cpu_ratio": (_AT_MOST, 1.3)}
_TINY_SEND = {"count": 60, "in_flight": 10, "rounds": 1}
BENCHMARKS = {
    "pipeline_10k": Benchmark(pipeline.compare, {"count": 10_000, "in_flight": 50}, _TINY_SEND, _PIPELINE),
    "pipeline_50k": Benchmark(
        pipeline.compare, {"count": 50_000, "in_flight": 50}, _TINY_SEND, _PIPELINE, is_large=True
    ),
    "latency_100": Benchmark(
        pipeline.compare,
        {"count": 5_000, "in_flight": 100, "latency_ms": 100},
        _TINY_SEND | {"latency_ms": 20},
        {"ratio": (_AT_LEAST, 0.95)},
    ),
    "latency_400": Benchmark(
        pipeline.compare,
        {"count": 12_000, "in_flight": 400, "latency_ms": 100},
        _TINY_SEND | {"latency_ms": 20},
        {"ratio": (_AT_LEAST, 0.9)},
    ),
    "thousand_a_second": Benchmark(
        pipeline.compare,
        {"count": 10_000, "in_flight": 120, "latency_ms": 100, "rounds": 1},
        _TINY_SEND | {"latency_ms": 20},
        {"per_s": (_AT_LEAST, 1000)},
    ),
    "first_request": Benchmark(scene.first_request, {"trials": 20}, {"trials": 2}, {"p95_ms": (_AT_MOST, 300)}),
    "all_at_once": Benchmark(
        scene.all_at_once,
        {"seconds": 10},
        {"seconds": 1},
        {"sends_per_s": (_AT_LEAST, 950), "callbacks_per_s": (_AT_LEAST, 3_400), "cores": (_AT_MOST, 1.5)},
    ),
    "callbacks": Benchmark(
        scene.callbacks,
        {"count": 10_000, "rounds": 3},
        {"count": 40, "rounds": 1},
        {
            "ratio": (_AT_LEAST, 0.5),
            "half_load_p99_ms": (_AT_MOST, 100),
            "times_each": (_AT_LEAST, 5),
            "refused": (_AT_MOST, 0),
            "memory_grown_mib": (_AT_MOST, 10),
            "stuck_at_sent": (_AT_MOST, 0),
        },
    ),
    "planning_100k": Benchmark(
        scene.planning_rows,
        {"count": 100_000, "rounds": 3},
        {"count": 100, "rounds": 1},
        {"ratio": (_AT_MOST, 1.5), "memory_grown_mib": (_AT_MOST, 10)},
    ),
    "planning_1m": Benchmark(
        scene.planning_rows,
        {"count": 1_000_000, "rounds": 3},
        {"count": 100, "rounds": 1},
        {"ratio": (_AT_MOST, 1.5), "memory_grown_mib": (_AT_MOST, 10)},
        is_large=True,
    ),
    "rows_100k": Benchmark(
        scene.rows_in_table, {"few": 1_000, "many": 100_000}, {"few": 20, "many": 100}, {"ratio": (_AT_MOST, 1.3)}
    ),
    "rows_1m": Benchmark(
        scene.rows_in_table,
        {"few": 1_000, "many": 1_000_000},
        {"few": 20, "many": 100},
        {"ratio": (_AT_MOST, 1.3)},
        is_large=True,
    ),
    "memory": Benchmark(
        pipeline.memory,
        {"few": 1_000, "many": 1_000_000},
        {"few": 20, "many": 60},
        {"grown_mib": (_AT_MOST, 10)},
        is_large=True,
    ),
    "two_workers": Benchmark(
        pipeline.two_workers,
        {"count": 5_000, "latency_ms": 100},
        {"count": 60, "rounds": 1, "latency_ms": 20},
        {"ratio": (_AT_LEAST, 1.6)},
    ),
    "for_scale": Benchmark(pipeline.for_scale, {"count": 1_000}, {"count": 20}, {}),
}


def measure(stage: Stage, name: str, *, is_tiny: bool = False) -> dict[str, Any]:
    """Run one benchmark, and set what it came to against what it should."""
    benchmark = BENCHMARKS[name]
    told = benchmark.run(stage, **(benchmark.tiny if is_tiny else benchmark.size))
    goals = {
        key: {how: value, "met": told[key] >= value if how == _AT_LEAST else told[key] <= value}
        for key, (how, value) in benchmark.goals.items()
    }
    rounded = {key: round(value, 3) if isinstance(value, float) else value for key, value in told.items()}
    return {"bench": name, **rounded, "goals": goals}


def main() -> None:
    """Run what was asked for; by default all that isn't large."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--large", action="store_true", help="also those that take many minutes")
    parser.add_argument("--tiny", action="store_true", help="only show that they run")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in BENCHMARKS]:
        parser.error(f"There is no benchmark {unknown[0]}: choose from {', '.join(BENCHMARKS)}.")
    names = asked.names or [name for name, each in BENCHMARKS.items() if asked.large or not each.is_large]
    cores, load = os.cpu_count(), round(os.getloadavg()[0], 2)
    print(json.dumps({"at": datetime.now(UTC).isoformat(), "cores": cores, "load_before": load}), flush=True)
    with Stage.up() as stage:
        for name in names:
            print(json.dumps(measure(stage, name, is_tiny=asked.tiny)), flush=True)


if __name__ == "__main__":
    main()
