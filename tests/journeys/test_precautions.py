"""The sandbox plays with nobody's records: a database in which real people stand is refused, and left as it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from core import db
from sandbox.contacts import refuse_real_people
from sandbox.settings import UnsafeSettings
from tests import factories


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    """A transaction on an empty database, saved when asked."""
    engine = db.connect(database_url)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.mark.parametrize(
    "real", [{"phone": "+15550123"}, {"phone": "+12125550143", "email": "ann@tenants.invalid"}], ids=["phone", "email"]
)
def test_a_database_with_real_people_is_refused(session: Session, database_url: str, real: dict[str, str]) -> None:
    factories.contact(session, 0, phone="+12125550123")
    factories.contact(session, 1, **real)
    session.commit()
    with pytest.raises(UnsafeSettings, match="holds 1 contacts who are not fictional") as refusal:
        refuse_real_people(database_url)
    assert not any(value in str(refusal.value) for value in real.values())


def test_a_database_with_fictional_people_alone_is_taken(session: Session, database_url: str) -> None:
    factories.contact(session, 0, phone="+12125550123", email="ana@example.org")
    session.commit()
    refuse_real_people(database_url)


def test_a_database_that_is_not_there_yet_is_taken_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "blast.db"
    refuse_real_people(f"sqlite:///{path}")
    assert not path.exists()


def test_a_database_without_tables_is_taken(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE other (id INTEGER)"))
    engine.dispose()
    refuse_real_people(url)


def test_a_database_that_does_not_answer_is_named_without_its_address(free_port: int) -> None:
    with pytest.raises(UnsafeSettings, match="DATABASE_URL names can't be read") as refusal:
        refuse_real_people(f"postgresql://someone:secret@127.0.0.1:{free_port}/blast")
    assert "secret" not in str(refusal.value)
