"""The database: one engine a process, one transaction a request, tick or step; nobody else commits."""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy import event
from sqlmodel import Session

from core import settings

_MIGRATIONS = Path(__file__).resolve().parent / "migrations"
_BUSY_TIMEOUT_MS = 30_000
# Unless the settings say otherwise; fewer are kept open.
_MOST_CONNECTIONS, _MOST_KEPT = 15, 10
_LOOK_AGAIN_S = (0.001, 0.004)
# A server that vanishes (its machine, or the way to it) says no goodbye: by itself the system waits for hours. What the
# address of the database says of these goes first.
_GIVES_UP = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# The server must notice as soon that we vanish: until then it keeps what we had locked.
_GIVES_US_UP = (
    "SELECT set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '5', false), "
    "set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '20s', false)"
)


def connect(database_url: str, *, most: int = _MOST_CONNECTIONS) -> sa.Engine:
    """Return an engine for `database_url`, set up so that concurrent writers lose nothing on either database.

    `most`: how many connections to PostgreSQL it may have open at once; whoever finds none free waits for one.

    What a failed statement was given (numbers, texts) stays out of its error, and so out of the logs.
    """
    if database_url.startswith("sqlite"):
        return _sqlite(database_url)
    chosen = sa.make_url(database_url).query
    engine = sa.create_engine(
        database_url,
        pool_size=min(most, _MOST_KEPT),
        max_overflow=max(most - _MOST_KEPT, 0),
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args={name: value for name, value in _GIVES_UP.items() if name not in chosen},
    )
    event.listen(engine, "connect", _have_us_given_up)
    event.listen(engine, "handle_error", _leave_demoted)
    return engine


def _have_us_given_up(connection: Any, record: Any) -> None:
    connection.execute(_GIVES_US_UP)
    connection.commit()


def _leave_demoted(failure: sa.ExceptionContext) -> None:
    # It has handed over to another server, which its address leads to by now: a kept connection never would.
    if isinstance(failure.original_exception, ReadOnlySqlTransaction):
        failure.is_disconnect = True


def _sqlite(database_url: str) -> sa.Engine:
    path = sa.make_url(database_url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(database_url, pool_size=10, max_overflow=20, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # so that BEGIN is ours
    for pragma in (
        f"busy_timeout = {_BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",  # were a claim lost as the power fails, its text would leave twice; and a STOP is kept
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A deferred transaction that reads and then writes can lose another's update, or fail; an immediate one waits.
    if connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql("BEGIN")
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        if not _got_turn(driver):
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # fails with SQLAlchemy's own error
    finally:
        driver.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")


def _got_turn(driver: sqlite3.Connection) -> bool:
    """Wait to be the one who writes.

    SQLite's own waiting looks ten times a second: beside a process that writes all the time, it starves for many.
    """
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while time.monotonic() < deadline:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as failure:
            if failure.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                return False
            time.sleep(random.uniform(*_LOOK_AGAIN_S))
        else:
            return True
    return False


@lru_cache(maxsize=1)
def engine() -> sa.Engine:
    """Return this process's engine."""
    config = settings.current()
    return connect(config.database_url, most=config.database_pool)


@contextmanager
def transaction(bind: sa.Engine | None = None) -> Iterator[Session]:
    """Open a session whose work is saved whole at the end, or not at all."""
    with Session(bind or engine(), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def alone(session: Session) -> Iterator[None]:
    """Do something within a transaction that, when it fails, leaves all else that the transaction has done."""
    with session.begin_nested():
        yield


@contextmanager
def reading(bind: sa.Engine | None = None) -> Iterator[Session]:
    """Open a session that only reads, and never waits for writers."""
    source = bind or engine()
    # PostgreSQL shows every statement what is committed by then, with or without a transaction around it: BEGIN and
    # ROLLBACK would only be two more round trips.
    has_begin = source.dialect.name == "sqlite"
    reader = source.execution_options(reading=True, **({} if has_begin else {"isolation_level": "AUTOCOMMIT"}))
    with Session(reader, expire_on_commit=False) as session:
        yield session


def migrate(database_url: str) -> None:
    """Bring the database at `database_url` to the newest schema; does nothing when it is there already."""
    config = _config()
    bind = connect(database_url)
    try:
        with bind.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    finally:
        bind.dispose()


def is_current(bind: sa.Engine | None = None) -> bool:
    """Tell whether the database has the newest schema."""
    with (bind or engine()).connect() as connection:
        return MigrationContext.configure(connection).get_current_heads() == tuple(
            ScriptDirectory.from_config(_config()).get_heads()
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
