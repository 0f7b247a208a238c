"""The Procfile's processes with what they need on one machine: started in order, watched, and stopped together."""

import argparse
import fcntl
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from dotenv import dotenv_values

from deploy import children, ports, sandboxed
from deploy.children import CannotStart
from deploy.postgres import PostgresServer
from deploy.redis import RedisServer
from deploy.supervisor import Ended, Interrupted, Supervisor, read_procfile
from sandbox.contacts import refuse_real_people
from sandbox.settings import UnsafeSettings

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"

# start: with the settings of .env; run: against the sandbox; demo: the same, on fresh data, until its story is told.
Mode = Literal["start", "run", "demo"]

_READY_SECONDS = 60
_SEED = ("--rows", "200")  # people to text by hand; the same ones at every start
_USUAL_REDIS_PORT = 6379  # where `blast` looks when nothing else is said


def main(mode: Mode, *, with_postgres: bool = False) -> int:
    """Bring everything up, stay up or play the demo, stop everything; return the exit code."""
    try:
        with _only_one(mode), ExitStack() as stack:
            return _Launch(mode, stack).go(with_postgres=with_postgres)
    except (CannotStart, UnsafeSettings) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return children.exit_code(-signal.SIGINT)


class _Launch:
    """One set of servers and processes; whatever it starts is stopped by the stack that it was given."""

    def __init__(self, mode: Mode, stack: ExitStack) -> None:
        self._mode = mode
        self._stack = stack
        self._is_sandboxed = mode != "start"
        self._home = VAR / mode if self._is_sandboxed else VAR
        self._env = sandboxed.environment(os.environ) if self._is_sandboxed else _with_env_file()
        if mode == "demo":
            self._env.update(sandboxed.PACE)
            shutil.rmtree(self._home, ignore_errors=True)
        (self._home / "log").mkdir(parents=True, exist_ok=True)

    def go(self, *, with_postgres: bool) -> int:
        """Start servers, then processes, then wait; return the exit code."""
        self._choose_database(with_postgres=with_postgres)
        redis = self._choose_redis()
        self._write_env()
        supervisor = Supervisor(cwd=ROOT, env=self._env, logs=self._home / "log" if self._mode == "demo" else None)
        self._stack.callback(supervisor.stop)
        if redis and redis.process:
            supervisor.watch("redis", redis.process)
        try:
            self._bring_up(supervisor)
            ended = supervisor.wait()
        except Interrupted as early:
            ended = early.ended
        return self._explain(supervisor, ended)

    def _choose_database(self, *, with_postgres: bool) -> None:
        if with_postgres:
            server = PostgresServer(self._home, durable=True)
            self._stack.callback(server.close)
            server.start()
            self._env["DATABASE_URL"] = server.url()
            print(f"Database: PostgreSQL from {server.origin}, on port {server.port}", flush=True)
        elif self._env.get("DATABASE_URL"):
            if self._is_sandboxed:
                refuse_real_people(self._env["DATABASE_URL"])
            print("Database: the one that DATABASE_URL names", flush=True)
        else:
            self._env["DATABASE_URL"] = f"sqlite:///{self._home / 'blast.db'}"
            print(f"Database: SQLite, in {self._home / 'blast.db'}", flush=True)

    def _choose_redis(self) -> RedisServer | None:
        if self._env.get("REDIS_URL"):
            print("Redis:    the one that REDIS_URL names", flush=True)
            return None
        preferred = None if self._is_sandboxed else _USUAL_REDIS_PORT
        server = RedisServer(self._home / "redis", log=self._home / "log" / "redis.log", port=preferred)
        self._stack.callback(server.stop)
        server.start()
        self._env["REDIS_URL"] = server.url
        print(f"Redis:    {server.program.origin}, on port {server.port}, in {server.directory}", flush=True)
        return server

    def _write_env(self) -> None:
        """Leave what was chosen where another terminal can read it: `set -a; . var/run/env; set +a; blast list`."""
        chosen = {name: value for name, value in self._env.items() if os.environ.get(name) != value}
        if not self._is_sandboxed:  # the rest is in .env already, and secret
            chosen = {name: chosen[name] for name in ("DATABASE_URL", "REDIS_URL") if name in chosen}
        path = self._home / "env"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(chosen.items())))
        self._stack.callback(path.unlink, missing_ok=True)

    def _bring_up(self, supervisor: Supervisor) -> None:
        processes = read_procfile(ROOT / "Procfile")
        if self._is_sandboxed:
            supervisor.start({"sandbox": ["python", "-m", "sandbox"]})
            supervisor.wait_ready({"sandbox": self._is_healthy("SANDBOX_PORT")}, seconds=_READY_SECONDS)
        supervisor.run("release", processes.pop("release"))
        supervisor.start(processes)
        if self._is_sandboxed:
            doors = {"bot": self._is_healthy("BOT_PORT"), "webhooks": self._is_healthy("WEBHOOKS_PORT")}
            supervisor.wait_ready(doors, seconds=_READY_SECONDS)
        if self._mode == "demo":
            supervisor.start_in_front("demo", ["python", "-m", "sandbox.demo"])
        elif self._mode == "run":
            supervisor.run("seed", ["python", "-m", "sandbox.demo", "--seed", *_SEED, "--folder", str(self._home)])
            supervisor.say(f"\nReady. Open {self._env['SANDBOX_URL']} in a browser; Ctrl-C stops everything.\n")

    def _is_healthy(self, port: str) -> partial[bool]:
        return partial(ports.is_healthy, "/healthz", port=int(self._env[port]))

    def _explain(self, supervisor: Supervisor, ended: Ended) -> int:
        if ended.name is None:
            supervisor.say("Stopping everything …")
            return children.exit_code(-ended.code) if self._mode == "demo" else 0
        if ended.name == "demo":
            return children.exit_code(ended.code)
        print(supervisor.describe(ended), file=sys.stderr)
        return children.exit_code(ended.code) or 1  # none of them should end by itself, not even well


def _with_env_file() -> dict[str, str]:
    """Return the environment as the product will see it: the file that it reads, and over it what is set outside."""
    file = os.environ.get("ENV_FILE", str(ROOT / ".env"))
    values = dotenv_values(file) if file else {}
    return {**{name: value for name, value in values.items() if value is not None}, **os.environ}


@contextmanager
def _only_one(mode: Mode) -> Iterator[None]:
    """Hold the lock on this mode's data.

    Raises:
        CannotStart: another process holds it.
    """
    VAR.mkdir(exist_ok=True)
    with (VAR / f"{mode}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(
                f"`{mode}` is under way already in this folder: stop it first (Ctrl-C where it runs)."
            ) from None
        yield


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python3 -m deploy.dev")
    parser.add_argument("mode", choices=get_args(Mode))
    parser.add_argument("--postgres", action="store_true", help="run on an embedded PostgreSQL")
    parsed = parser.parse_args()
    sys.exit(main(parsed.mode, with_postgres=parsed.postgres))
