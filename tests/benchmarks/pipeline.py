"""The whole way of a blast through clock, worker, PostgreSQL and Redis, beside a loop that only posts."""

import time
from dataclasses import dataclass
from statistics import median
from subprocess import Popen
from typing import Any

import redis
import sqlalchemy as sa
from sqlmodel import col

from core import db
from core.models import Audience, Membership
from tests.benchmarks import people
from tests.benchmarks.stage import House, Stage, cpu_s, rss_mib, wait

_LONGEST_S = 900
_IDLE_S = 1.0
_FEW = 100


@dataclass(frozen=True)
class Run:
    """What one blast took. `per_s` counts from the first request to the last recorded answer."""

    per_s: float
    from_approval_per_s: float
    cpu_us: float
    servers_us: float
    rss_mib: float


def send(house: House, count: int, *, workers: int = 1, latency_ms: int = 0) -> Run:
    """Send a blast to `count` people and wait until every answer is recorded."""
    stage = house.stage
    with db.transaction(house.engine) as session:
        pool = people.audience(session, count)
    house.vacuum()
    processes = begin(house, workers=workers)
    warm_up(house, pool)
    stage.ask(f"/reset/{latency_ms}")
    stage.settle()
    before = _cost(processes), stage.servers_cpu_s()
    with db.transaction(house.engine) as session:
        people.blast(session, pool)
    approved_at = time.time()
    wait(lambda: stage.ask("/counts")["accepted"] >= count, seconds=_LONGEST_S, step_s=0.05)
    wait(lambda: not has_open(house), seconds=60, step_s=0.01)
    ended_at = time.time()
    after = _cost(processes), stage.servers_cpu_s()
    told = stage.ask("/counts")
    assert (told["accepted"], told["doubles"]) == (count, 0), told
    return Run(
        per_s=count / (ended_at - told["first_at"]),
        from_approval_per_s=count / (ended_at - approved_at),
        cpu_us=(after[0] - before[0]) / count * 1e6,
        servers_us=(after[1] - before[1]) / count * 1e6,
        rss_mib=rss_mib(processes[0].pid),
    )


def begin(house: House, *, workers: int = 1) -> list[Popen[bytes]]:
    """Start workers and a clock, and wait until they have nothing to do."""
    processes = house.start(*["workers"] * workers, "workers.clock")
    wait(lambda: _is_up(house, workers), seconds=30)
    time.sleep(_IDLE_S)
    return processes


def warm_up(house: House, pool: Audience) -> None:
    """Send once, so that what a process does only the first time isn't measured: these processes run for months."""
    house.stage.ask("/reset/0")
    with db.transaction(house.engine) as session:
        few = people.part(session, pool, _FEW)
        people.blast(session, few)
        count = session.execute(sa.select(sa.func.count()).where(col(Membership.audience_id) == few.id)).scalar_one()
    wait(lambda: house.stage.ask("/counts")["accepted"] >= count, seconds=60)
    wait(lambda: not has_open(house), seconds=60)
    time.sleep(_IDLE_S)


def _is_up(house: House, workers: int) -> bool:
    """Tell whether the workers ask for nudges, and the clock looks at the database."""
    with redis.Redis.from_url(house.stage.redis.url) as client:
        is_asked = client.zcard("blast:__heartbeats__") >= workers
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return is_asked and bool(house.scalar(others))


def _cost(processes: list[Popen[bytes]]) -> float:
    return sum(cpu_s(process.pid) for process in processes)


def has_open(house: House) -> bool:
    """Tell whether an answer isn't recorded yet."""
    return bool(house.scalar("SELECT 1 FROM deliveries WHERE status IN ('pending', 'claimed') LIMIT 1"))


def compare(stage: Stage, *, count: int, in_flight: int, latency_ms: int = 0, rounds: int = 3) -> dict[str, Any]:
    """Send and loop in turns, and set the medians against each other."""
    ours: list[Run] = []
    bare: list[dict[str, Any]] = []
    for _ in range(rounds):
        with stage.house(max_in_flight=in_flight) as house:
            stage.ask(f"/reset/{latency_ms}")
            bare.append(house.run("tests.benchmarks.loops", "bare", count, in_flight))
            ours.append(send(house, count, latency_ms=latency_ms))
    return {
        "recipients": count,
        "in_flight": in_flight,
        "latency_ms": latency_ms,
        "per_s": median(run.per_s for run in ours),
        "bare_per_s": median(run["per_s"] for run in bare),
        "ratio": median(run.per_s / other["per_s"] for run, other in zip(ours, bare, strict=True)),
        "ratio_from_approval": median(
            run.from_approval_per_s / other["per_s"] for run, other in zip(ours, bare, strict=True)
        ),
        "cpu_us": median(run.cpu_us for run in ours),
        "bare_cpu_us": median(run["cpu_us"] for run in bare),
        "cpu_ratio": median(run.cpu_us / other["cpu_us"] for run, other in zip(ours, bare, strict=True)),
        "servers_cpu_us": median(run.servers_us for run in ours),
        "worker_rss_mib": median(run.rss_mib for run in ours),
    }


def two_workers(stage: Stage, *, count: int, latency_ms: int, rounds: int = 3) -> dict[str, Any]:
    """Send with one worker process and with two, in turns; with a latency, so that two cores allow it."""
    per_s: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers in (1, 2):
            with stage.house(max_in_flight=50) as house:
                per_s[workers].append(send(house, count, workers=workers, latency_ms=latency_ms).per_s)
    ratio = median(two / one for one, two in zip(per_s[1], per_s[2], strict=True))
    return {
        "recipients": count,
        "latency_ms": latency_ms,
        "one_per_s": median(per_s[1]),
        "two_per_s": median(per_s[2]),
        "ratio": ratio,
    }


def for_scale(stage: Stage, *, count: int) -> dict[str, Any]:
    """Send the way Twilio's guide shows, the way queues are mostly used, bare, and ours."""
    with stage.house(max_in_flight=50) as house:
        stage.ask("/reset/0")
        sdk = house.run("tests.benchmarks.loops", "sdk", count, 1)
        tasks = house.run("tests.benchmarks.task_queue", count, 25)
        bare = house.run("tests.benchmarks.loops", "bare", count * 10, 50)
        ours = send(house, count * 10)
    rates = {"sdk_loop": sdk["per_s"], "task_per_text": tasks["per_s"], "ours": ours.per_s}
    shares = {f"{name}_ratio": per_s / bare["per_s"] for name, per_s in rates.items()}
    return {"texts": count, **{f"{name}_per_s": per_s for name, per_s in rates.items()}, **shares}


def memory(stage: Stage, *, few: int, many: int) -> dict[str, Any]:
    """Send to few and to many, and see how much more memory the worker has in the end."""
    found = {}
    for count in (few, many):
        with stage.house(max_in_flight=50) as house:
            found[count] = send(house, count)
    grown = found[many].rss_mib - found[few].rss_mib
    return {"few": few, "many": many, "few_mib": found[few].rss_mib, "grown_mib": grown, "per_s": found[many].per_s}
