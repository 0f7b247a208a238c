"""The doctor sees whether calls come to us, and names what to set where they don't."""

from collections.abc import Iterator
from typing import Any

import pytest

from core import db, settings
from core.models import ChannelName, Intake
from tests import databases
from tests.core.cli.conftest import Blast
from tests.sandbox.twilio_servers import ACCOUNT, SENDER, TOKEN, Rig, Servers

pytestmark = databases.on_sqlite


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig.up() as rig:
        yield rig


@pytest.fixture
def twilio(rig: Rig, blast: Blast, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    with rig.serve() as servers:
        own = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_FROM_NUMBER": SENDER}
        for name, value in {**own, "TWILIO_API_URL": f"{servers.url}/twilio"}.items():
            monkeypatch.setenv(name, value)
        yield servers


def told_of_calls(blast: Blast, monkeypatch: pytest.MonkeyPatch, public_url: str) -> Any:
    monkeypatch.setenv("PUBLIC_URL", public_url)
    settings.current.cache_clear()
    return next(each for each in blast("doctor", "--json").json if each["name"] == "calls")


def test_calls_that_come_to_us_are_well(blast: Blast, twilio: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    told = told_of_calls(blast, monkeypatch, twilio.product.url)
    assert told == {"name": "calls", "is_well": True, "told": "they come to us (1 of our numbers)."}


def test_calls_that_go_elsewhere_are_named_with_what_to_set(
    blast: Blast, twilio: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = told_of_calls(blast, monkeypatch, "https://blast.example.org")
    assert not told["is_well"]
    assert "https://blast.example.org/twilio/voice" in told["told"]


def test_calls_that_are_turned_off_are_no_trouble(
    blast: Blast, twilio: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.transaction() as session:
        session.merge(Intake(channel=ChannelName.VOICE, processor="voice", is_active=False))
    assert told_of_calls(blast, monkeypatch, "https://blast.example.org")["is_well"]
