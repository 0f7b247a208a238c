"""The virtualenv: made once for each lock, without root, without ensurepip, and without a build of our own code."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from deploy import children
from deploy.children import CannotStart

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

# "base" is all that the product and its sandbox import; "dev" adds what the checks need.
Kind = Literal["base", "dev"]

_STAMP = VENV / "blast.json"
_OLDEST_PIP = (22, 3)  # the first with --python
# Modules in their thousands that a process imports few of, or none: compiled when first imported.
_LEFT_UNCOMPILED = r"twilio/rest/|phonenumbers/|pygments/|playwright/|hypothesis/|mypy|/tests?/"
# pip reads these too, and each of them would lead it away from our virtualenv.
_MISLEADING = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PYTHONHOME", "PYTHONPATH")


def ensure(kind: Kind) -> Path:
    """Return the virtualenv's Python, with everything in the lock installed; does nothing when that is so already.

    Raises:
        CannotStart: this Python has no pip to install with, or the installation failed.
    """
    with _one_at_a_time():
        if _installed().get(kind) != _digest(kind):
            _set_up(kind)
    return PYTHON


def environment() -> dict[str, str]:
    """Return our environment as it is inside the virtualenv."""
    inside = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    return {
        **inside,
        "VIRTUAL_ENV": str(VENV),
        "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait while another set-up of this checkout is under way."""
    lock = ROOT / "var" / "setup.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


def _set_up(kind: Kind) -> None:
    if VENV.is_symlink():
        raise CannotStart("The folder .venv is a link, and what it points to may be somebody else's. Remove the link.")
    started = time.monotonic()
    print(f"Setting up .venv from requirements/{kind}.txt (once; about half a minute) …", flush=True)
    if not _is_usable():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", VENV], check=True)
    _install(kind)
    _link_own_code()
    _compile()
    kinds: tuple[Kind, ...] = ("base", "dev") if kind == "dev" else ("base",)
    _STAMP.write_text(json.dumps({each: _digest(each) for each in kinds}, indent=2) + "\n")
    print(f"Set up in {time.monotonic() - started:.0f} s.", flush=True)


def _installed() -> dict[str, str]:
    """Return the digest of each lock that is installed."""
    try:
        stamp: dict[str, str] = json.loads(_STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if _is_usable() else {}


def _is_usable() -> bool:
    """Tell whether a virtualenv was made here (its scripts name their folder: it can't be moved) and still runs."""
    try:
        lines = (VENV / "pyvenv.cfg").read_text().splitlines()
        was_made_here = any(line.startswith("command = ") and line.endswith(f" {VENV}") for line in lines)
        return was_made_here and _libraries().is_dir()
    except (OSError, subprocess.CalledProcessError):
        return False


def _digest(kind: Kind) -> str:
    """Return what must not change without a new set-up: the lock, and this file."""
    return hashlib.sha256(_lock(kind).read_bytes() + Path(__file__).read_bytes()).hexdigest()


def _lock(kind: Kind) -> Path:
    return ROOT / "requirements" / f"{kind}.txt"


def _install(kind: Kind) -> None:
    command = [*_pip(), "install", "-qq", "--no-input", "--disable-pip-version-check", "--no-compile"]
    # In a session of its own: on Ctrl-C it is ended by us, without a stack trace of pip's.
    installation = children.start([*command, "--require-hashes", "-r", _lock(kind)], env=environment())
    try:
        failed = installation.wait() != 0
    finally:
        children.stop(installation)
    if failed:
        raise CannotStart(
            "Installing the libraries failed; the reason stands above. If the package index couldn't be reached, "
            "start again when it can: nothing else has to be undone."
        )


def _pip() -> list[str]:
    """Return the pip to install with: this Python's own, else the one that ensurepip puts into the virtualenv."""
    for python in (sys.executable, f"{sys.base_prefix}/bin/python3"):
        if _pip_version(python) >= _OLDEST_PIP:
            return [python, "-m", "pip", "--python", str(PYTHON)]
    if subprocess.run([PYTHON, "-m", "ensurepip"], capture_output=True, check=False).returncode == 0:
        return [str(PYTHON), "-m", "pip"]
    raise CannotStart(
        f"{sys.executable} has neither pip 22.3 or newer nor ensurepip, and one of them has to install the libraries. "
        "On Debian and Ubuntu: apt-get install python3-pip; elsewhere: python3 -m pip install --upgrade pip."
    )


def _pip_version(python: str) -> tuple[int, ...]:
    try:
        said = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ()
    return tuple(int(part) for part in re.findall(r"^pip (\d+)\.(\d+)", said)[0]) if said.startswith("pip ") else ()


def _link_own_code() -> None:
    """Make our packages importable and our command callable; what an editable installation does, without a build."""
    (_libraries() / "blast.pth").write_text(f"{ROOT}\n")
    scripts: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for name, target in scripts.items():
        module, function = target.split(":")
        script = PYTHON.parent / name
        # By way of sh: the path of an interpreter in a #! line may hold no space, and not be long.
        script.write_text(
            f"#!/bin/sh\n'''exec' \"{PYTHON}\" \"$0\" \"$@\"\n' '''\n"
            f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n"
        )
        script.chmod(0o755)


def _compile() -> None:
    """Compile most of the libraries on all cores; pip would take all of them, one by one, three times as long."""
    command: list[str | Path] = [PYTHON, "-m", "compileall", "-q", "-j", "0", "-x", _LEFT_UNCOMPILED, _libraries()]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def _libraries() -> Path:
    """Return where the virtualenv's Python looks for libraries; not where they are, once that Python was replaced."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([PYTHON, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())


def remove() -> None:
    """Remove the virtualenv."""
    shutil.rmtree(VENV, ignore_errors=True)
