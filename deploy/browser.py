"""The browser for the tests of the sandbox's page: found, or brought by what this machine allows."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OWN = Path(__file__).resolve().parent.parent / "var" / "browsers"
_INSTALL_SECONDS = 600


def find_or_install() -> str | None:
    """Return the path of a Chromium that starts: one that is here, else one that Playwright or apt brings."""
    return _first_that_starts(_here()) or _first_that_starts(_brought())


def _first_that_starts(paths: Iterator[str]) -> str | None:
    return next((path for path in paths if _starts(path)), None)


def _here() -> Iterator[str]:
    named = os.environ.get("CHROMIUM")
    if named:
        yield named
    yield from filter(None, map(shutil.which, _NAMES))
    yield from _playwrights_own()


def _brought() -> Iterator[str]:
    print("The tests of the page need Chromium, which isn't on PATH: installing it …", file=sys.stderr, flush=True)
    if _run(sys.executable, "-m", "playwright", "install", "chromium"):
        yield from _playwrights_own()
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _run("apt-get", "update", "-qq")
        _run("apt-get", "install", "-qq", "--yes", "--no-install-recommends", "chromium")
        yield from filter(None, map(shutil.which, _NAMES))


def _playwrights_own() -> Iterator[str]:
    for pattern in ("chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*"):
        yield from map(str, sorted(_OWN.glob(pattern), reverse=True))


def _run(*command: str) -> bool:
    env = {**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(_OWN), "DEBIAN_FRONTEND": "noninteractive"}
    try:
        ended = subprocess.run(command, env=env, capture_output=True, timeout=_INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def _starts(path: str) -> bool:
    """Tell whether the program runs at all: a downloaded browser may lack the system's libraries."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def main() -> int:
    """Print the path of a Chromium on stdout, for the tests to use."""
    path = find_or_install()
    if path is None:
        print(
            "No Chromium to be had: not on PATH, not from Playwright, not by apt-get. The tests of the sandbox's page "
            "will fail; install Chromium, or name one in CHROMIUM.",
            file=sys.stderr,
        )
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
