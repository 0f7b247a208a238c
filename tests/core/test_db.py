"""Writers on SQLite take turns: none loses an update, none starves, and one who waits too long is told so."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import InternalError, OperationalError

from core import db
from tests import databases

# Writes all the time, as webhooks do while receipts come in.
BUSY_WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
print("writing", flush=True)
while True:
    connection.execute("BEGIN IMMEDIATE")
    for number in range(400):
        connection.execute("INSERT INTO noise VALUES (?)", (number,))
    connection.execute("COMMIT")
"""
TURNS, PATIENCE_S = 40, 12.0


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = db.connect(f"sqlite:///{tmp_path / 'blast.db'}")
    with db.transaction(made) as session:
        session.execute(sa.text("CREATE TABLE noise (number INTEGER)"))
    yield made
    made.dispose()


@pytest.fixture
def busy_writer(engine: sa.Engine) -> Iterator[None]:
    command = [sys.executable, "-c", BUSY_WRITER, str(engine.url.database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


@pytest.mark.alone
@pytest.mark.usefixtures("busy_writer")
def test_a_writer_gets_its_turn_beside_one_that_writes_all_the_time(engine: sa.Engine) -> None:
    started = time.monotonic()
    for _ in range(TURNS):
        with db.transaction(engine) as session:
            session.execute(sa.text("DELETE FROM noise"))
    assert time.monotonic() - started < PATIENCE_S


def test_who_waits_too_long_for_a_turn_is_told_so(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "_BUSY_TIMEOUT_MS", 50)
    with closing(engine.raw_connection()) as other:
        other.cursor().execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"), db.transaction(engine) as session:
            session.execute(sa.text("DELETE FROM noise"))
        other.rollback()
    with db.transaction(engine) as session:
        assert session.scalar(sa.text("SELECT count(*) FROM noise")) == 0


@pytest.mark.parametrize(("chosen", "timeout_s"), [("", "5"), ("?connect_timeout=9", "9")])
def test_a_database_that_vanishes_is_given_up_within_seconds(
    monkeypatch: pytest.MonkeyPatch, chosen: str, timeout_s: str
) -> None:
    asked: list[dict[str, object]] = []

    def refuse(**given: object) -> None:
        asked.append(given)
        raise psycopg.OperationalError

    monkeypatch.setattr(psycopg, "connect", refuse)
    bind = db.connect(f"postgresql+psycopg://nobody@127.0.0.1:1/none{chosen}")
    with pytest.raises(OperationalError), bind.connect():
        pass
    assert str(asked[0]["connect_timeout"]) == timeout_s
    assert {"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"} <= asked[0].keys()


@databases.on_postgresql
def test_a_server_gives_up_who_vanishes_within_seconds(database_url: str) -> None:
    """By itself it keeps for two hours what a machine that is gone had locked."""
    bind = db.connect(database_url)
    for _ in range(2):  # also once the connection was given back
        with bind.connect() as connection:
            told = [connection.scalar(sa.text(f"SHOW {name}")) for name in ("tcp_keepalives_idle", "tcp_user_timeout")]
            assert told == ["5", "20000"]
    bind.dispose()


@databases.on_postgresql
def test_a_connection_to_a_server_that_only_reads_now_is_not_kept(database_url: str) -> None:
    bind = db.connect(database_url)
    with bind.connect() as connection:
        connection.execute(sa.text("SET TRANSACTION READ ONLY"))
        with pytest.raises(InternalError):
            connection.execute(sa.text("CREATE TABLE noise (number INTEGER)"))
        assert connection.invalidated
    bind.dispose()


@databases.on_postgresql
@pytest.mark.parametrize("most", [2, 15])
def test_a_process_opens_so_many_connections_and_the_next_waits_for_one(database_url: str, most: int) -> None:
    bind = db.connect(database_url, most=most)
    taken = [bind.connect() for _ in range(most)]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: bind.connect().close())
        assert not wait([waiting], timeout=0.1).done
        taken.pop().close()
        assert waiting.result(timeout=20) is None
    for connection in taken:
        connection.close()
    bind.dispose()


@databases.on_sqlite
def test_what_is_committed_outlives_a_power_failure(database_url: str) -> None:
    bind = db.connect(database_url)
    with bind.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2, "FULL"
    bind.dispose()
