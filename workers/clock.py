"""`python -m workers.clock`: runs the timetable. Several may run at once: each entry's turn is taken by one of them."""

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from dramatiq.errors import BrokerConnectionError
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from core import logs, settings
from core.clock import utc_now
from core.errors import Misconfigured
from workers.timetable import ENTRIES, Entry

log = structlog.get_logger()

# A turn shorter than this isn't worth a lock: what it finds twice does no harm.
_SHORTEST_LOCKED_S = 1.0
_TRY_AGAIN_S = 0.5


class Clock:
    """Runs each entry when its time has come, and outlives outages of the database and of Redis."""

    def __init__(self, entries: Sequence[Entry], redis: Redis) -> None:
        self._entries = entries
        self._redis = redis
        self._next = dict.fromkeys((entry.name for entry in entries), 0.0)
        self._is_redis_away = False

    def tick(self, now: datetime) -> None:
        """Run what is due; what fails keeps nothing else from its turn.

        Raises:
            sqlalchemy.exc.OperationalError: the database is away, and nothing else was tried.
            redis.exceptions.RedisError, dramatiq.errors.BrokerConnectionError: Redis is; what needs none was run.
        """
        self._is_redis_away, away = False, None
        for entry in self._entries:
            try:
                if self._is_due(entry, now) and self._is_ours(entry, now):
                    entry.step(now)
            except OperationalError:
                raise
            except (BrokerConnectionError, RedisError) as error:
                away = error
            except Exception as error:  # an edge: the others must go on
                log.exception("clock.entry_failed", entry=entry.name, error=type(error).__name__)
        if away is not None:
            raise away

    def _is_due(self, entry: Entry, now: datetime) -> bool:
        until_s = self._next[entry.name] - now.timestamp()
        # Further away than one turn: the machine's clock was set back.
        return until_s <= 0 or until_s > entry.every.total_seconds()

    def _is_ours(self, entry: Entry, now: datetime) -> bool:
        every_s = entry.every.total_seconds()
        turn = int(now.timestamp() / every_s)
        self._next[entry.name] = (turn + 1) * every_s
        return every_s < _SHORTEST_LOCKED_S or self._is_first(f"blast:turn:{entry.name}:{turn}", int(every_s * 2000))

    def _is_first(self, turn: str, keep_ms: int) -> bool:
        """Tell whether no other clock has this turn. While Redis is away all take it: brakes must work then, too."""
        if self._is_redis_away:
            return True
        try:
            return bool(self._redis.set(turn, 1, nx=True, px=keep_ms))
        except RedisError as error:
            log.warning("clock.late", error=type(error).__name__)
            self._is_redis_away = True
            return True

    def run(self, stopped: threading.Event, *, now: Callable[[], datetime] = utc_now) -> None:
        """Tick until `stopped`."""
        shortest = min(entry.every for entry in self._entries).total_seconds()
        while not stopped.wait(shortest):
            try:
                self.tick(now())
            except (OperationalError, BrokerConnectionError, RedisError) as error:
                log.warning("clock.late", error=type(error).__name__)
                stopped.wait(_TRY_AGAIN_S)


def main() -> int:
    """Run the clock until it is told to stop."""
    try:
        config = settings.current()
        config.require(settings.A_SENDER)
    except Misconfigured as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    logs.configure(config.log_level)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    log.info("clock.started")
    redis = Redis.from_url(config.redis_url, socket_timeout=5, socket_connect_timeout=2)
    Clock(ENTRIES, redis).run(stopped)
    log.info("clock.stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
