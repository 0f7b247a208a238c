"""`.env.example` says everything that can be set, and nothing else."""

import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from core.errors import Misconfigured
from core.settings import Settings, load

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / ".env.example"
# Read before there are settings: it says where they are.
_BEFORE_SETTINGS = "ENV_FILE"
_LINE = re.compile(r"^(#?)([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
# Nothing can go live while these are empty.
_NEEDED = {
    "PUBLIC_URL",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_MESSAGING_SERVICE_SID",
    "TWILIO_FROM_NUMBER",
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_TEAM_ID",
    "SLACK_APPROVALS_CHANNEL",
    "SLACK_REPLIES_CHANNEL",
    "SLACK_ADMINS",
}


def _lines() -> dict[str, tuple[bool, str]]:
    """Return each setting's (is commented out, value) by its name."""
    return {name: (mark == "#", value) for mark, name, value in _LINE.findall(EXAMPLE.read_text())}


def test_the_example_lists_every_setting_and_no_other() -> None:
    names = [name for _, name, _ in _LINE.findall(EXAMPLE.read_text())]
    assert len(names) == len(set(names))
    assert set(names) == {name.upper() for name in Settings.model_fields} | {_BEFORE_SETTINGS}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_example_shows_the_default(name: str) -> None:
    default, shown = Settings.model_fields[name].default, _lines()[name.upper()][1]
    assert shown == _as_written(default)


def test_what_is_not_commented_out_is_what_going_live_takes() -> None:
    assert {name for name, (is_comment, _) in _lines().items() if not is_comment} == _NEEDED


def test_a_comment_stands_above_every_setting() -> None:
    lines = EXAMPLE.read_text().splitlines()
    bare = [line for above, line in pairwise(lines) if _LINE.match(line) and above[:2] != "# "]
    assert not bare


def test_the_example_is_a_file_that_can_be_used_as_it_is(
    monkeypatch: pytest.MonkeyPatch, clean_environment: None
) -> None:
    monkeypatch.setenv("ENV_FILE", str(EXAMPLE))
    assert load() == Settings()


def test_every_line_of_the_example_may_be_uncommented(
    monkeypatch: pytest.MonkeyPatch, clean_environment: None, tmp_path: Path
) -> None:
    lines = [f"{name}={value}" for name, (_, value) in _lines().items() if value]
    (tmp_path / "env").write_text("\n".join(lines))
    monkeypatch.setenv("ENV_FILE", str(tmp_path / "env"))
    assert load(database_url=Settings().database_url) == Settings()


@pytest.mark.parametrize(
    "line",
    ["LOG_LEVEL=LOUD", "REDIS_URL=redis://[broken", "PUBLIC_URL=https://", "PUBLIC_URL=https://example.org/a?b",
     "RETENTION_DAYS=999999999", "UNDO_SECONDS=99999999999999", "SCHEDULED_MESSAGE_MAX_LAG=99999999999",
     "CLAIM_LEASE_SECONDS=99999999999", "SENDER_RATE=inf", "BOT_PORT=99999"],
)  # fmt: skip
def test_what_would_break_later_is_refused_at_the_start(
    line: str, monkeypatch: pytest.MonkeyPatch, clean_environment: None
) -> None:
    name, _, value = line.partition("=")
    monkeypatch.setenv("ENV_FILE", "")
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as refused:
        load()
    assert name in str(refused.value)
    assert value not in str(refused.value)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("PORT=many", "PORT must be a whole number."),
        ("PORT=-1", "PORT must be at least 0."),
        ("QUIET_STATES=maybe", "QUIET_STATES must be true or false."),
        ("LOG_LEVEL=LOUD", "LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR."),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, clean_environment: None, line: str, sentence: str
) -> None:
    name, _, value = line.partition("=")
    monkeypatch.setenv("ENV_FILE", "")
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as refused:
        load()
    assert str(refused.value) == sentence


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what this machine sets."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def _as_written(default: object) -> str:
    """Write a default as a person would."""
    match default:
        case None:
            return ""
        case bool():
            return str(default).lower()
        case tuple():
            return ",".join(map(str, default))
        case Decimal() | int() | float():
            return str(default)
        case _:
            return str(default).replace(f"{ROOT}/", "")
