"""The pace of a sender is shared by all who ask for it."""

import asyncio

from redis import Redis as SyncRedis
from redis.asyncio import Redis

from core.limits import Pace


def ask(redis_url: str, *reservations: list[int], per_s: float = 10.0) -> list[list[float]]:
    async def reserve() -> list[list[float]]:
        async with Redis.from_url(redis_url) as redis:
            return [await Pace(redis, segments_per_s=per_s).reserve("+12125550100", each) for each in reservations]

    return asyncio.run(reserve())


def test_messages_are_spread_evenly_by_their_segments(redis_url: str) -> None:
    ((first, second, third),) = ask(redis_url, [1, 3, 1])
    assert first == 0
    assert round(second, 3) == 0.1
    assert round(third, 3) == 0.4


def test_two_workers_share_one_pace(redis_url: str) -> None:
    mine, theirs = ask(redis_url, [1] * 5, [1] * 5)
    assert theirs[0] > 0.4
    assert theirs[-1] > mine[-1] + 0.4


def test_a_pause_leaves_no_burst_behind(redis_url: str) -> None:
    ask(redis_url, [1])
    ((first, second),) = ask(redis_url, [1, 1])
    assert second - first > 0.099


def test_a_clock_that_was_set_back_does_not_stop_a_sender(redis_url: str) -> None:
    with SyncRedis.from_url(redis_url) as redis:
        redis.set("pace:+12125550100", "99999999999999999")
    ((wait,),) = ask(redis_url, [1])
    assert wait == 0
