"""Several clocks share one timetable, and outlive outages."""

import threading
from datetime import datetime, timedelta

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway

from tests.factories import NOON
from workers.clock import Clock
from workers.timetable import Entry

HOURLY = timedelta(hours=1)


class Counted:
    """A step that counts its turns, and may fail the first times."""

    def __init__(self, failures: int = 0, stop_after: threading.Event | None = None) -> None:
        self.turns: list[datetime] = []
        self.failures = failures
        self.stop_after = stop_after

    def __call__(self, now: datetime) -> None:
        if self.failures:
            self.failures -= 1
            raise RedisAway
        self.turns.append(now)
        if self.stop_after:
            self.stop_after.set()


def test_of_several_clocks_one_takes_a_turn(redis_url: str) -> None:
    step = Counted()
    with Redis.from_url(redis_url) as redis:
        clocks = [Clock([Entry("nag", HOURLY, step)], redis) for _ in range(4)]
        for clock in clocks:
            clock.tick(NOON)
        assert len(step.turns) == 1
        for clock in clocks:
            clock.tick(NOON + HOURLY)
        assert len(step.turns) == 2


def test_a_clock_runs_an_entry_once_in_its_time(redis_url: str) -> None:
    step = Counted()
    with Redis.from_url(redis_url) as redis:
        clock = Clock([Entry("relay", timedelta(milliseconds=50), step)], redis)
        for late_ms in (0, 10, 49, 50, 60, 120):
            clock.tick(NOON + timedelta(milliseconds=late_ms))
    assert len(step.turns) == 3


def test_a_clock_outlives_an_outage(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.clock._TRY_AGAIN_S", 0.01)
    stopped = threading.Event()
    step = Counted(failures=3, stop_after=stopped)
    with Redis.from_url(redis_url) as redis:
        Clock([Entry("relay", timedelta(milliseconds=10), step)], redis).run(stopped)
    assert step.turns


def test_a_clock_that_was_set_back_goes_on(redis_url: str) -> None:
    step = Counted()
    with Redis.from_url(redis_url) as redis:
        clock = Clock([Entry("end_leases", timedelta(seconds=5), step)], redis)
        clock.tick(NOON)
        for late_s in range(0, 60, 5):
            clock.tick(NOON - timedelta(hours=1) + timedelta(seconds=late_s))
    assert len(step.turns) == 13


def test_an_entry_that_fails_keeps_no_other_from_its_turn(redis_url: str) -> None:
    def fail(now: datetime) -> None:
        raise ValueError("an odd row")

    step = Counted()
    with Redis.from_url(redis_url) as redis:
        clock = Clock([Entry("odd", HOURLY, fail), Entry("nag", HOURLY, step)], redis)
        clock.tick(NOON)
    assert step.turns == [NOON]


def test_what_needs_no_redis_goes_on_without_it() -> None:
    """Texts leave without Redis where there is no pace, so the brakes must work."""
    step = Counted()
    entries = [
        Entry("tell", timedelta(milliseconds=50), Counted(failures=9)),
        Entry("settle", timedelta(seconds=10), Counted(failures=9)),
        Entry("brake", timedelta(seconds=2), step),
    ]
    with Redis(host="127.0.0.1", port=1) as away:
        clock = Clock(entries, away)
        for late_s in (0, 1, 2):
            with pytest.raises(RedisAway):
                clock.tick(NOON + timedelta(seconds=late_s))
    assert step.turns == [NOON, NOON + timedelta(seconds=2)]
