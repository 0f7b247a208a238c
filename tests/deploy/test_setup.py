"""What a stranger's machine meets first: the Makefile, the locks, and words instead of stack traces."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from deploy import commands, dev

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("kind", ["base", "dev"])
def test_every_locked_library_is_pinned_and_hashed(kind: str) -> None:
    lock = (ROOT / "requirements" / f"{kind}.txt").read_text()
    requirements = [entry for entry in re.split(r"\n(?=\S)", lock) if not entry.startswith("#")]
    assert len(requirements) > 30
    assert all("==" in entry and "--hash=sha256:" in entry for entry in requirements)


@pytest.mark.parametrize("kind", ["base", "dev"])
def test_no_lock_names_an_address(kind: str) -> None:
    assert "://" not in (ROOT / "requirements" / f"{kind}.txt").read_text()


def test_the_checks_run_on_the_very_versions_that_run_in_production() -> None:
    base, checked = (_pins(kind) for kind in ("base", "dev"))
    assert base.items() <= checked.items()


def test_make_alone_lists_every_command() -> None:
    said = subprocess.run(
        ["make", "-C", ROOT, "--no-print-directory"], capture_output=True, text=True, check=True
    ).stdout
    for command in commands._COMMANDS:
        assert f"make {command} " in said


def test_the_whole_suite_runs_in_several_processes_and_what_is_chosen_in_one() -> None:
    assert commands.arguments_of_pytest([])[0] == "-n"
    assert commands.arguments_of_pytest(["-k", "stop"]) == ["-k", "stop"]


def test_every_package_is_in_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert included == ["bot*", "webhooks*", "core*", "workers*", "sandbox*"]
    assert project["project"]["scripts"] == {"blast": "core.cli:main"}


def test_an_old_python_is_told_so_in_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setenv("PATH", "/nowhere")
    assert dev.main() == 1
    assert "needs Python 3.11 or newer" in capsys.readouterr().err


def test_an_unknown_command_is_wrong_usage() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.dev", "dance"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "dance" in ended.stderr


def _pins(kind: str) -> dict[str, str]:
    lock = (ROOT / "requirements" / f"{kind}.txt").read_text()
    return dict(re.findall(r"^([\w.-]+(?:\[[\w,]+\])?)==(\S+)", lock, re.MULTILINE))
