"""The refusal to rehearse on a database in which real people stand."""

from pathlib import Path

import sqlalchemy as sa

from sandbox.settings import UnsafeSettings

_TABLE = "contacts"
# What fictional people have: a phone of area code + 555-01xx, a mail address of a domain that is kept for examples.
_FICTIONAL_PHONE = "+1___55501__"
_FICTIONAL_MAIL = ("%@example.org", "%@example.com", "%@example.net")


def refuse_real_people(database_url: str) -> None:
    """Look, without changing anything, whether everybody in a database is fictional.

    Raises:
        UnsafeSettings: somebody isn't, or it can't be read.
    """
    url = sa.make_url(_with_driver(database_url))
    if url.drivername.startswith("sqlite") and not Path(url.database or "").is_file():
        return  # opening it would make it
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            real = _real_people(connection)
    except sa.exc.SQLAlchemyError as failure:
        raise UnsafeSettings(
            f"The database that DATABASE_URL names can't be read ({type(failure).__name__}): start it, or correct the "
            "address."
        ) from None
    finally:
        engine.dispose()
    if real:
        raise UnsafeSettings(
            f"The database that DATABASE_URL names holds {real:,} contacts who are not fictional, and the sandbox must "
            "not play with real people's records: unset DATABASE_URL, or name an empty database."
        )


def _real_people(connection: sa.Connection) -> int:
    if not sa.inspect(connection).has_table(_TABLE):
        return 0
    phone, email = sa.column("phone", sa.Text()), sa.column("email", sa.Text())
    is_example = sa.or_(*(email.like(pattern) for pattern in _FICTIONAL_MAIL))
    is_real = sa.or_(phone.not_like(_FICTIONAL_PHONE), sa.and_(email.is_not(None), ~is_example))
    counted = connection.scalar(sa.select(sa.func.count()).select_from(sa.table(_TABLE)).where(is_real))
    return int(counted or 0)


def _with_driver(database_url: str) -> str:
    scheme, separator, rest = database_url.partition("://")
    return f"postgresql+psycopg{separator}{rest}" if scheme in ("postgres", "postgresql") else database_url
