"""Pace: how long to wait before a message may leave, shared by all workers through Redis."""

import math
from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from redis.asyncio import Redis

# No moment further ahead than this is given to anybody.
FURTHEST_S = 0.6
# Where it isn't known how many segments the last text had, the next keeps as far from it as from one of so many: 1,600
# characters in UCS-2; but no further than that no second holds both.
_MOST_SEGMENTS, _WINDOW_S = 24, 1.0
# Whoever asks late by no more than this share of a segment's time, gets the moment that was free, and loses nothing.
_FORGIVEN, _MOST_FORGIVEN_S = 0.35, 0.3
# How long an answer takes is learned at once, and forgotten slowly.
_FORGETS, _MOST_LEAD_S = 0.9, 0.2
# Two clocks of machines that keep the time part by less.
_DRIFT = 0.0005
# How far ours is ahead must be known this well, before a moment is worth anything. Over a long line, or on a busy
# machine, it never is: then nearly as well as so many questions could tell.
_WELL_KNOWN_S, _MOST_QUESTIONS, _NEARLY = 0.008, 5, 1.5

# Generic cell rate algorithm without burst: each message reserves its own stretch of time after the last one's. The
# server's clock is the only one asked. The key never expires, and holds when the next moment is free, the last moment
# that was granted, and the life of Redis that granted it. If there is none, Redis was wiped; if it is of another life,
# Redis was killed and came back with an old value, or a copy of it took over. If the last moment lies further ahead
# than any is granted, the clock was set back. In all three, what others may have been granted lies ahead still.
_RESERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local life = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local key, per_segment, furthest, most_wait = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local lead, forgiven, beyond_all = tonumber(ARGV[4]), tonumber(ARGV[5]), now + furthest + tonumber(ARGV[6])
local free, last, granted_in = string.match(redis.call('GET', key) or '', '^(%d+) (%d+) (%w+)$')
free, last = tonumber(free), tonumber(last)
local is_news = granted_in ~= life
if not free or last > now + furthest then
  free, last, is_news = beyond_all, now, true
elseif is_news then
  free = math.max(free, beyond_all)
elseif free < now + lead - forgiven then
  free = now + lead
end
local waits = {}
for i = 7, #ARGV do
  local wait = math.max(free - now, lead)
  if wait > most_wait then break end
  waits[#waits + 1], last = wait, now + wait
  free = free + per_segment * tonumber(ARGV[i])
end
if is_news or #waits > 0 then redis.call('SET', key, string.format('%.0f %.0f %s', free, last, life)) end
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
        self._forgiven_us = _us(min(_FORGIVEN / segments_per_s, _MOST_FORGIVEN_S))
        self._apart_us = _us(min(_MOST_SEGMENTS / segments_per_s, _WINDOW_S))
        self._reserve = redis.register_script(_RESERVE)
        self._ahead = _Ahead()
        self._well_known_s = _WELL_KNOWN_S
        self._takes_s = 0.0

    async def reserve(self, sender: str, segments: Sequence[int], *, most_wait_s: float = FURTHEST_S) -> Reservation:
        """Reserve a moment for each of the messages, in order, as long as it is no further away than `most_wait_s`.

        Those at the end that would have to wait for longer get none, and use up nothing.

        Raises:
            redis.exceptions.RedisError: Redis doesn't answer; nothing may leave without a reservation.
        """
        if self._ahead.known_to_s(monotonic()) > self._well_known_s:
            await self._ask_for_the_clock(sender)
        reservation = await self._ask(sender, segments, most_wait_s)
        if self._ahead.was_set_at > monotonic() - FURTHEST_S:
            # What was granted by the clock as it was lies ahead still, and these moments fall among it.
            return Reservation([], FURTHEST_S)
        return reservation

    async def _ask_for_the_clock(self, sender: str) -> None:
        known_to_s, asked = math.inf, 0
        while known_to_s > _WELL_KNOWN_S and asked < _MOST_QUESTIONS:
            await self._ask(sender, [], 0.0)
            known_to_s, asked = self._ahead.known_to_s(monotonic()), asked + 1
        self._well_known_s = max(_WELL_KNOWN_S, _NEARLY * known_to_s)

    async def _ask(self, sender: str, segments: Sequence[int], most_wait_s: float) -> Reservation:
        # Nothing is granted that would be over before we hear of it.
        lead = _us(min(self._takes_s, _MOST_LEAD_S))
        limits = [_us(FURTHEST_S), _us(min(most_wait_s, FURTHEST_S)), lead, self._forgiven_us, self._apart_us]
        asked_at = monotonic()
        now, free, waits = await self._reserve(keys=[f"pace:{sender}"], args=[self._per_segment_us, *limits, *segments])
        told_at = monotonic()
        self._takes_s = max(told_at - asked_at, _FORGETS * self._takes_s)
        ahead = self._ahead.of(now / 1_000_000, asked_at, told_at)
        # An answer may be long in coming: what it grants begins at the server's time, not when we hear of it.
        gone = told_at - ahead - now / 1_000_000
        return Reservation([wait / 1_000_000 - gone for wait in waits], (free - now) / 1_000_000 - gone)


class _Ahead:
    """By how much our monotonic clock is ahead of the server's, in seconds, ever closer with each answer."""

    def __init__(self) -> None:
        self._least, self._most = -math.inf, math.inf
        self._at = 0.0
        self.was_set_at = -math.inf

    def known_to_s(self, now: float) -> float:
        """Return how well it is known: the widest that it may be off."""
        return self._most - self._least + 2 * _DRIFT * (now - self._at)

    def of(self, servers: float, asked_at: float, told_at: float) -> float:
        """Return it, now that the server said what its clock was at some time between the two of ours."""
        drifted = _DRIFT * (told_at - self._at)
        least = max(self._least - drifted, asked_at - servers)
        most = min(self._most + drifted, told_at - servers)
        if least > most:  # the server's clock was set
            least, most = asked_at - servers, told_at - servers
            self.was_set_at = told_at
        self._least, self._most, self._at = least, most, told_at
        return (least + most) / 2


def _us(seconds: float) -> int:
    return int(seconds * 1_000_000)
