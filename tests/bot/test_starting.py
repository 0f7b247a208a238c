"""The process: what it refuses to start without, where it listens, how it stops; and the socket."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db
from core.models import Role, Staff
from tests import databases
from tests.bot.stage import ORGANIZER, Stage, populate
from tests.sandbox.slack_stage import wait_for

ROOT = Path(__file__).resolve().parents[2]
pytestmark = databases.on_sqlite


@contextmanager
def bot(folder: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the real process."""
    env = {**os.environ, "ENV_FILE": "", **settings}
    with (folder / "bot.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "bot"], cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)


def is_healthy(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SLACK_BOT_TOKEN", "", "Missing setting: SLACK_BOT_TOKEN"),
        ("SLACK_SIGNING_SECRET", "", "Missing setting: SLACK_APP_TOKEN or SLACK_SIGNING_SECRET"),
        ("SLACK_APPROVALS_CHANNEL", "", "Missing setting: SLACK_APPROVALS_CHANNEL"),
        ("TWILIO_FROM_NUMBER", "", "TWILIO_FROM_NUMBER"),
        ("SLACK_ADMINS", "somebody", "SLACK_ADMINS"),
        ("DATABASE_URL", "sqlite:////dev/null/none.db", "DATABASE_URL"),
        ("DATABASE_URL", "sqlite:///var/tests/no-tables.db", "blast migrate"),
    ],
)
def test_it_refuses_to_start_and_names_the_setting(
    chosen: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, told: str
) -> None:
    with bot(tmp_path, **{name: value}) as process:
        assert process.wait(60) == 1
    said = (tmp_path / "bot.log").read_text()
    assert told in said.splitlines()[-1]
    assert "Traceback" not in said


@pytest.mark.alone
def test_it_makes_the_first_admins_listens_and_stops_in_time(
    chosen: pytest.MonkeyPatch, tmp_path: Path, free_port: int
) -> None:
    with bot(tmp_path, SLACK_ADMINS="U0ADMIN, U0OTHER", PORT="1", BOT_PORT=str(free_port)) as process:
        wait_for(lambda: is_healthy(free_port), within_s=60)
        with db.reading() as session:
            admins = session.scalars(sa.select(col(Staff.slack_user_id)).where(col(Staff.role) == Role.ADMIN)).all()
        assert set(admins) == {"U0ADMIN", "U0OTHER"}
        process.send_signal(signal.SIGTERM)
        process.wait(10)
    assert "Traceback" not in (tmp_path / "bot.log").read_text()


def test_over_a_socket_the_same_listeners_answer(stage: Stage, tmp_path: Path, free_port: int) -> None:
    populate()
    with bot(tmp_path, SLACK_APP_TOKEN="xapp-sandbox", BOT_PORT=str(free_port)) as process:
        wait_for(lambda: is_healthy(free_port), within_s=60)
        wait_for(lambda: stage.stand_in.snapshot()["is_socket_connected"], within_s=60)
        assert "tenants" in str(stage.command("audiences"))
        stage.command("")
        assert stage.view(ORGANIZER)["callback_id"] == "blast.compose"
        with socket.create_connection(("127.0.0.1", free_port)) as line:
            line.sendall(b"POST /slack/events HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
            assert b" 404 " in line.recv(100)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert "Traceback" not in (tmp_path / "bot.log").read_text()


def test_a_socket_token_that_slack_refuses_is_named(stage: Stage, tmp_path: Path) -> None:
    with bot(tmp_path, SLACK_APP_TOKEN="xapp-wrong", BOT_PORT="0") as process:
        assert process.wait(60) == 1
    assert "SLACK_APP_TOKEN" in (tmp_path / "bot.log").read_text().splitlines()[-1]
