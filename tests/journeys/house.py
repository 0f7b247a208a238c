"""The whole house for one journey: the Procfile's processes against the sandbox, each of which may be killed."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from deploy import children, ports, sandboxed, venv
from deploy.redis import RedisServer
from deploy.supervisor import read_procfile
from sandbox.story.stand_ins import StandIns

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60
_DOORS = {"sandbox": "SANDBOX_PORT", "bot": "BOT_PORT", "webhooks": "WEBHOOKS_PORT"}


class House:
    """The processes, a Redis of its own, and hands at the stand-ins."""

    def __init__(self, folder: Path, database_url: str, **settings: str) -> None:
        self.folder = folder
        self.redis = RedisServer(folder / "redis")
        own = {"DATABASE_URL": database_url, "REDIS_URL": self.redis.url, "ENV_FILE": ""}
        self.env = sandboxed.environment({**venv.environment(), **own}) | settings
        self.stand_ins = StandIns(self.env["SANDBOX_URL"])
        self._commands = {"sandbox": ["python", "-m", "sandbox"], **read_procfile(ROOT / "Procfile")}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def open(self) -> None:
        """Bring everything up, in the order that the launch has."""
        self.redis.start()
        self.start("sandbox")
        self.blast("migrate")
        for name in self._commands.keys() - {"sandbox", "release"}:
            self._begin(name)
        for name in ("bot", "webhooks"):
            self._await(name)

    def close(self) -> None:
        """Stop everything, the stand-ins last."""
        self.stop(*(name for name in list(self._running) if name != "sandbox"), "sandbox")
        self.redis.stop()

    def start(self, name: str) -> None:
        """Start one process and wait until it answers."""
        self._begin(name)
        self._await(name)

    def kill(self, name: str) -> None:
        """End one process as a crash would."""
        process = self._running.pop(name)
        children.kill(process)
        children.sweep(process)

    def restart(self, *names: str) -> None:
        """Stop processes, and start them with the settings as they are now."""
        self.stop(*names)
        for name in names:
            self.start(name)

    def stop(self, *names: str) -> None:
        """Stop those of these processes that run, as a supervisor would."""
        for name in names:
            if name in self._running:
                children.stop(self._running.pop(name))

    def blast(self, *words: str | Path) -> str:
        """Run the command line; return what it printed."""
        command = ["blast", *map(str, words)]
        ended = subprocess.run(command, env=self.env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert ended.returncode == 0, f"{command}: {ended.stderr}"
        return ended.stdout

    def ended(self) -> dict[str, str]:
        """Return the last words of each process that has ended by itself."""
        return {name: self.log(name)[-1500:] for name, process in self._running.items() if process.poll() is not None}

    def log(self, name: str) -> str:
        """Return what a process has said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def port(self, name: str) -> int:
        """Return where a process listens."""
        return int(self.env[_DOORS[name]])

    def _begin(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = children.start(self._commands[name], env=self.env, cwd=ROOT, output=log)

    def _await(self, name: str) -> None:
        if name in _DOORS:
            is_healthy = partial(ports.is_healthy, "/healthz", port=self.port(name))
            has_ended = self._running[name].poll
            ports.wait_until(lambda: is_healthy() or has_ended() is not None, seconds=READY_SECONDS)
            assert is_healthy(), f"{name} doesn't answer: {self.log(name)[-2000:]}"


@contextmanager
def opened(folder: Path, database_url: str, **settings: Any) -> Iterator[House]:
    """Yield a house that is up; whatever is left of it is stopped."""
    house = House(folder, database_url, **settings)
    try:
        house.open()
        yield house
    finally:
        ended = house.ended()
        house.close()
        assert not ended, f"ended by themselves: {ended}"
