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


def sqlalchemy_url(server: PostgresServer, database: str) -> str:
    """Return the address of a database in the form that the product uses."""
    return server.url(database).replace("postgresql://", "postgresql+psycopg://", 1)


def prepare_postgresql(server: PostgresServer) -> None:
    """Make the migrated template that each test's database is a copy of."""
    _execute(server, f"CREATE DATABASE {_TEMPLATE}")
    _migrate(sqlalchemy_url(server, _TEMPLATE))


@contextmanager
def fresh_postgresql(server: PostgresServer) -> Iterator[str]:
    """Yield the address of a migrated, empty database; it is dropped afterwards, whoever is still connected."""
    name = f"test_{uuid4().hex}"
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    yield sqlalchemy_url(server, name)
    if server.is_running:
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


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


def _execute(server: PostgresServer, statement: str) -> None:
    with closing(psycopg.connect(server.url(), autocommit=True)) as connection:
        connection.execute(statement.encode())
