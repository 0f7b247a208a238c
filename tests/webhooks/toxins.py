"""A database that chokes on some rows, as it would on a bug of ours."""

import sqlalchemy as sa

from core import db

_RAISING = """
CREATE OR REPLACE FUNCTION toxic() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'toxic'; END $$
"""
_TABLES = ("receipts", "inbound")


def poison_messages(engine: sa.Engine) -> None:
    """Let no receipt and no text in whose id begins with SMtoxic."""
    for table in _TABLES:
        poison(engine, table, when="NEW.provider_sid LIKE 'SMtoxic%'")


def cure(engine: sa.Engine, *tables: str) -> None:
    """Let everything in again, in these tables; without any, receipts and texts."""
    of = {"postgresql": " ON {0}", "sqlite": ""}[engine.dialect.name]
    _run(engine, *(f"DROP TRIGGER toxic_{table}{of.format(table)}" for table in tables or _TABLES))


def poison(engine: sa.Engine, table: str, *, when: str) -> None:
    """Let no row into a table of which this is so, in SQL."""
    trigger = f"CREATE TRIGGER toxic_{table} BEFORE INSERT ON {table}"
    if engine.dialect.name == "sqlite":
        _run(engine, f"{trigger} WHEN {when} BEGIN SELECT RAISE(ABORT, 'toxic'); END")
    else:
        _run(engine, _RAISING, f"{trigger} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION toxic()")


def _run(engine: sa.Engine, *statements: str) -> None:
    with db.transaction(engine) as session:
        for statement in statements:
            session.execute(sa.text(statement))
