"""The pace of a sender is shared by all who ask for it."""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from time import monotonic, time
from typing import Any

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from core.limits import FURTHEST_S, Pace, Reservation
from deploy.redis import RedisServer
from tests.factories import SENDER

pytestmark = pytest.mark.alone

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
    """A Redis that knows the sender, and has granted nothing for long."""
    with SyncRedis.from_url(redis_url) as redis:
        redis.set(f"pace:{SENDER}", f"1 1 {life_of(redis)}")
    return redis_url


def life_of(redis: SyncRedis) -> str:
    told: Any = redis.info("server")
    return str(told["run_id"])


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


def test_who_asks_a_little_late_gets_the_moment_that_was_free(used: str) -> None:
    """What is lost at each text of a slow sender, it would never make up for."""

    async def story() -> None:
        async with Redis.from_url(used) as redis:
            pace = Pace(redis, segments_per_s=10)
            first = monotonic() + (await pace.reserve(SENDER, [1])).waits[0]
            await asyncio.sleep(first + 0.11 - monotonic())
            second, third = (await pace.reserve(SENDER, [1, 1])).waits
            assert second == pytest.approx(0, abs=0.02)
            assert third - second < 0.095

    asyncio.run(story())


def test_nobody_is_granted_a_moment_that_is_far_off_and_it_is_not_used_up(used: str) -> None:
    first, second, third = ask(used, [5, 5, 1], [1], [1])
    assert len(first) == 2
    assert second == third == []


@pytest.mark.parametrize("segments", [7, 13, 40])
def test_a_long_text_keeps_the_next_from_leaving_for_as_long(used: str, segments: int) -> None:
    async def story() -> None:
        async with Redis.from_url(used) as redis:
            pace = Pace(redis, segments_per_s=5)
            assert len((await pace.reserve(SENDER, [segments])).waits) == 1
            after = await pace.reserve(SENDER, [1])
            assert after.waits == []
            assert after.free_in == pytest.approx(segments / 5, abs=0.1)

    asyncio.run(story())


def test_a_clock_that_was_set_back_does_not_stop_a_sender(redis_url: str) -> None:
    with SyncRedis.from_url(redis_url) as redis:
        redis.set(f"pace:{SENDER}", f"99999999999999999 99999999999999999 {life_of(redis)}")
    assert free_again(redis_url, per_s=100) == pytest.approx([FURTHEST_S + 0.24], abs=0.1)


def test_a_clock_that_was_set_forward_grants_nothing_among_what_was_granted_before(
    used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Redis sees it, all of that has passed."""

    async def an_hour_ahead(**_: Any) -> Any:
        now = int((time() + 3600) * 1_000_000)
        return [now, now, [0]]

    async def story() -> None:
        async with Redis.from_url(used) as redis:
            pace = Pace(redis, segments_per_s=10)
            assert len((await pace.reserve(SENDER, [1] * 5)).waits) == 5
            monkeypatch.setattr(pace, "_reserve", an_hour_ahead)
            assert await pace.reserve(SENDER, [1]) == ([], FURTHEST_S)
            await asyncio.sleep(FURTHEST_S)
            assert (await pace.reserve(SENDER, [1])).waits == [NOW]

    asyncio.run(story())


def free_again(redis_url: str, *, per_s: float) -> list[float]:
    """Return in how many seconds a pace that nobody remembers is free; nothing is granted until then."""
    waits: list[float] = []

    async def story() -> None:
        async with Redis.from_url(redis_url) as redis:
            first = await Pace(redis, segments_per_s=per_s).reserve(SENDER, [1])
            assert first.waits == []
            waits.append(first.free_in)

    asyncio.run(story())
    return waits


@pytest.mark.parametrize(("per_s", "apart_s"), [(200, 0.12), (24, 1.0), (0.1, 1.0)])
def test_a_redis_that_knows_nothing_grants_nothing_beside_what_others_may_have_been_granted(
    redis_url: str, per_s: float, apart_s: float
) -> None:
    assert free_again(redis_url, per_s=per_s) == pytest.approx([FURTHEST_S + apart_s], abs=0.1)


def test_a_redis_that_was_killed_is_not_believed_by_anybody(redis_server: RedisServer, used: str) -> None:
    """It may come back with an old value, also for a process that has never seen a newer one."""

    async def reserve(how_many: int) -> Reservation:
        async with Redis.from_url(redis_server.url) as redis:
            return await Pace(redis, segments_per_s=100).reserve(SENDER, [1] * how_many)

    with SyncRedis.from_url(used) as redis:
        old: Any = redis.get(f"pace:{SENDER}")
    assert len(asyncio.run(reserve(20)).waits) == 20
    redis_server.kill()
    redis_server.start()
    with SyncRedis.from_url(redis_server.url) as redis:
        redis.set(f"pace:{SENDER}", old)
    told = asyncio.run(reserve(1))
    assert told.waits == []
    assert told.free_in == pytest.approx(FURTHEST_S + 0.24, abs=0.1)
    assert asyncio.run(reserve(1)).free_in == pytest.approx(told.free_in, abs=0.1), "it goes on from there"


def test_what_lies_ahead_when_redis_is_killed_lies_ahead_afterwards(redis_server: RedisServer, used: str) -> None:
    async def free_in() -> float:
        async with Redis.from_url(redis_server.url) as redis:
            return (await Pace(redis, segments_per_s=1).reserve(SENDER, [5])).free_in

    before = asyncio.run(free_in())
    with SyncRedis.from_url(used) as redis:
        kept: Any = redis.get(f"pace:{SENDER}")
    redis_server.kill()
    redis_server.start()
    with SyncRedis.from_url(redis_server.url) as redis:
        redis.set(f"pace:{SENDER}", kept)
    assert before == pytest.approx(5, abs=0.1)
    assert 2 < asyncio.run(free_in()) <= 5


def test_over_a_long_line_the_clock_is_asked_for_once_and_not_each_time(
    used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with Redis.from_url(used) as redis:
            pace, asked = Pace(redis, segments_per_s=1000), 0
            answering_late(pace, monkeypatch)(0.03)
            ask_late: Any = pace._reserve

            async def count(**what: Any) -> Any:
                nonlocal asked
                asked += 1
                return await ask_late(**what)

            monkeypatch.setattr(pace, "_reserve", count)
            await pace.reserve(SENDER, [1])
            before = asked
            for _ in range(10):
                await pace.reserve(SENDER, [1])
            assert before > 1
            assert asked - before <= 12

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
            assert len(late) == 6
            assert min(late) > -0.02

    asyncio.run(story())


def test_how_far_our_clock_is_ahead_is_found_out_before_anything_is_granted(
    used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is late, since a connection is made first: by it alone, moments would be anywhere."""

    async def story() -> None:
        async with Redis.from_url(used) as redis:
            pace, due = Pace(redis, segments_per_s=10), list[float]()
            late_s, ask_now = [0.3, 0.0, 0.0, 0.2], pace._reserve

            async def ask_late(**asked: Any) -> Any:
                told = await ask_now(**asked)
                await asyncio.sleep(late_s.pop(0) if late_s else 0)
                return told

            monkeypatch.setattr(pace, "_reserve", ask_late)
            for count in (5, 1, 1, 1):
                due += [monotonic() + wait for wait in (await pace.reserve(SENDER, [1] * count)).waits]
            assert len(due) > 5
            assert min(later - earlier for earlier, later in pairwise(due)) > 0.095

    asyncio.run(story())
