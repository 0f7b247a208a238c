"""The commands behind `make`: each sets up what it needs first."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from deploy import lock, venv
from deploy.children import CannotStart

ROOT = venv.ROOT

_CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)
_AT_ONCE_AT_MOST = 4  # processes of tests, each with servers of its own
_CACHES = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache", ".hypothesis")


def main(arguments: list[str]) -> int:
    """Carry out one command; return its exit code."""
    command, rest = _parse(arguments)
    os.chdir(ROOT)
    try:
        return _COMMANDS[command](rest)
    except CannotStart as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parse(arguments: list[str]) -> tuple[str, list[str]]:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.dev", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.description = "\n".join(f"{name:<8}{command.__doc__}" for name, command in _COMMANDS.items())
    parser.add_argument("command", choices=_COMMANDS, metavar="COMMAND")
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, help="passed on: to pytest by `test`, to the launch by `demo`"
    )
    parsed = parser.parse_args(arguments)
    return parsed.command, parsed.arguments


def setup(_: list[str]) -> int:
    """Make .venv with all that the product needs; again only when the lock changed."""
    venv.ensure("base")
    return 0


def start(arguments: list[str]) -> NoReturn:
    """Start every process of the Procfile with the settings of .env."""
    _launch("start", arguments)


def run(arguments: list[str]) -> NoReturn:
    """Start every process against the sandbox, and stay up."""
    _launch("run", arguments)


def demo(arguments: list[str]) -> NoReturn:
    """Play one blast through against the sandbox, and tell the story (`demo --postgres`: on a real PostgreSQL)."""
    _launch("demo", arguments)


def test(arguments: list[str]) -> NoReturn:
    """Run all the tests, on real servers."""
    python = venv.ensure("dev")
    found = subprocess.run(
        [python, "-m", "deploy.browser"], env=venv.environment(), stdout=subprocess.PIPE, check=False
    )
    env = {**venv.environment(), "CHROMIUM": found.stdout.decode().strip()}
    temporary = ROOT / "var" / "tests"
    temporary.mkdir(parents=True, exist_ok=True)
    env.setdefault("PYTEST_DEBUG_TEMPROOT", str(temporary))
    # Where this is set, every process that a test starts compiles all our code anew: seconds each, hundreds of times.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    _become([python, "-m", "pytest", *arguments_of_pytest(arguments)], env)


def arguments_of_pytest(chosen: list[str]) -> list[str]:
    """Return what was chosen, or how the whole suite runs: in several processes, file by file, in its own order."""
    processes = min(os.cpu_count() or 1, _AT_ONCE_AT_MOST)
    return chosen or ["-n", str(processes), "--dist", "loadfile", "--no-loadscope-reorder"]


def lint(_: list[str]) -> int:
    """Check style, types and imports."""
    venv.ensure("dev")
    failed = [check for check in _CHECKS if not _passes(*check)]
    for check in failed:
        print(f"Failed: {' '.join(check)}", file=sys.stderr)
    return 1 if failed else 0


def bench(arguments: list[str]) -> NoReturn:
    """Run the benchmarks; prints JSON lines."""
    python = venv.ensure("dev")
    _become([python, "-m", "tests.benchmarks", *arguments], venv.environment())


def chaos(arguments: list[str]) -> NoReturn:
    """Kill everything in mid-send, many times over; prints JSON lines."""
    python = venv.ensure("dev")
    _become([python, "-m", "tests.chaos", *arguments], venv.environment())


def weights(_: list[str]) -> NoReturn:
    """Learn the weights of the reader's second opinion from the labelled texts."""
    python = venv.ensure("dev")
    _become([python, "-m", "tests.core.domain.training"], venv.environment())


def renew_lock(_: list[str]) -> int:
    """Pin the newest libraries that requirements/*.in allow."""
    lock.renew()
    return 0


def clean(_: list[str]) -> int:
    """Remove .venv, var and all caches: everything that the others made."""
    for name in (*_CACHES, "var", ".venv"):
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for folder in ROOT.rglob("__pycache__"):
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _launch(mode: str, arguments: list[str]) -> NoReturn:
    python = venv.ensure("dev" if "--postgres" in arguments else "base")
    _become([python, "-m", "deploy.launch", mode, *arguments], venv.environment())


def _become(command: list[str | Path], env: Mapping[str, str]) -> NoReturn:
    """Turn into `command`, so that a signal to us is a signal to it, and it has all the time it wants to stop."""
    sys.stdout.flush()
    os.execve(command[0], [str(word) for word in command], env)


def _passes(program: str, *arguments: str) -> bool:
    command: list[str | Path] = [venv.PYTHON.parent / program, *arguments]
    return subprocess.run(command, env=venv.environment(), check=False).returncode == 0


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "setup": setup,
    "demo": demo,
    "run": run,
    "start": start,
    "test": test,
    "lint": lint,
    "bench": bench,
    "chaos": chaos,
    "weights": weights,
    "lock": renew_lock,
    "clean": clean,
}
