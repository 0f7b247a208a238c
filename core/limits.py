"""Pace: how long to wait before a message may leave, shared by all workers through Redis."""

from collections.abc import Sequence
from typing import NamedTuple

from redis.asyncio import Redis

# No moment further ahead than this is given to anybody.
FURTHEST_S = 0.6
# No text has more segments; the last one that was granted keeps the next from leaving for as long.
_MOST_SEGMENTS = 12

# Generic cell rate algorithm without burst: each message reserves its own stretch of time after the last one's. The
# server's clock is the only one asked. The key never expires: if there is none, or one from before what the asker has
# seen, Redis was wiped, or was killed and came back with an old value; what was granted since then lies ahead still.
# If the clock was set back, the stretch ahead would be absurd.
_RESERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local key, per_segment, furthest, most_wait = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local seen, absurd = tonumber(ARGV[4]), now + furthest + per_segment * tonumber(ARGV[5])
local free = tonumber(redis.call('GET', key))
if seen > absurd then seen = 0 end
if not free or free < seen then free = math.max(seen, now + furthest) end
if free > absurd then free = seen end
if free < now then free = now end
local waits = {}
for i = 6, #ARGV do
  if free - now > most_wait then break end
  waits[#waits + 1] = free - now
  free = free + per_segment * tonumber(ARGV[i])
end
redis.call('SET', key, string.format('%.0f', free))
return {free - now, free, waits}
"""


class Reservation(NamedTuple):
    """How long to wait for each message that was granted a moment, and how long until the next is free, in seconds."""

    waits: list[float]
    free_in: float


class Pace:
    """The pace of senders, in segments per second, global over every process that shares the Redis."""

    def __init__(self, redis: Redis, *, segments_per_s: float) -> None:
        self._per_segment_us = 1_000_000 / segments_per_s
        self._reserve = redis.register_script(_RESERVE)
        self._seen_us: dict[str, int] = {}

    async def reserve(self, sender: str, segments: Sequence[int], *, most_wait_s: float = FURTHEST_S) -> Reservation:
        """Reserve a moment for each of the messages, in order, as long as it is no further away than `most_wait_s`.

        Those at the end that would have to wait for longer get none, and use up nothing.

        Raises:
            redis.exceptions.RedisError: Redis doesn't answer; nothing may leave without a reservation.
        """
        seen = self._seen_us.get(sender, 0)
        limits = [_us(FURTHEST_S), _us(min(most_wait_s, FURTHEST_S)), seen, _MOST_SEGMENTS]
        free_in, self._seen_us[sender], waits = await self._reserve(
            keys=[f"pace:{sender}"], args=[self._per_segment_us, *limits, *segments]
        )
        return Reservation([wait / 1_000_000 for wait in waits], free_in / 1_000_000)


def _us(seconds: float) -> int:
    return int(seconds * 1_000_000)
