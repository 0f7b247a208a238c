"""Starts processes in stages, passes on what they say, and stops them all when one ends or someone asks."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import IO, NamedTuple

from deploy import children
from deploy.children import CannotStart

_COLOURS = (36, 33, 35, 32, 34, 96, 93, 95)
_ASKED_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(NamedTuple):
    """Why we stop: the named process ended with `code`; or nobody did, and we got the signal `code`."""

    name: str | None
    code: int


class Interrupted(Exception):
    """Somebody asked us to stop, or a process ended, before all was up."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended)
        self.ended = ended


def read_procfile(path: Path) -> dict[str, list[str]]:
    """Return each process's command by its name, in the order of the file."""
    lines = [line.partition(":") for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return {name.strip(): shlex.split(command) for name, _, command in lines}


class Supervisor:
    """A group of processes that live and end together."""

    def __init__(self, *, cwd: Path, env: Mapping[str, str], logs: Path | None = None) -> None:
        """Pass `env` to every process; write what each says to a file in `logs`, or to the terminal with its name."""
        self._cwd = cwd
        self._env = dict(env)
        self._logs = logs
        self._stages: list[dict[str, subprocess.Popen[bytes]]] = []
        self._endings: SimpleQueue[Ended] = SimpleQueue()
        self._stopping = False
        self._printer = _Printer()
        self._pumps: list[threading.Thread] = []
        for number in _ASKED_TO_STOP:
            signal.signal(number, self._on_signal)

    def run(self, name: str, command: Sequence[str]) -> None:
        """Run a command that ends by itself, and wait for it.

        Raises:
            CannotStart: it failed.
            Interrupted: somebody asked us to stop meanwhile.
        """
        self.start({name: command})
        ended = self._endings.get()
        if ended.name != name:
            raise Interrupted(ended)
        self._stages.pop()
        if ended.code:
            raise CannotStart(f"`{shlex.join(command)}` failed with exit code {ended.code}.{self._where(name)}")

    def start(self, commands: Mapping[str, Sequence[str]]) -> None:
        """Start a stage: processes that may start together, and are stopped together."""
        self._stages.append({})
        for name, command in commands.items():
            self._stages[-1][name] = self._start(name, command)

    def wait_ready(self, what: Mapping[str, Callable[[], bool]], *, seconds: float) -> None:
        """Wait until every condition holds.

        Raises:
            CannotStart: one still doesn't after `seconds`.
            Interrupted: a process ended, or somebody asked us to stop.
        """
        deadline = time.monotonic() + seconds
        missing = dict(what)
        while missing := {name: holds for name, holds in missing.items() if not holds()}:
            with suppress(Empty):
                raise Interrupted(self._endings.get(timeout=0.05))
            if time.monotonic() > deadline:
                name = next(iter(missing))
                raise CannotStart(f"{name} didn't answer within {seconds:.0f} s.{self._where(name)}")

    def wait(self) -> Ended:
        """Wait until a process ends or somebody asks us to stop; return which."""
        return self._endings.get()

    def start_in_front(self, name: str, command: Sequence[str]) -> None:
        """Start a process that has the terminal to itself, as the last stage."""
        process = children.start(command, cwd=self._cwd, env=self._env)
        self._stages.append({name: process})
        self.watch(name, process)

    def watch(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Count the end of a process that somebody else started, and will stop, like that of one of ours."""
        threading.Thread(target=self._tell_of_end, args=(name, process), daemon=True).start()

    def stop(self) -> None:
        """Stop the stages, last first; in each, ask all, then wait for all. A second signal forces them at once."""
        self._stopping = True
        for stage in reversed(self._stages):
            running = [process for process in stage.values() if process.poll() is None]
            for process in reversed(running):
                process.terminate()
            deadline = time.monotonic() + children.GRACE_SECONDS
            for process in stage.values():
                children.stop(process, grace_seconds=max(0.0, deadline - time.monotonic()))
        for pump in self._pumps:
            pump.join(1)

    def say(self, text: str) -> None:
        """Tell the terminal something in our own name."""
        self._printer.say(text)

    def describe(self, ended: Ended) -> str:
        """Return the sentence that says why a process's end ended all."""
        how = f"was killed by {signal.Signals(-ended.code).name}" if ended.code < 0 else f"ended with code {ended.code}"
        return f"{ended.name} {how}, so everything is stopped.{self._where(ended.name or '')}"

    def _start(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        try:
            if self._logs is None:
                process = children.start(command, cwd=self._cwd, env=self._env, output=subprocess.PIPE)
                self._pump(name, process)
            else:
                with (self._logs / f"{name}.log").open("ab") as log:
                    process = children.start(command, cwd=self._cwd, env=self._env, output=log)
        except FileNotFoundError as missing:
            raise CannotStart(f"{name} can't be started: there is no program {missing.filename!r}.") from missing
        self.watch(name, process)
        return process

    def _tell_of_end(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self._endings.put(Ended(name, process.wait()))

    def _pump(self, name: str, process: subprocess.Popen[bytes]) -> None:
        stream = process.stdout
        if stream is not None:
            pump = threading.Thread(target=self._printer.copy, args=(name, stream), daemon=True)
            pump.start()
            self._pumps.append(pump)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if not self._stopping:
            self._endings.put(Ended(None, number))
            return
        for process in (process for stage in self._stages for process in stage.values()):
            if process.returncode is None:
                process.kill()

    def _where(self, name: str) -> str:
        """Quote the end of a process's log, when it went to a file."""
        log = self._logs / f"{name}.log" if self._logs else None
        if log is None or not log.exists():
            return ""
        return f" Its log, {log}, ends:\n" + "".join(log.read_text(errors="replace").splitlines(keepends=True)[-15:])


class _Printer:
    """One terminal for many voices: whole lines, each with its speaker's name in its speaker's colour."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._colours: dict[str, int] = {}
        self._in_colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def copy(self, name: str, stream: IO[bytes]) -> None:
        """Print every line of `stream` until it ends; a closed terminal is no reason to let a process block."""
        prefix = self._prefix(name)
        for line in stream:
            with suppress(OSError, ValueError):
                self._print(prefix + line.decode(errors="replace").rstrip("\n"))

    def say(self, text: str) -> None:
        """Print `text` without a name."""
        with suppress(OSError, ValueError):
            self._print(text)

    def _print(self, line: str) -> None:
        with self._lock:
            print(line, flush=True)

    def _prefix(self, name: str) -> str:
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        label = f"{name:>8} │ "
        return f"\x1b[{colour}m{label}\x1b[0m" if self._in_colour else label
