"""The rules of the house that a machine can check: who imports whom, who commits, how long files are."""

import ast
import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture import tree

_LONGEST = 350
_PRODUCT = ("bot", "webhooks", "core", "workers")
# Opening a transaction is an edge's; ending one is db.py's alone.
_ENDING = {"commit", "begin_nested", "rollback"}
_BEGUN_ON = {"bind", "connection", "engine", "session"}
# Migrations run inside the transaction of Alembic, which db.py commits.
_MAY_COMMIT = ("core/db.py", "core/migrations/")
# Registries, and folders of one machine; written so that this file doesn't hold what it forbids.
_NOBODYS_BUSINESS = re.compile(r"p[y]pi\.org|p[y]thonhosted|n[p]mjs\.|deb\.d[e]bian|/[w]ork/|/[r]oot/|/[h]ome/\w")
_LATER = re.compile(
    r"#.*\b(T[O]DO|F[I]XME|X[X]X)\b|raise N[o]tImplementedError|pytest\.s[k]ip\(|mark\.(s[k]ip|x[f]ail)\b"
)


def test_imports_go_one_way() -> None:
    checked = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=tree.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout[-6000:] + checked.stderr


def test_only_db_py_commits() -> None:
    assert not _callers(_ENDING, but=_MAY_COMMIT)
    assert not _callers({"begin"}, of=_BEGUN_ON, but=_MAY_COMMIT)


def test_only_db_py_opens_sessions() -> None:
    assert not _callers({"Session", "sessionmaker", "create_engine"}, but=_MAY_COMMIT)


def test_only_settings_py_reads_the_environment() -> None:
    readers = [tree.name(path) for path in tree.modules(*_PRODUCT) if _reads_environment(tree.parsed(path))]
    assert readers == ["core/settings.py"]


def test_only_clock_py_asks_what_time_it_is() -> None:
    assert not _callers({"now", "utcnow", "today"}, of={"datetime", "date"}, but=("core/clock.py",))


def test_no_file_is_long() -> None:
    lengths = {tree.name(path): len(path.read_text().splitlines()) for path in tree.modules()}
    assert not {name: length for name, length in lengths.items() if length > _LONGEST and not _is_record(name)}


def _is_record(name: str) -> bool:
    """A migration is the record of one change, and stays as it is however long."""
    return name.startswith("core/migrations/versions/")


def test_every_module_says_what_it_is() -> None:
    said = {tree.name(path): ast.get_docstring(tree.parsed(path)) for path in tree.modules()}
    assert not [name for name, docstring in said.items() if not docstring]


def test_nobodys_registry_or_machine_is_named() -> None:
    found = [(name, hit) for name, text in tree.texts() for hit in _NOBODYS_BUSINESS.findall(text)]
    assert not found


def test_names_say_something() -> None:
    empty = re.compile(r"(^|/)(utils?|helpers?|misc|common|managers?|services?|handlers?)(\.py|/)")
    assert not [tree.name(path) for path in tree.files() if empty.search(tree.name(path))]


def test_tests_are_sentences() -> None:
    defined = ((path, node) for path in tree.modules("tests") for node in ast.walk(tree.parsed(path)))
    names = {
        (tree.name(path), node.name)
        for path, node in defined
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not [name for name in names if re.fullmatch(r"test(_[^_]+){,2}", name[1])]


def test_nothing_is_left_for_later() -> None:
    assert not [(tree.name(path), hit[0]) for path in tree.modules() for hit in _LATER.finditer(path.read_text())]


def _procfile() -> Iterator[tuple[str, list[str]]]:
    for line in (tree.ROOT / "Procfile").read_text().splitlines():
        process, _, command = line.partition(":")
        yield process, shlex.split(command)


def test_the_procfile_names_the_processes_that_others_rely_on() -> None:
    assert [process for process, _ in _procfile()] == ["release", "bot", "webhooks", "worker", "clock"]


@pytest.mark.parametrize("command", [command for _, command in _procfile()], ids=" ".join)
def test_what_the_procfile_starts_is_there(command: list[str]) -> None:
    if command[:2] == ["python", "-m"]:
        module = command[2]
        assert importlib.util.find_spec(f"{module}.__main__" if _is_package(module) else module)
    else:
        assert command == ["blast", "migrate"]
        assert importlib.util.find_spec("core.cli")


def _is_package(module: str) -> bool:
    found = importlib.util.find_spec(module)
    return found is not None and found.submodule_search_locations is not None


def _callers(names: set[str], *, but: tuple[str, ...], of: set[str] | None = None) -> list[str]:
    """Return where in the product something of one of these names is called; `of`: only on one of these."""
    return [
        f"{tree.name(path)}:{node.lineno}"
        for path in tree.modules(*_PRODUCT)
        if not tree.name(path).startswith(but)
        for node in ast.walk(tree.parsed(path))
        if isinstance(node, ast.Call) and _is_called(node.func, names, of)
    ]


def _is_called(called: ast.expr, names: set[str], of: set[str] | None) -> bool:
    if isinstance(called, ast.Attribute):
        is_theirs = of is None or (isinstance(called.value, ast.Name) and called.value.id in of)
        return called.attr in names and is_theirs
    return of is None and isinstance(called, ast.Name) and called.id in names


def _reads_environment(module: ast.Module) -> bool:
    words = {"environ", "environb", "getenv", "putenv"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in words)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and any(a.name in words for a in node.names))
        for node in ast.walk(module)
    )
