"""A house for each journey, on both databases; and a story whose teller says nothing."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.story import preparing
from sandbox.story.command import CommandLine
from sandbox.story.people import gather
from sandbox.story.story import Story
from sandbox.story.telling import Teller
from tests.journeys.house import House, opened

# Slow enough that something can happen in mid-send.
SETTINGS = {"UNDO_SECONDS": "1", "SENDER_RATE": "20"}
ROWS = 60


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> Iterator[House]:
    """Every process of the Procfile against the sandbox, for this journey alone."""
    with opened(tmp_path, database_url, **SETTINGS) as up:
        yield up


@pytest.fixture
def story(house: House) -> Story:
    """Hands in that house, sixty people to text, and staff."""
    return prepared(house)


def prepared(house: House) -> Story:
    """Import sixty people and name the staff; return hands in the house, whose story nobody is told."""
    quiet = Teller(Console(file=io.StringIO()))
    story = Story(house.stand_ins, quiet, house.folder, gather(ROWS), CommandLine(house.env))
    preparing.import_list(story)
    preparing.name_staff(story)
    return story
