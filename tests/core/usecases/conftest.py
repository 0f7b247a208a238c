"""A database, and a session on it whose work is saved at the test's end."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from core import db


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """An engine on this test's own database."""
    engine = db.connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    """A session in one transaction."""
    with db.transaction(engine) as session:
        yield session
