"""Set up, run and check Blast with nothing but Python: `python3 -m deploy.dev COMMAND`, which the Makefile calls."""

from __future__ import annotations

import os
import shutil
import sys

# This file is read by whatever `python3` is, however old: it must say so in words, not by a syntax error.
OLDEST = (3, 11)
KNOWN_MINORS = (11, 12, 13, 14)


def main() -> int:
    """Carry out the command, by a Python that is new enough; return the exit code."""
    if os.name != "posix":
        sys.stderr.write("Blast runs on Linux and macOS. On Windows, use it inside WSL.\n")
        return 1
    if sys.version_info < OLDEST:
        return go_on_with_a_newer_python()
    from deploy import commands

    return commands.main(sys.argv[1:])


def go_on_with_a_newer_python() -> int:
    """Start again by the first newer Python on PATH; without one, say what is missing."""
    for minor in KNOWN_MINORS:
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, "-m", "deploy.dev", *sys.argv[1:]])
    sys.stderr.write(
        f"Blast needs Python 3.11 or newer, PATH has none, and {sys.executable} is {sys.version.split()[0]}. "
        "Install one and start again, or name it: make PYTHON=/path/to/python3.12 demo\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
