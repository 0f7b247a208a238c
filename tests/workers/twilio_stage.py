"""A stage for what workers ask Twilio: the stand-in over HTTP, and settings that point there and at a database."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core import db, settings
from tests.sandbox.twilio_servers import ACCOUNT, SENDER, TOKEN, Rig, Servers


@contextmanager
def opened(database_url: str, patch: pytest.MonkeyPatch, **more: str) -> Iterator[Servers]:
    """Bring the stand-in up, on a database."""
    with Rig.up() as rig, rig.serve() as servers:
        environment = {
            "DATABASE_URL": database_url,
            "TWILIO_API_URL": f"{servers.url}/twilio",
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_FROM_NUMBER": SENDER,
        }
        for name, value in (environment | more).items():
            patch.setenv(name, value)
        _forget()
        try:
            yield servers
        finally:
            db.engine().dispose()
            patch.undo()
            _forget()


def _forget() -> None:
    settings.current.cache_clear()
    db.engine.cache_clear()


def point_nowhere(patch: pytest.MonkeyPatch) -> None:
    """Have the product ask where nobody answers."""
    patch.setenv("TWILIO_API_URL", "http://127.0.0.1:9/twilio")
    settings.current.cache_clear()
