"""One blast through one storm, from a seed."""

import random
from pathlib import Path

from deploy.postgres import PostgresServer
from tests.chaos import ending
from tests.chaos import site as sites
from tests.chaos.ending import Findings
from tests.chaos.site import phones
from tests.chaos.storm import Storm, insist

_SETTINGS = {
    "CLAIM_LEASE_SECONDS": "40",
    "MAX_ATTEMPTS": "100",  # so that a provider that is busy for long loses nobody
    "MAX_IN_FLIGHT": "50",
}


def play(
    folder: Path,
    database_url: str,
    *,
    seed: int,
    recipients: int,
    events: int,
    rate: float,
    database: PostgresServer | None = None,
) -> tuple[Findings, list[str]]:
    """Play it on a migrated database of its own; return what was found wrong, and what had happened."""
    chance = random.Random(seed)
    with sites.opened(folder, database_url, clocks=2, settings={"SENDER_RATE": str(rate), **_SETTINGS}) as site:
        site.stand_ins.behave(callback_latency_ms=200)
        crowd = phones(recipients)
        storm = Storm(site, site.begin(crowd, body=f"Storm {seed}."), crowd, chance, database)
        insist(lambda: bool(site.stand_ins.ledger()["accepted"]))
        storm.rage(events=events)
        storm.calm()
        ending.await_end(storm)
        return ending.compare(storm), storm.story
