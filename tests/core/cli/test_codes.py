"""Small questions are answered without a database, and quickly."""

import json
import os
import subprocess
import sys

import pytest

from tests.core.cli.conftest import Blast


def test_segments_are_counted(bare: Blast) -> None:
    told = bare.fine("segments", "Meeting at 6 — come", "--json").json
    assert told == {"encoding": "UCS-2", "segments": 1, "units": 19, "culprits": ["—"]}
    assert "GSM-7" in bare.fine("segments", "Meeting at 6").out
    assert bare.fine("segments", "", "--json").json["segments"] == 0


def test_texts_from_stdin_are_answered_line_by_line(bare: Blast) -> None:
    answer = bare("segments", "-", given='"a"\n\n"\\ud83d\\ude00"\n"\\ud800"\n')
    assert [json.loads(line)["encoding"] for line in answer.out.splitlines()] == ["GSM-7", "UCS-2", "UCS-2"]
    answer = bare("keyword", "-", given='"STOP"\n"See you"\n')
    assert [json.loads(line)["kind"] for line in answer.out.splitlines()] == ["opt_out", "none"]


@pytest.mark.parametrize("line", ["STOP", "{}", "12", '"open', "\xff"])
def test_a_line_that_is_no_json_string_is_refused(bare: Blast, line: str) -> None:
    assert "Line 1" in bare.refused("keyword", "-", given=line + "\n")


def test_a_keyword_is_read(bare: Blast) -> None:
    told = bare.fine("keyword", "STOP", "--json").json
    assert told == {"kind": "opt_out", "certainty": "certain", "matched": "stop"}


def test_a_code_is_explained(bare: Blast) -> None:
    told = bare.fine("code", "30007", "--json").json
    assert (told["code"], told["class"], told["suppress"]) == (30007, "content", None)
    assert told.keys() >= {"title", "retry", "advice"}
    assert len(bare.fine("code", "--all", "--json").json) > 200
    assert "30007" in bare.fine("code", "--all").out


@pytest.mark.parametrize("arguments", [["code"], ["code", "x"], ["code", "1", "--all"], ["bogus"], ["segments"]])
def test_wrong_usage_ends_with_2(bare: Blast, arguments: list[str]) -> None:
    assert bare(*arguments).code == 2


@pytest.mark.parametrize("arguments", [["segments", "Hello"], ["keyword", "STOP"], ["code", "21610"]])
def test_they_load_no_database_and_no_network(arguments: list[str]) -> None:
    probe = (
        "import sys, core.cli\n"
        "try: core.cli.main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'sqlalchemy', 'core.settings', 'slack_sdk', 'twilio', 'redis'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", probe, *arguments], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


def test_wrong_settings_are_named_in_one_line() -> None:
    env = {**os.environ, "ENV_FILE": "", "DATABASE_URL": "mysql://secret@host/x"}
    command = [sys.executable, "-m", "core.cli", "list"]
    found = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("DATABASE_URL")
    assert found.stderr.count("\n") == 1
    assert "secret" not in found.stderr
