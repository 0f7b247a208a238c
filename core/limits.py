"""Pace: how long to wait before a message may leave, shared by all workers through Redis."""

from collections.abc import Sequence

from redis.asyncio import Redis

# Generic cell rate algorithm without burst: each message reserves its own stretch of time after the last one's. The
# server's clock is the only one asked. If that clock was set back, the stretch ahead would be absurd: it starts anew.
_RESERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local key, per_segment, horizon = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local free = tonumber(redis.call('GET', key) or 0)
if free < now or free > now + horizon then free = now end
local waits = {}
for i = 3, #ARGV do
  waits[#waits + 1] = free - now
  free = free + per_segment * tonumber(ARGV[i])
end
redis.call('SET', key, string.format('%.0f', free), 'PX', math.ceil((free - now) / 1000) + 60000)
return waits
"""
_HORIZON_S = 120


class Pace:
    """The pace of senders, in segments per second, global over every process that shares the Redis."""

    def __init__(self, redis: Redis, *, segments_per_s: float) -> None:
        self._redis = redis
        self._per_segment_us = 1_000_000 / segments_per_s
        self._reserve = redis.register_script(_RESERVE)

    async def reserve(self, sender: str, segments: Sequence[int]) -> list[float]:
        """Reserve a moment for each of the messages, in order; returns how long to wait for each, in seconds.

        Raises:
            redis.exceptions.RedisError: Redis doesn't answer; nothing may leave without a reservation.
        """
        horizon_us = _HORIZON_S * 1_000_000
        waits = await self._reserve(keys=[f"pace:{sender}"], args=[self._per_segment_us, horizon_us, *segments])
        return [wait / 1_000_000 for wait in waits]
