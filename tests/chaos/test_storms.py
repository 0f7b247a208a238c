"""In a storm nobody is texted twice, lost, or texted after STOP, and the blast ends."""

import os
from pathlib import Path

import pytest

from deploy.postgres import PostgresServer
from tests.chaos import journey

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

RECIPIENTS, EVENTS, RATE = 600, 7, 80


def test_a_blast_survives_a_storm(
    request: pytest.FixtureRequest, database_url: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    seed = int(os.environ.get("CHAOS_SEED", "1"))
    server = None if database_url.startswith("sqlite") else postgres
    found, story = journey.play(
        tmp_path, database_url, seed=seed, recipients=RECIPIENTS, events=EVENTS, rate=RATE, database=server
    )
    assert found.wrong == {}, f"CHAOS_SEED={seed}: {story}"
