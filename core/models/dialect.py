"""Where PostgreSQL and SQLite differ: everything else is the same SQL on both."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session


def is_postgresql(session: Session) -> bool:
    """Tell which of the two this session speaks to."""
    return session.get_bind().dialect.name == "postgresql"


def insert(session: Session, table: Any) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that knows ON CONFLICT; both dialects spell it alike."""
    return insert_into(table, on_postgresql=is_postgresql(session))


def insert_into(table: Any, *, on_postgresql: bool) -> postgresql.Insert | sqlite.Insert:
    """Return the same for a statement that is made once."""
    return postgresql.insert(table) if on_postgresql else sqlite.insert(table)


def keep_others_from_writing(session: Session, table: Any) -> None:
    """Hold a table until the end of the transaction, so that what is read here still holds when it is written.

    Others may read it and refer to its rows meanwhile. SQLite has one writer at a time anyhow.
    """
    if is_postgresql(session):
        session.execute(sa.text(f"LOCK TABLE {table.__tablename__} IN SHARE ROW EXCLUSIVE MODE"))


def read_in_order(session: Session) -> None:
    """Have PostgreSQL read by the index that holds the order asked for, until the end of the transaction.

    In the minute after much was written its statistics know nothing of it, and it would rather sort all there is. A
    plan that must sort all the same then looks so dear that it would be compiled each time, for a second or so.
    """
    if is_postgresql(session):
        session.execute(_IN_ORDER)


def look_up_by_index(session: Session) -> None:
    """Have PostgreSQL find rows by their keys, and never read a whole table for them, until the transaction's end.

    While a table is small that would be quicker, and such a plan, once made, is kept until statistics are made anew:
    by then a blast to many may have been planned. What must read a whole table all the same isn't compiled for it.
    """
    if is_postgresql(session):
        session.connection().execute(_BY_INDEX)


# Whoever has a turn and says nothing for so long has stopped, or is gone with its machine, which says no goodbye.
_LONGEST_SILENCE_S = 10.0
# One round trip: the columns are computed in order, and the limit holds for this wait alone.
_TURN = (
    "SELECT set_config('lock_timeout', :patience, true), pg_advisory_xact_lock{kind}(hashtext(:what)), "
    "set_config('lock_timeout', '0', true), set_config('idle_in_transaction_session_timeout', :silence, true)"
)
_ALONE, _AMONG_OTHERS = sa.text(_TURN.format(kind="")), sa.text(_TURN.format(kind="_shared"))
_PATIENCE = sa.text("SELECT set_config('lock_timeout', :patience, true)")
_BY_INDEX = sa.text("SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)")
_IN_ORDER = sa.text("SELECT set_config('enable_sort', 'off', true), set_config('jit', 'off', true)")


def _stored_as(session: Session) -> Callable[[datetime], str]:
    if is_postgresql(session):
        return datetime.isoformat
    # SQLite compares instants as text, so they must look exactly as SQLAlchemy writes them.
    return lambda value: value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def recordset(
    session: Session,
    name: str,
    columns: Mapping[str, sa.types.TypeEngine[Any]],
    rows: Sequence[Mapping[str, Any]],
) -> sa.FromClause:
    """Return `rows` as something to join with: one parameter however many rows, so that the statement is cached.

    Values must be numbers, text, aware datetimes or None; for a JSON column, whatever JSON is made of. `columns` names
    their SQL types.
    """
    on_postgresql = is_postgresql(session)
    return _recordset(
        name, columns, sa.bindparam(None, _document(session, rows), type_=sa.Text()), on_postgresql=on_postgresql
    )


def rows_of(name: str, columns: Mapping[str, sa.types.TypeEngine[Any]], *, on_postgresql: bool) -> sa.FromClause:
    """Return rows to join with in a statement that is made once; they are bound by `bind_rows`."""
    if on_postgresql:
        return unnested(name, columns)
    return _recordset(name, columns, sa.bindparam(name, type_=sa.Text()), on_postgresql=False)


def bind_rows(session: Session, name: str, columns: Iterable[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the parameters that `rows_of` reads: numbers, text, None, or whatever JSON is made of."""
    if is_postgresql(session):
        return {f"{name}_{key}": array([row[key] for row in rows]) for key in columns}
    return {name: _document(session, rows)}


def is_one_of(
    column: sa.ColumnElement[Any], name: str, kind: sa.types.TypeEngine[Any], *, on_postgresql: bool
) -> sa.ColumnElement[bool]:
    """Return the condition that a column has one of the values bound as `name`, in a statement that is made once."""
    values = sa.bindparam(name, type_=sa.Text())
    if on_postgresql:
        return column == sa.func.any(sa.cast(values, postgresql.ARRAY(kind)))
    return column.in_(sa.select(sa.func.json_each(values).table_valued("value", name=f"{name}_each").c.value))


def bind_values(session: Session, values: Sequence[int | str]) -> str:
    """Write values as `is_one_of` reads them."""
    return array(values) if is_postgresql(session) else json.dumps(values)


def _document(session: Session, rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, separators=(",", ":"), default=_stored_as(session))


def _recordset(
    name: str, columns: Mapping[str, sa.types.TypeEngine[Any]], rows: sa.BindParameter[Any], *, on_postgresql: bool
) -> sa.FromClause:
    if on_postgresql:
        typed = [sa.column(key, kind) for key, kind in columns.items()]
        # Cast, since a bare parameter's type is unknown to the server.
        source = sa.cast(rows, postgresql.JSON)
        return sa.func.json_to_recordset(source).table_valued(*typed, name=name).render_derived(with_types=True)
    each = sa.func.json_each(rows).table_valued("value", name=f"{name}_each")
    picked = [
        sa.type_coerce(sa.func.json_extract(each.c.value, f"$.{key}"), kind).label(key) for key, kind in columns.items()
    ]
    return sa.select(*picked).select_from(each).subquery(name)


def unnested(name: str, columns: Mapping[str, sa.types.TypeEngine[Any]]) -> sa.FromClause:
    """Return rows to join with in a statement that is made once; each column is bound as one `array` (PostgreSQL only).

    It costs both sides less than half of what `recordset` does.
    """
    arrays = [
        sa.cast(sa.bindparam(f"{name}_{key}", type_=sa.Text()), postgresql.ARRAY(kind)) for key, kind in columns.items()
    ]
    typed = [sa.column(key, kind) for key, kind in columns.items()]
    return sa.func.unnest(*arrays).table_valued(*typed, name=name).render_derived()


def array(values: Iterable[int | str | Mapping[str, Any] | None]) -> str:
    """Write an array as PostgreSQL reads it; a mapping becomes JSON."""
    return "{" + ",".join([_element(value) for value in values]) + "}"


def _element(value: int | str | Mapping[str, Any] | None) -> str:
    if isinstance(value, str):
        if value.isalnum() and value.isascii() and value.lower() != "null":
            return value
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, int):
        return str(value)
    if value is None:
        return "NULL"
    return _element(json.dumps(value, separators=(",", ":"))) if value else '"{}"'


def alone(session: Session, what: str, *, patience_s: float) -> None:
    """Have no other transaction do `what`, alone or among others, until this one ends. SQLite has one writer anyway.

    Who waits isn't overtaken by those who come later. A transaction that has its turn and asks for nothing more for
    ten seconds is ended by the server.

    Raises:
        OperationalError: others kept it for longer than `patience_s`; this transaction can only end.
    """
    _take_turn(session, _ALONE, what, patience_s)


def among_others(session: Session, what: str, *, patience_s: float) -> None:
    """Do `what` beside others who do it like this, and not while one of them does it alone, until this one ends.

    Raises:
        As for `alone`.
    """
    _take_turn(session, _AMONG_OTHERS, what, patience_s)


def wait_at_most(session: Session, seconds: float) -> None:
    """Wait no longer than that for what others hold, until the transaction's end; on SQLite readers never wait."""
    if is_postgresql(session):
        session.execute(_PATIENCE, {"patience": _ms(max(seconds, 0.001))})  # 0 would be for ever


def _take_turn(session: Session, how: sa.TextClause, what: str, patience_s: float) -> None:
    if is_postgresql(session):
        within = {"patience": _ms(patience_s), "silence": _ms(_LONGEST_SILENCE_S)}
        session.execute(how, {"what": what, **within})
    else:
        session.connection()  # begins, and so waits until it is the one who writes


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms"
