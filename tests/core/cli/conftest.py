"""The command line as operators use it: called in this process, on this test's own database."""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from core import cli, db, settings


@dataclass
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


class Blast:
    """Calls `blast`."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str, given: str = "") -> Answer:
        """Call a command with `given` on stdin."""
        self._monkeypatch.setattr(sys, "argv", ["blast", *arguments])
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = self._capsys.readouterr()
        return Answer(int(ended.value.code or 0), out, err)

    def fine(self, *arguments: str) -> Answer:
        """Call a command that does what it should."""
        answer = self(*arguments)
        assert (answer.code, answer.err) == (0, "")
        return answer

    def refused(self, *arguments: str, given: str = "") -> str:
        """Call a command that is refused; return its one line."""
        answer = self(*arguments, given=given)
        assert (answer.code, answer.out) == (1, "")
        assert answer.err.count("\n") == 1
        return answer.err


@pytest.fixture
def blast(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Blast]:
    """The command line on either database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    _forget()
    yield Blast(capsys, monkeypatch)
    db.engine().dispose()
    _forget()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Blast]:
    """The command line where there is no database."""
    monkeypatch.setenv("DATABASE_URL", "nowhere")
    settings.current.cache_clear()
    yield Blast(capsys, monkeypatch)
    settings.current.cache_clear()


def _forget() -> None:
    settings.current.cache_clear()
    db.engine.cache_clear()
