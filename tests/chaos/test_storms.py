"""In a storm nobody is texted twice, lost, or texted after STOP, and the blast ends."""

import os
from pathlib import Path

import pytest

from tests.chaos import journey

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

RECIPIENTS, EVENTS = 600, 8


@pytest.mark.parametrize("kind", journey.DATABASES)
def test_a_blast_survives_a_storm(kind: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED", "1"))
    with journey.database(kind) as (url, server):
        found, story = journey.play(tmp_path, url, seed=seed, recipients=RECIPIENTS, events=EVENTS, database=server)
    assert found.wrong == {}, f"CHAOS_SEED={seed}: {story}"
