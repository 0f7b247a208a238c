"""A worker's process in the middle of a test."""

from collections.abc import Iterator

import pytest

from core import db, settings
from tests.factories import SENDER


@pytest.fixture
def in_a_worker(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Settings of one sender at Twilio, and the test's own database; more may be set before they are first read."""
    given = {
        "DATABASE_URL": database_url,
        "TWILIO_FROM_NUMBER": SENDER,
        "PUBLIC_URL": "http://127.0.0.1:9",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "token",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings.current.cache_clear()
    db.engine.cache_clear()
    yield monkeypatch
    db.engine().dispose()
    settings.current.cache_clear()
    db.engine.cache_clear()
