"""A storm over a running blast: seeded, with a list of what happened; afterwards everything is calm again."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import redis
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from deploy.postgres import PostgresServer
from sandbox.story.stand_ins import Impossible
from tests.chaos.site import Site

_CALM: dict[str, Any] = {
    "latency_ms": 0,
    "shuffle": False,
    "duplicate": 0,
    "lose": 0,
    "break_before": 0,
    "break_after": 0,
    "max_concurrent_requests": 0,
}
_FAULTS: tuple[dict[str, Any], ...] = (
    {"break_before": 0.1},
    {"break_after": 0.1},
    {"lose": 0.3, "duplicate": 0.3, "shuffle": True},
    {"latency_ms": 300},
    {"latency_ms": 100, "max_concurrent_requests": 5},
    {"break_before": 0.05, "break_after": 0.05, "lose": 0.5, "shuffle": True},
    {},
)


@dataclass
class Storm:
    """What goes wrong while a blast runs. `database`: its server, where there is one that can be restarted."""

    site: Site
    blast_id: UUID
    crowd: list[str]
    chance: random.Random
    database: PostgresServer | None = None
    stopped: set[str] = field(default_factory=set)
    story: list[str] = field(default_factory=list)

    def rage(self, *, events: int) -> None:
        """Let `events` things happen, a moment apart."""
        happenings = [
            self.kill_a_worker,
            self.kill_a_worker,
            self.kill_a_clock,
            self.kill_the_webhooks,
            self.kill_redis,
            self.empty_redis,
            self.trouble_the_provider,
            self.trouble_the_provider,
            self.text_stop,
            self.text_stop,
            self.pause_for_a_moment,
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
        self.resume()

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
        self.site.stand_ins.behave(**{**_CALM, **fault})

    def text_stop(self) -> None:
        """Have a few members text STOP; each tries until somebody answers."""
        for phone in self.chance.sample(self.crowd, 3):
            self.stopped.add(phone)
            insist(partial(self._is_taken, phone))

    def _is_taken(self, phone: str) -> bool:
        return bool(self.site.stand_ins.text(phone, "STOP")["status"] == 200)

    def pause_for_a_moment(self) -> None:
        """Pause the blast, and let it go on."""
        self._try_hard(lambda: self.site.pause(self.blast_id))
        self.linger(0, 1)
        self.resume()

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
