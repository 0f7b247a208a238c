"""Pace: how long to wait before a message may leave, shared by all workers through Redis."""

import math
from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from redis.asyncio import Redis

# No moment further ahead than this is given to anybody.
FURTHEST_S = 0.6
# No text has more segments; the last one that was granted keeps the next from leaving for as long.
_MOST_SEGMENTS = 12
# How long an answer takes is learned at once, and forgotten slowly.
_FORGETS, _MOST_LEAD_S = 0.9, 0.2
# Two clocks of machines that keep the time part by less.
_DRIFT = 0.0005

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
free = math.max(free, now + tonumber(ARGV[6]))
local waits = {}
for i = 7, #ARGV do
  if free - now > most_wait then break end
  waits[#waits + 1] = free - now
  free = free + per_segment * tonumber(ARGV[i])
end
redis.call('SET', key, string.format('%.0f', free))
return {now, free, waits}
"""


class Reservation(NamedTuple):
    """How long to wait for each message that was granted a moment, and how long until the next is free, in seconds.

    Counted from when it is handed over; a moment that has passed by then is below 0.
    """

    waits: list[float]
    free_in: float


class Pace:
    """The pace of senders, in segments per second, global over every process that shares the Redis."""

    def __init__(self, redis: Redis, *, segments_per_s: float) -> None:
        self._per_segment_us = 1_000_000 / segments_per_s
        self._reserve = redis.register_script(_RESERVE)
        self._seen_us: dict[str, int] = {}
        self._ahead = _Ahead()
        self._takes_s = 0.0

    async def reserve(self, sender: str, segments: Sequence[int], *, most_wait_s: float = FURTHEST_S) -> Reservation:
        """Reserve a moment for each of the messages, in order, as long as it is no further away than `most_wait_s`.

        Those at the end that would have to wait for longer get none, and use up nothing.

        Raises:
            redis.exceptions.RedisError: Redis doesn't answer; nothing may leave without a reservation.
        """
        seen = self._seen_us.get(sender, 0)
        # Nothing is granted that would be over before we hear of it.
        lead = _us(min(self._takes_s, _MOST_LEAD_S))
        limits = [_us(FURTHEST_S), _us(min(most_wait_s, FURTHEST_S)), seen, _MOST_SEGMENTS, lead]
        asked_at = monotonic()
        now, free, waits = await self._reserve(keys=[f"pace:{sender}"], args=[self._per_segment_us, *limits, *segments])
        self._seen_us[sender] = free
        told_at = monotonic()
        self._takes_s = max(told_at - asked_at, _FORGETS * self._takes_s)
        # An answer may be long in coming: what it grants begins at the server's time, not when we hear of it.
        gone = told_at - self._ahead.of(now / 1_000_000, asked_at, told_at) - now / 1_000_000
        return Reservation([wait / 1_000_000 - gone for wait in waits], (free - now) / 1_000_000 - gone)


class _Ahead:
    """By how much our monotonic clock is ahead of the server's, in seconds, ever closer with each answer."""

    def __init__(self) -> None:
        self._least, self._most = -math.inf, math.inf
        self._at = 0.0

    def of(self, servers: float, asked_at: float, told_at: float) -> float:
        """Return it, now that the server said what its clock was at some time between the two of ours."""
        drifted = _DRIFT * (told_at - self._at)
        least = max(self._least - drifted, asked_at - servers)
        most = min(self._most + drifted, told_at - servers)
        if least > most:  # the server's clock was set
            least, most = asked_at - servers, told_at - servers
        self._least, self._most, self._at = least, most, told_at
        return (least + most) / 2


def _us(seconds: float) -> int:
    return int(seconds * 1_000_000)
