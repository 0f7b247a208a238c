"""Child processes that end when we do: asked first, then forced, and never left behind."""

import ctypes
import functools
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

GRACE_SECONDS = 10.0

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec a child may only call, not look up.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class CannotStart(RuntimeError):
    """Something that we need won't come up; carries the sentence for the person at the terminal."""


def start(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: int | IO[bytes] | None = None,
    account: pwd.struct_passwd | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, so that Ctrl-C in the terminal reaches us alone.

    It is told to end if we are killed (on Linux). `output` takes both streams; `account`, for root only, runs it.
    """
    return subprocess.Popen(
        list(command),
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
        preexec_fn=functools.partial(_leash, os.getpid()),  # noqa: PLW1509 - one call of prctl, safe beside threads
        user=account and account.pw_uid,
        group=account and account.pw_gid,
        extra_groups=account and [],
    )


def stop(
    process: subprocess.Popen[bytes], *, ask_with: signal.Signals = signal.SIGTERM, grace_seconds: float = GRACE_SECONDS
) -> int:
    """Ask `process` to end, force it after the grace, sweep up what it left behind; return its exit code."""
    if process.poll() is None:
        process.send_signal(ask_with)
    try:
        return process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        return kill(process)
    finally:
        sweep(process)


def kill(process: subprocess.Popen[bytes]) -> int:
    """End `process` at once, without asking; return its exit code."""
    process.kill()
    return process.wait()


def sweep(process: subprocess.Popen[bytes]) -> None:
    """End what an ended process left running in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def exit_code(returned: int) -> int:
    """Return the code that a shell would give for how a process ended (a signal counts as 128 and its number)."""
    return 128 - returned if returned < 0 else returned


def _leash(parent: int) -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked to be told
        os._exit(1)
