"""The pace of a sender is shared by all who ask for it."""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from core.limits import FURTHEST_S, Pace
from tests.factories import SENDER

# Counted from when the answer is there.
NOW = pytest.approx(0, abs=0.1)


def ask(redis_url: str, *reservations: list[int], per_s: float = 10.0) -> list[list[float]]:
    """Reserve one after the other; return the waits of each."""

    async def reserve() -> list[list[float]]:
        async with Redis.from_url(redis_url) as redis:
            return [(await Pace(redis, segments_per_s=per_s).reserve(SENDER, each)).waits for each in reservations]

    return asyncio.run(reserve())


@pytest.fixture
def used(redis_url: str) -> str:
    """A Redis that knows the sender."""
    with SyncRedis.from_url(redis_url) as redis:
        redis.set(f"pace:{SENDER}", 1)
    return redis_url


def test_messages_are_spread_evenly_by_their_segments(used: str) -> None:
    ((first, second, third),) = ask(used, [1, 3, 1])
    assert first == NOW
    assert second - first == pytest.approx(0.1)
    assert third - first == pytest.approx(0.4)


def test_two_workers_share_one_pace(used: str) -> None:
    mine, theirs = ask(used, [1] * 3, [1] * 3)
    assert theirs[0] > 0.2
    assert theirs[-1] > mine[-1] + 0.2


def test_a_pause_leaves_no_burst_behind(used: str) -> None:
    ask(used, [1])
    ((first, second),) = ask(used, [1, 1])
    assert second - first > 0.099


def test_nobody_is_granted_a_moment_that_is_far_off_and_it_is_not_used_up(used: str) -> None:
    first, second, third = ask(used, [5, 5, 1], [1], [1])
    assert len(first) == 2
    assert second == third == []


def test_a_clock_that_was_set_back_does_not_stop_a_sender(redis_url: str) -> None:
    with SyncRedis.from_url(redis_url) as redis:
        redis.set(f"pace:{SENDER}", "99999999999999999")
    ((wait,),) = ask(redis_url, [1])
    assert wait == NOW


def test_a_redis_that_knows_nothing_grants_nothing_over_what_others_may_have_been_granted(redis_url: str) -> None:
    assert ask(redis_url, [1]) == [[pytest.approx(FURTHEST_S, abs=0.1)]]


@pytest.mark.parametrize("is_wiped", [True, False])
def test_a_redis_that_has_forgotten_is_told_better(used: str, *, is_wiped: bool) -> None:
    """Wiped, or come back with an old value: what was granted since then lies ahead still."""

    async def story() -> None:
        async with Redis.from_url(used) as redis:
            pace, key = Pace(redis, segments_per_s=10), f"pace:{SENDER}"
            await pace.reserve(SENDER, [1])
            before = int(await redis.get(key) or 0)
            assert max((await pace.reserve(SENDER, [1, 1])).waits) < FURTHEST_S
            await (redis.delete(key) if is_wiped else redis.set(key, before))
            assert (await pace.reserve(SENDER, [1])).waits == [pytest.approx(FURTHEST_S, abs=0.1)]
            assert (await pace.reserve(SENDER, [1])).waits == []

    asyncio.run(story())


def test_a_clock_that_was_set_back_makes_what_was_seen_absurd(used: str) -> None:
    async def story() -> None:
        async with Redis.from_url(used) as redis:
            pace = Pace(redis, segments_per_s=10)
            pace._seen_us[SENDER] = 99_999_999_999_999_999
            assert (await pace.reserve(SENDER, [1])).waits == [NOW]

    asyncio.run(story())


def answering_late(pace: Pace, patch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Have answers come late, as over a bad line or with a busy event loop; return what tells by how much."""
    ask_now: Any = pace._reserve
    late_s = [0.0]

    async def ask_late(**asked: Any) -> Any:
        told = await ask_now(**asked)
        await asyncio.sleep(late_s[0])
        return told

    patch.setattr(pace, "_reserve", ask_late)
    return partial(late_s.__setitem__, 0)


def test_a_moment_is_the_servers_however_late_we_hear_of_it(used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is granted by two answers, one late and one not, doesn't overlap."""

    async def story() -> None:
        async with Redis.from_url(used) as redis:
            pace, due = Pace(redis, segments_per_s=10), list[float]()
            be_late = answering_late(pace, monkeypatch)
            for late_s in (0.0, 0.0, 0.08, 0.0, 0.05, 0.0):
                be_late(late_s)
                waits = (await pace.reserve(SENDER, [1])).waits
                due += [monotonic() + wait for wait in waits]
            assert len(due) == 6
            assert min(later - earlier for earlier, later in pairwise(due)) > 0.099

    asyncio.run(story())


def test_where_answers_are_late_moments_lie_ahead(used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with Redis.from_url(used) as redis:
            pace = Pace(redis, segments_per_s=1000)
            answering_late(pace, monkeypatch)(0.05)
            late = [(await pace.reserve(SENDER, [1])).waits[0] for _ in range(6)]
            assert late[0] < -0.02
            assert min(late[1:]) > -0.02

    asyncio.run(story())
