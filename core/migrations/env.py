"""How Alembic reaches the database and the models."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

import core.models  # noqa: F401  # fills the metadata
from core.models.columns import JSON

_PLAIN = {"UtcDateTime": "sa.DateTime(timezone=True)"}
_LOCK = 4_203_915  # any number: two processes that migrate at once take turns


def _render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """Write our own and SQLModel's types as SQLAlchemy's, so that an old migration doesn't change with the code."""
    if kind != "type":
        return False
    if isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.Text()"
    if item is JSON:
        autogen_context.imports.add("from sqlalchemy.dialects import postgresql")
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    return _PLAIN.get(type(item).__name__, False)


def _migrate() -> None:
    connection: sa.Connection = context.config.attributes["connection"]
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=_render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


_migrate()
