"""Renews requirements/*.txt: every library pinned and hashed for every platform, and no registry's address in it."""

import shutil
import subprocess
import sys

from deploy import venv
from deploy.children import CannotStart

_TOOLS = venv.ROOT / "var" / "tools"
_OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--upgrade",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--custom-compile-command=make lock",
    "--quiet",
)


def renew() -> None:
    """Compile both locks anew, base first: dev is bound by it.

    Raises:
        CannotStart: they couldn't be resolved, or an address came into one of them.
    """
    uv = shutil.which("uv") or _own_uv()
    for kind in ("base", "dev"):
        lock = f"requirements/{kind}.txt"
        command = [uv, "pip", "compile", *_OPTIONS, f"requirements/{kind}.in", f"--output-file={lock}"]
        if subprocess.run(command, cwd=venv.ROOT, check=False).returncode:
            raise CannotStart(f"requirements/{kind}.in couldn't be resolved; the reason stands above.")
        if "://" in (venv.ROOT / lock).read_text():
            raise CannotStart(f"{lock} names an address, which isn't everybody's: take it out of requirements/*.in.")


def _own_uv() -> str:
    """Install uv beside our virtualenv, not into it: only this command wants it."""
    program = _TOOLS / "bin" / "uv"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", _TOOLS], check=True)
        subprocess.run([_TOOLS / "bin" / "python", "-m", "pip", "install", "-qq", "uv"], check=True)
    return str(program)
