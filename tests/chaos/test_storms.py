"""In a storm nobody is texted twice, lost, or texted after STOP, the rate is kept, and the blast ends."""

import os
import random
from pathlib import Path

import pytest

from tests.chaos import journey

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

RECIPIENTS, EVENTS = 400, 5
# What else runs on this machine may hold up the stand-in: see `tests.workers.test_rate` for the rate in quiet.
HELD_UP_S = 0.25
FIXED = 1
FRESH = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))


@pytest.mark.parametrize(("kind", "which"), [("postgresql", "fixed"), ("postgresql", "fresh"), ("sqlite", "fresh")])
def test_a_blast_survives_a_storm(kind: str, which: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = FIXED if which == "fixed" else FRESH
    with capsys.disabled():
        print(f"\nStorm {seed} on {kind}; to repeat it: CHAOS_SEED={seed} make test ARGS=tests/chaos")
    with journey.database(kind) as (url, server):
        load = {"recipients": RECIPIENTS, "events": EVENTS}
        found, story = journey.play(tmp_path, url, seed=seed, database=server, held_up_s=HELD_UP_S, **load)
    assert found.wrong == {}, f"CHAOS_SEED={seed}: {story}"
