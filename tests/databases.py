"""Databases for single tests, copied from one migrated template; and marks for what runs on one kind only."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from deploy.postgres import PostgresServer

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

_TEMPLATE = "template_blast"


class PostgresqlCopies:
    """Copies of one migrated template on a PostgreSQL server."""

    def __init__(self, server: PostgresServer) -> None:
        """Make the template."""
        self._server = server
        self._finished: list[str] = []
        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        _migrate(self._url(_TEMPLATE))
        self._copy = f"TEMPLATE {_TEMPLATE}{self._by_files()}"

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Yield the address of a migrated, empty database."""
        if not self._server.is_running:  # the test before may have killed it
            self._server.start()
        # Dropped by the next test: right after its own, a server that is still closing connections takes 0.1 s longer.
        drops = [f"DROP DATABASE {self._finished.pop()} WITH (FORCE)" for _ in list(self._finished)]
        name = f"test_{uuid4().hex}"
        self._execute(*drops, f"CREATE DATABASE {name} {self._copy}")
        yield self._url(name)
        self._finished.append(name)

    def _by_files(self) -> str:
        """Where there is a choice (from PostgreSQL 15 on): copying files, not pages, halves the time of each copy."""
        with closing(psycopg.connect(self._server.url())) as connection:
            return " STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""

    def _url(self, database: str) -> str:
        return self._server.url(database).replace("postgresql://", "postgresql+psycopg://", 1)

    def _execute(self, *statements: str) -> None:
        with closing(psycopg.connect(self._server.url(), autocommit=True)) as connection:
            for statement in statements:
                connection.execute(statement.encode())


def prepare_sqlite(template: Path) -> None:
    """Make the migrated template that each test's file is a copy of."""
    _migrate(f"sqlite:///{template}")


def fresh_sqlite(template: Path, copy: Path) -> str:
    """Return the address of a migrated, empty database in the file `copy`."""
    with closing(sqlite3.connect(template)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return f"sqlite:///{copy}"


def _migrate(url: str) -> None:
    from core import db  # tests of pure rules start without the database's libraries

    db.migrate(url)
