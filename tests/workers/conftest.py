"""A worker's process in the middle of a test, and what it speaks to."""

from collections.abc import Iterator

import pytest

from core import db, settings
from tests import replies
from tests.factories import SENDER
from tests.replies import Replies
from tests.sandbox.twilio_servers import Rig, Servers


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


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig.up() as rig:
        yield rig


@pytest.fixture
def twilio(rig: Rig) -> Iterator[Servers]:
    with rig.serve() as servers:
        yield servers


@pytest.fixture
def channel(database_url: str, monkeypatch: pytest.MonkeyPatch, twilio: Servers) -> Iterator[Replies]:
    """The replies channel, with Twilio's stand-in at hand, on either database."""
    with replies.opened(database_url, monkeypatch) as opened:
        monkeypatch.setenv("TWILIO_API_URL", f"{twilio.url}/twilio")
        monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", "sandbox-auth-token")
        settings.current.cache_clear()
        yield opened
