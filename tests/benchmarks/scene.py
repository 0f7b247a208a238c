"""The benchmarks beside the pipeline's: how soon, how much at once, how many rows, how many callbacks."""

import resource
import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from subprocess import Popen
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from core import db
from core.clock import utc_now
from core.domain.channel import Accepted
from core.models import Audience
from core.usecases import planning, recording, sending
from core.usecases.recording import Result
from deploy import ports
from tests.benchmarks import callers, people, pipeline
from tests.benchmarks.stage import House, Stage, cpu_s, rss_mib, wait
from tests.factories import SENDER

_BATCH = 500
_SAMPLE = 10_000
# The same rows as a plan writes, for nobody in particular: no suppressions, no zones, no second run.
_BARE_INSERT = """
INSERT INTO deliveries (blast_id, contact_id, kind, channel, sender, address, priority, status, attempt, was_resent,
                        rank, segments, error_code, error, created_at, not_before)
SELECT :blast, c.id, 'blast', 'sms', :sender, c.phone, 5, 'pending', 0, false, 0, 0, 0, '', now(), now()
FROM contacts c JOIN memberships m ON m.contact_id = c.id WHERE m.audience_id = :audience
"""


def first_request(stage: Stage, *, trials: int) -> dict[str, Any]:
    """Measure from the commit of an approval to the first request at the provider, in an idle system."""
    waits_ms = []
    with stage.house(max_in_flight=50, max_per_recipient_per_hour=1000) as house:
        with db.transaction(house.engine) as session:
            pool = people.audience(session, 20)
        house.vacuum()
        pipeline.begin(house)
        pipeline.warm_up(house, pool)
        for _ in range(trials):
            stage.ask("/reset/0")
            with db.transaction(house.engine) as session:
                people.blast(session, pool)
            committed_at = time.time()
            wait(lambda: stage.ask("/counts")["accepted"] >= 20, seconds=60)
            waits_ms.append((stage.ask("/counts")["first_at"] - committed_at) * 1000)
            wait(lambda: not pipeline.has_open(house), seconds=60)
    waits_ms.sort()
    return {"trials": trials, "p50_ms": median(waits_ms), "p95_ms": waits_ms[max(0, -(-trials * 19 // 20) - 1)]}


def all_at_once(stage: Stage, *, seconds: int) -> dict[str, Any]:
    """Send 1,000 a second at 100 ms while 3,500 callbacks a second come in."""
    sends, calls = 1_000 * seconds, 3_500 * seconds // 2
    with stage.house(max_in_flight=120, sender_rate=1020) as house:
        first = accepted(house, calls)
        with db.transaction(house.engine) as session:
            everybody = session.scalars(sa.select(Audience)).one()
            pool = people.part(session, everybody, sends)
        house.vacuum()
        processes = [*pipeline.begin(house), webhooks(house)[0]]
        pipeline.warm_up(house, pool)
        stage.ask("/reset/100")
        before = stage.servers_cpu_s() + sum(cpu_s(process.pid) for process in processes)
        with db.transaction(house.engine) as session:
            people.blast(session, pool)
        began = time.time()
        called = house.run(
            "tests.benchmarks.callers", f"{house.env['WEBHOOKS_URL']}/twilio/status", first, calls, 3_500
        )
        wait(lambda: stage.ask("/counts")["accepted"] >= sends, seconds=seconds * 10)
        told, ended = stage.ask("/counts"), time.time()
        after = stage.servers_cpu_s() + sum(cpu_s(process.pid) for process in processes)
        return {
            "sends_per_s": sends / (told["last_at"] - told["first_at"]),
            "callbacks_per_s": called["per_s"],
            "callbacks_p99_ms": called["p99_ms"],
            "refused": called["refused"],
            "cores": (after - before) / (ended - began),
            "worker_rss_mib": rss_mib(processes[0].pid),
        }


def webhooks(house: House) -> tuple[Popen[bytes], int]:
    """Start the webhooks and wait until they listen; return their process and port."""
    (process,) = house.start("webhooks")
    port = int(house.env["WEBHOOKS_PORT"])
    wait(lambda: ports.is_healthy("/healthz", port=port), seconds=20)
    return process, port


def plan(session: Session, house: House, pool: Audience) -> None:
    """Plan a blast to everybody."""
    blast_id = people.blast(session, pool)
    planning.start(session, blast_id, sender=SENDER, quiet=None, max_lag=timedelta(days=1), now=utc_now())


def accepted(house: House, count: int) -> int:
    """Make deliveries that the provider has taken; return the first's id."""
    with db.transaction(house.engine) as session:
        plan(session, house, people.audience(session, count))
    house.vacuum()
    drain(house, count)
    return int(house.scalar("SELECT min(id) FROM deliveries"))


def drain(house: House, count: int) -> float:
    """Claim and record `count` deliveries, as a worker does; return the seconds of wall time."""
    began, left = time.perf_counter(), count
    while left > 0:
        with db.transaction(house.engine) as session:
            (lane,) = sending.lanes(session)[1:]
            most = min(left, _BATCH)
            claims = sending.claim(session, lane, sender=SENDER, limit=most, hourly_cap=10, now=utc_now())
        results = [Result(claim, Accepted(callers.sid(claim.id)), utc_now()) for claim in claims]
        with db.transaction(house.engine) as session:
            recording.record(session, results, max_attempts=8, now=utc_now())
        left -= len(claims)
    return time.perf_counter() - began


def planning_rows(stage: Stage, *, count: int, rounds: int) -> dict[str, Any]:
    """Plan a blast beside the barest statement that writes the same rows."""
    ours, bare = [], []
    with stage.house() as house:
        with db.transaction(house.engine) as session:
            pool = people.audience(session, count)
        house.vacuum()
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(rounds):
            bare.append(_timed(house, lambda session: _plan_bare(session, pool)))
            ours.append(_timed(house, lambda session: plan(session, house, pool)))
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    return {
        "recipients": count,
        "seconds": median(ours),
        "bare_seconds": median(bare),
        "ratio": median(one / other for one, other in zip(ours, bare, strict=True)),
        "memory_grown_mib": grown_mib,
    }


def _plan_bare(session: Session, pool: Audience) -> None:
    blast_id = people.blast(session, pool)
    session.execute(sa.text(_BARE_INSERT), {"blast": blast_id, "sender": SENDER, "audience": pool.id})


def _timed(house: House, work: Callable[[Session], None]) -> float:
    house.stage.settle()
    began = time.perf_counter()
    with db.transaction(house.engine) as session:
        work(session)
    seconds = time.perf_counter() - began
    with db.transaction(house.engine) as session:
        session.execute(sa.text("TRUNCATE deliveries CASCADE"))
    return seconds


def rows_in_table(stage: Stage, *, few: int, many: int) -> dict[str, Any]:
    """Measure what claiming and recording cost a message with few rows in the table, and half-way through many.

    In CPU, ours and the servers': fsync costs what the disk is like. Nothing is analyzed: that is how a table is in the
    minute after a large blast was planned.
    """
    with stage.house() as house:
        with db.transaction(house.engine) as session:
            pool = people.audience(session, few)
        costs = [_drained_cpu_s(house, pool, before=0, count=few) for _ in range(_SAMPLE // few or 1)]
    with stage.house() as house:
        with db.transaction(house.engine) as session:
            pool = people.audience(session, many)
        sample = min(_SAMPLE, many // 2)
        many_us = _drained_cpu_s(house, pool, before=many // 2, count=sample) / sample * 1e6
    few_us = sum(costs) / len(costs) / few * 1e6
    return {"few": few, "many": many, "few_cpu_us": few_us, "many_cpu_us": many_us, "ratio": many_us / max(few_us, 1)}


def _drained_cpu_s(house: House, pool: Audience, *, before: int, count: int) -> float:
    """Plan a blast, and return what sending `count` of it costs after so many were sent before."""
    with db.transaction(house.engine) as session:
        session.execute(sa.text("TRUNCATE deliveries CASCADE"))
        session.execute(sa.text("UPDATE blasts SET status = 'finished'"))
        plan(session, house, pool)
    drain(house, before)
    began = house.stage.servers_cpu_s() + time.process_time()
    drain(house, count)
    return house.stage.servers_cpu_s() + time.process_time() - began


def callbacks(stage: Stage, *, count: int, rounds: int) -> dict[str, Any]:
    """Have callbacks verified and committed, beside a door that only verifies, and one that commits each by itself."""
    with stage.house() as house:
        few = max(count // 10, 10)
        first = accepted(house, count * (rounds + 2) + few * rounds)
        doors = {"ours": webhooks(house), "bare": _door(house, "bare"), "each": _door(house, "each")}
        urls = {name: f"http://{ports.LOOPBACK}:{port}/twilio/status" for name, (_, port) in doors.items()}
        ran: dict[str, list[dict[str, Any]]] = {"ours": [], "bare": [], "each": []}
        for _ in range(rounds):
            stage.settle()
            for name, calls in (("bare", count), ("ours", count), ("each", few)):
                began = cpu_s(doors[name][0].pid)
                told = _called(house, urls[name], first + (count if name == "each" else 0), calls)
                ran[name].append(told | {"cpu_us": (cpu_s(doors[name][0].pid) - began) / calls / 2 * 1e6})
            first += count + few
        half = median(run["per_s"] for run in ran["ours"]) / 2
        calm = house.run("tests.benchmarks.callers", urls["ours"], first, count, half)
        before_mib = rss_mib(doors["ours"][0].pid)
        twice = house.run("tests.benchmarks.callers", urls["ours"], first + count, count, 0, callers.CONNECTIONS * 2)
        grown_mib = rss_mib(doors["ours"][0].pid) - before_mib
        open_rows = house.scalar("SELECT count(*) FROM deliveries WHERE status = 'sent'")
    ratios = zip(ran["ours"], ran["bare"], strict=True)
    return {
        "callbacks": count * 2,
        "per_s": median(run["per_s"] for run in ran["ours"]),
        "bare_per_s": median(run["per_s"] for run in ran["bare"]),
        "each_per_s": median(run["per_s"] for run in ran["each"]),
        "ratio": median(ours["per_s"] / other["per_s"] for ours, other in ratios),
        "cpu_us": median(run["cpu_us"] for run in ran["ours"]),
        "bare_cpu_us": median(run["cpu_us"] for run in ran["bare"]),
        "times_each": median(a["per_s"] / b["per_s"] for a, b in zip(ran["ours"], ran["each"], strict=True)),
        "half_load_p99_ms": calm["p99_ms"],
        "refused": sum(run["refused"] for runs in ran.values() for run in runs) + calm["refused"] + twice["refused"],
        "twice_the_connections_per_s": twice["per_s"],
        "memory_grown_mib": grown_mib,
        "stuck_at_sent": open_rows,
    }


def _called(house: House, url: str, first: int, count: int) -> dict[str, Any]:
    return house.run("tests.benchmarks.callers", url, first, count, 0)


def _door(house: House, kind: str) -> tuple[Popen[bytes], int]:
    port = ports.free_port()
    (process,) = house.start("tests.benchmarks.doors", arguments=(kind, str(port)))
    wait(lambda: not ports.is_free(port), seconds=20)
    return process, port
