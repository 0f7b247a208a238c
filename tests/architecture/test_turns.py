"""Several test processes: small tests run at once, and nothing runs beside a test that is marked to run alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import ports
from tests import turns
from tests.architecture import tree

_CONFTEST = """
import pathlib, pytest
from tests import turns
pytest_configure = lambda config: hasattr(config, "workerinput") and config.pluginmanager.register(
    turns.Turns(pathlib.Path("locks")))

@pytest.fixture(autouse=True)
def _told(request):
    with open("story", "a", buffering=1) as story:
        story.write(f"+{request.node.name}\\n")
        yield
        story.write(f"-{request.node.name}\\n")
"""
_SMALL = """
from deploy import ports

def test_small_{own}():
    assert ports.wait_until(lambda: "+test_small_{other}" in open("story").read(), seconds=60)
"""
_ALONE = """
import pytest
from deploy import ports

@pytest.mark.{mark}
@pytest.mark.parametrize("turn", [1, 2])
def test_{mark}_alone(turn):
    before = open("story").read()
    assert not ports.wait_until(lambda: open("story").read() != before, seconds=0.3)
"""


def test_small_tests_run_at_once_and_nothing_beside_those_that_run_alone(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    # In the order of their names all of the others would come first.
    for mark in ("alone", "chaos"):
        (tmp_path / f"test_a_{mark}.py").write_text(_ALONE.format(mark=mark))
    for own, other in ("xy", "yx"):
        (tmp_path / f"test_{own}.py").write_text(_SMALL.format(own=own, other=other))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  alone\n  chaos\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "-q"]
    ran = subprocess.run(
        command, cwd=tmp_path, env={**env, "PYTHONPATH": str(tree.ROOT)}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
    story = (tmp_path / "story").read_text().split()
    assert all("small" in line for line in story[:4])
    assert len(story) == 12


def test_no_two_test_processes_choose_the_same_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    all_ports, taken = ports._OURS, []
    for number in range(3):
        with monkeypatch.context() as patch:
            turns.give_ports(patch, number=number, of=3)
            taken += list(ports._OURS)
    assert sorted(taken) == list(all_ports)


def test_every_mark_that_lets_a_test_run_alone_is_known(pytestconfig: pytest.Config) -> None:
    known = {line.partition(":")[0] for line in pytestconfig.getini("markers")}
    assert known >= turns.ALONE
