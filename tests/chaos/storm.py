"""A storm over a running blast: seeded, with a list of what happened; afterwards everything is calm again."""

import math
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

import redis
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from core.domain.lifecycles import BlastStatus
from deploy.postgres import PostgresServer
from sandbox.story.stand_ins import Impossible
from tests.chaos.place import Place

_CALM: dict[str, Any] = {
    "latency_ms": 0,
    "shuffle": False,
    "duplicate": 0,
    "lose": 0,
    "break_before": 0,
    "break_after": 0,
    "cut_before": 0,
    "cut_after": 0,
    "silent": 0,
    "max_concurrent_requests": 0,
}
# Callbacks are never all right while it rages.
_ROUGH = _CALM | {"lose": 0.05, "duplicate": 0.05, "shuffle": True}
_FAULTS: tuple[dict[str, Any], ...] = (
    {"break_before": 0.1},
    {"break_after": 0.1},
    {"cut_before": 0.1, "cut_after": 0.1},
    {"silent": 0.04},
    {"lose": 0.3, "duplicate": 0.3},
    {"latency_ms": 300},
    {"latency_ms": 100, "max_concurrent_requests": 5},
    {"break_before": 0.05, "break_after": 0.05, "lose": 0.5},
    {},
)
_STEPS_S = (-7200, -1200, -45, -5, 5, 45, 1200, 7200)


@dataclass
class Storm:
    """What goes wrong while a blast runs. `database`: its server, where there is one that can be restarted."""

    site: Place
    blast_id: UUID
    crowd: list[str]
    chance: random.Random
    database: PostgresServer | None = None
    stopped: set[str] = field(default_factory=set)
    calm_since: float = math.inf
    story: list[str] = field(default_factory=list)

    def approve(self) -> None:
        """Have the blast approved, by somebody whose press the bot doesn't survive."""
        self.site.stand_ins.behave(**_ROUGH)
        insist(lambda: self.site.press("approve"))
        self._kill_the_bot_during("approve")
        self._decide("approve", until=lambda status: status is not BlastStatus.IN_REVIEW)

    def rage(self, *, events: int) -> None:
        """Let `events` things happen, a moment apart."""
        happenings = [
            self.kill_a_worker,
            self.kill_a_worker,
            self.kill_a_clock,
            self.kill_the_webhooks,
            self.kill_the_bot,
            self.kill_redis,
            self.empty_redis,
            self.trouble_the_provider,
            self.trouble_the_provider,
            self.text_stop,
            self.text_stop,
            self.pause_for_a_moment,
            self.set_a_clock,
            *([self.restart_the_database] if self.database else []),
        ]
        for _ in range(events):
            happening = self.chance.choice(happenings)
            self.story.append(happening.__name__)
            happening()
            self.linger(0.1, 0.8)

    def calm(self) -> None:
        """Put everything right again: from here on all can take its course."""
        self.site.stand_ins.behave(**_CALM)
        self.site.set_clocks([], off_by_s=0)
        self.resume()
        self.calm_since = monotonic()

    def kill_a_worker(self) -> None:
        """Kill a worker in mid-work; another comes up in its place, at once or later."""
        self._replace(self.chance.choice(self.site.workers))

    def kill_a_clock(self) -> None:
        """Kill a clock."""
        self._replace(self.chance.choice(self.site.clocks))

    def kill_the_webhooks(self) -> None:
        """Kill what takes receipts and texts."""
        self._replace("webhooks")

    def kill_redis(self) -> None:
        """Kill Redis; it comes back with what it had written down."""
        self.site.redis.kill()
        self.linger(0, 1.5)
        self.site.redis.start()

    def empty_redis(self) -> None:
        """Have Redis forget everything."""
        with redis.Redis.from_url(self.site.redis.url) as client:
            client.flushall()

    def restart_the_database(self) -> None:
        """Kill the database, or stop it; it comes back after a moment."""
        assert self.database is not None
        self.chance.choice((self.database.kill, self.database.stop))()
        self.linger(0, 1)
        self.database.start()

    def trouble_the_provider(self) -> None:
        """Have the provider answer wrongly, late, or not at all, until it is told otherwise."""
        fault = self.chance.choice(_FAULTS)
        self.story[-1] += f" {fault}"
        self.site.stand_ins.behave(**_ROUGH | fault)

    def text_stop(self) -> None:
        """Have a few members text STOP; each tries until somebody answers."""
        for phone in self.chance.sample(self.crowd, 3):
            self.stopped.add(phone)
            insist(partial(self._is_taken, phone))

    def _is_taken(self, phone: str) -> bool:
        return bool(self.site.stand_ins.text(phone, "STOP")["status"] == 200)

    def kill_the_bot(self) -> None:
        """Kill the bot while somebody pauses the blast; then it goes on."""
        self._kill_the_bot_during("pause")
        self._go_on()

    def pause_for_a_moment(self) -> None:
        """Pause the blast in Slack, and let it go on."""
        self._decide("pause", until=lambda status: status is not BlastStatus.SENDING)
        self.linger(0, 1)
        self._go_on()

    def set_a_clock(self) -> None:
        """Set the wall clock of the machine or of one process forward or back, and all others right."""
        whose = self.chance.choice((self.site.stepped, [self.chance.choice(self.site.stepped)]))
        off_by_s = self.chance.choice(_STEPS_S)
        self.story[-1] += f" {'+'.join(whose)} {off_by_s} s"
        self.site.set_clocks(whose, off_by_s=off_by_s)

    def _go_on(self) -> None:
        self._decide("resume", until=lambda status: status is not BlastStatus.PAUSED)

    def _kill_the_bot_during(self, verb: str) -> None:
        presser = threading.Thread(target=self._try_to_press, args=(verb,))
        presser.start()
        self.linger(0, 0.1)
        self.site.kill("bot")
        presser.join()
        self.site.start("bot")

    def _try_to_press(self, verb: str) -> None:
        with suppress(Impossible):
            self.site.press(verb)

    def _decide(self, verb: str, *, until: Callable[[BlastStatus], bool]) -> None:
        """Have it decided in Slack: by a button, or by a command while the card is late."""
        may_type = verb != "approve"
        likes_buttons = self.chance.random() < 0.5

        def is_decided() -> bool:
            if until(self.site.status(self.blast_id)):
                return True
            has_pressed = (likes_buttons or not may_type) and self.site.press(verb)
            if may_type and not has_pressed:
                self.site.type(self.blast_id, verb)
            return until(self.site.status(self.blast_id))

        insist(is_decided)

    def resume(self) -> None:
        """Let the blast go on, if it is held."""
        self._try_hard(lambda: self.site.resume(self.blast_id))

    def linger(self, least_s: float, most_s: float) -> None:
        """Let a moment pass."""
        threading.Event().wait(self.chance.uniform(least_s, most_s))

    def _replace(self, name: str) -> None:
        self.site.kill(name)
        self.linger(0, 0.5)
        self.site.start(name)

    def _try_hard(self, work: Callable[[], None]) -> None:
        def has_worked() -> bool:
            try:
                work()
            except OperationalError:
                return False
            return True

        insist(has_worked)


def insist(try_once: Callable[[], bool], *, seconds: float = 30) -> None:
    """Try until it works; nobody there counts as not yet."""
    for _ in range(int(seconds * 10)):
        try:
            if try_once():
                return
        except (Impossible, OperationalError, RedisError):
            pass
        threading.Event().wait(0.1)
    raise AssertionError(f"it didn't work within {seconds} s")
