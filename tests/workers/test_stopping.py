"""A worker that is told to stop ends within ten seconds, whatever is away, and nobody is forgotten or texted twice."""

from pathlib import Path
from time import monotonic

import pytest

from deploy import ports
from tests.chaos import journey
from tests.chaos import site as sites
from tests.chaos.site import phones

pytestmark = [pytest.mark.journey, pytest.mark.slow]

IN_FLIGHT = 20


def test_a_worker_stops_while_the_database_is_away_and_twilio_does_not_answer(tmp_path: Path) -> None:
    settings = {"SENDER_RATE": "50", "MAX_IN_FLIGHT": str(IN_FLIGHT), "CLAIM_LEASE_SECONDS": "40", "LOG_LEVEL": "INFO"}
    with (
        journey.database("postgresql") as (url, server),
        sites.opened(tmp_path, url, workers=1, settings=settings) as site,
    ):
        assert server is not None
        site.stand_ins.behave(silent=1.0)
        site.begin(phones(100), body="The rent meeting is on Monday.")
        assert ports.wait_until(lambda: site.stand_ins.ledger()["requests"] >= IN_FLIGHT, seconds=20)
        server.kill()
        began = monotonic()
        site.stop("worker-1")
        assert monotonic() - began < 10
        said = site.log("worker-1")
        assert "worker.stopped" in said
        assert "results.not_written" in said
