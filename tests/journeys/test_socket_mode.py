"""The bot without a public address: the same command, modal, buttons and refusals over a socket that it opens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.story import agreeing
from tests import databases
from tests.journeys.conftest import SETTINGS, prepared
from tests.journeys.house import House, opened

pytestmark = [pytest.mark.journey, databases.on_sqlite]


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> Iterator[House]:
    with opened(tmp_path, database_url, **SETTINGS, SLACK_APP_TOKEN="xapp-sandbox", SLACK_SIGNING_SECRET="") as up:
        yield up


def test_one_composes_and_another_approves_over_a_socket(house: House) -> None:
    story = prepared(house)
    agreeing.compose(story)
    agreeing.agree(story)
    story.card_in("Sending", seconds=15)
    assert "/slack/events" not in str(house.stand_ins.ask("GET", "/ui/traffic"))
