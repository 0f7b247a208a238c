"""What the checks look at: the files that the repository tracks, and the code in them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bot", "webhooks", "core", "workers", "sandbox", "deploy", "tests")
_NEVER_OURS = frozenset({".git", ".venv", "var", "__pycache__", "build", "dist"})


@cache
def files() -> tuple[Path, ...]:
    """Return every file that is tracked, or would be at the next commit; in an unpacked archive, every file."""
    asked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if asked.returncode == 0:
        named = (ROOT / name for name in asked.stdout.decode().split("\0") if name)
        return tuple(sorted(path for path in set(named) if path.is_file()))
    found = (path for path in ROOT.rglob("*") if path.is_file())
    return tuple(sorted(path for path in found if not _NEVER_OURS.intersection(path.relative_to(ROOT).parts)))


def modules(*packages: str) -> list[Path]:
    """Return the Python files of some packages (of all, when none is named)."""
    return [
        path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in (packages or PACKAGES)
    ]


def name(path: Path) -> str:
    """Return a file's path as people write it."""
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(), filename=str(path))


def texts() -> Iterator[tuple[str, str]]:
    """Give (name, contents) of every file that is text."""
    for path in files():
        try:
            yield name(path), path.read_text()
        except UnicodeDecodeError:
            continue
