"""The real servers and processes that the benchmarks run on, and what they cost in seconds of CPU."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, run
from typing import Any

import psycopg
import redis
import sqlalchemy as sa

from core import db
from deploy import children, ports, sandboxed
from deploy.postgres import PostgresServer
from deploy.redis import RedisServer
from tests.databases import PostgresqlCopies

_ROOT = Path(__file__).resolve().parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_FREE = {"QUIET_HOURS": "", "SENDER_RATE": "0", "UNDO_SECONDS": "0", "CANARY_SIZE": "0", "LOG_LEVEL": "WARNING"}
_FREE |= {"SECOND_APPROVER_ABOVE": "10000000"}
_UP_S = 20


class TooSlow(RuntimeError):
    """It did not come to an end in the time that it was given."""


@dataclass(frozen=True)
class Stage:
    """A durable PostgreSQL, a Redis and a provider, all of our own."""

    postgres: PostgresServer
    copies: PostgresqlCopies
    redis: RedisServer
    provider: Popen[bytes]
    provider_port: int
    logs: Path

    @classmethod
    @contextmanager
    def up(cls) -> Iterator["Stage"]:
        """Start the servers, and stop them in the end."""
        home = _ROOT / "var" / "benchmarks"
        home.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=home)))
            postgres = PostgresServer(home, durable=True)
            stack.callback(postgres.close)
            postgres.start()
            queue = RedisServer(folder)
            stack.callback(queue.stop)
            queue.start()
            port = ports.free_port()
            provider = children.start([sys.executable, "-m", "tests.benchmarks.provider", str(port)], cwd=_ROOT)
            stack.callback(children.stop, provider)
            wait(lambda: not ports.is_free(port), seconds=_UP_S)
            yield cls(postgres, PostgresqlCopies(postgres), queue, provider, port, folder)

    @contextmanager
    def house(self, **settings: object) -> Iterator["House"]:
        """An empty database and an empty Redis, with processes of the product on them as they are asked for."""
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()
        with self.copies.fresh() as url, ExitStack() as stack:
            engine = db.connect(url)
            stack.callback(engine.dispose)
            outside = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
            env = sandboxed.environment(outside) | _FREE
            env |= {name.upper(): str(value) for name, value in settings.items()}
            env |= {"DATABASE_URL": url, "REDIS_URL": self.redis.url, "TWILIO_API_URL": self.url("/twilio")}
            env |= {"SLACK_API_URL": self.url("/slack/api/"), "PYTHONUNBUFFERED": "1"}
            yield House(self, engine, env, stack)

    def url(self, path: str) -> str:
        """Return an address at the provider."""
        return f"http://{ports.LOOPBACK}:{self.provider_port}{path}"

    def ask(self, path: str) -> dict[str, Any]:
        """Ask the provider."""
        connection = HTTPConnection(ports.LOOPBACK, self.provider_port, timeout=10)
        try:
            connection.request("GET", path)
            told: dict[str, Any] = json.loads(connection.getresponse().read())
            return told
        finally:
            connection.close()

    def settle(self) -> None:
        """Write what the database still owes the disk, so that no run pays for the one before."""
        with closing(psycopg.connect(self.postgres.url(), autocommit=True)) as connection:
            connection.execute("CHECKPOINT")

    def servers_cpu_s(self) -> float:
        """Return what PostgreSQL, with all its children, and Redis have cost so far."""
        assert self.postgres.process is not None
        assert self.redis.process is not None
        return tree_cpu_s(self.postgres.process.pid) + cpu_s(self.redis.process.pid)


@dataclass(frozen=True)
class House:
    """One run's database and processes."""

    stage: Stage
    engine: sa.Engine
    env: Mapping[str, str]
    stack: ExitStack

    def start(self, *modules: str, arguments: tuple[str, ...] = ()) -> list[Popen[bytes]]:
        """Start processes of the product; they are stopped at the end of the run."""
        with (self.stage.logs / "processes.log").open("ab") as output:
            started = [
                children.start([sys.executable, "-m", module, *arguments], env=self.env, cwd=_ROOT, output=output)
                for module in modules
            ]
        for process in started:
            self.stack.callback(children.stop, process)
        return started

    def run(self, module: str, *arguments: object) -> dict[str, Any]:
        """Run a program of ours to its end, and return the JSON that it prints."""
        command = [sys.executable, "-m", module, *map(str, arguments)]
        ended = run(command, env=self.env, cwd=_ROOT, stdin=DEVNULL, stdout=PIPE, check=True)
        told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return told

    def log(self) -> str:
        """Return what the processes have said so far."""
        return (self.stage.logs / "processes.log").read_text(errors="replace")

    def vacuum(self) -> None:
        """Leave the statistics as they are in daily use, and nothing for autovacuum to do in mid-run."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM ANALYZE"))

    def scalar(self, statement: str) -> Any:
        """Return the one value of a query."""
        with db.reading(self.engine) as session:
            return session.execute(sa.text(statement)).scalar()


def wait(condition: Any, *, seconds: float, step_s: float = 0.02) -> None:
    """Wait until something holds.

    Raises:
        TooSlow: it didn't within `seconds`.
    """
    if not ports.wait_until(condition, seconds=seconds, step_seconds=step_s):
        raise TooSlow(f"It took longer than {seconds:g} seconds.")


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    return sum(map(int, _stat(pid)[11:13])) / _TICKS


def rss_mib(pid: int) -> float:
    """Return the memory that a process has resident."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 2**20


def tree_cpu_s(pid: int) -> float:
    """Return the seconds of CPU of a process, its children, and those that it has outlived."""
    children_of = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(map(int, _stat(pid)[11:15])) / _TICKS + sum(_still(int(child)) for child in children_of)


def _still(pid: int) -> float:
    try:
        return cpu_s(pid)
    except OSError:  # ended meanwhile: its parent has it
        return 0.0


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
