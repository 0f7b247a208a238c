"""One blast through one storm, from a seed."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import db
from deploy.postgres import PostgresServer
from tests.chaos import ending
from tests.chaos import site as sites
from tests.chaos.ending import Findings
from tests.chaos.place import Place
from tests.chaos.site import phones
from tests.chaos.storm import Storm, insist

DATABASES = ("postgresql", "sqlite")
_EVENT_S, _BOT_S = 1.3, 4.0
_SETTINGS = {
    "CLAIM_LEASE_SECONDS": "40",
    "MAX_ATTEMPTS": "100",  # so that a provider that is busy for long loses nobody
    "MAX_IN_FLIGHT": "50",
    "SECOND_APPROVER_ABOVE": "1000000",
    "UNDO_SECONDS": "0",
    "POLL_AFTER_MINUTES": "1",
}


def play(
    folder: Path,
    database_url: str,
    *,
    seed: int,
    recipients: int,
    events: int,
    database: PostgresServer | None = None,
    held_up_s: float = 0.0,
) -> tuple[Findings, list[str]]:
    """Play it on a migrated database of its own; return what was found wrong, and what had happened."""
    chance = random.Random(seed)
    # So slow that the storm is over when the blast is: each event takes somewhat more than a second, and first the bot
    # comes up anew.
    rate = recipients / (_BOT_S + events * _EVENT_S)
    settings = {"SENDER_RATE": str(rate), **_SETTINGS}
    with sites.up(Place(folder, database_url, clocks=2, niceness=-10, settings=settings)) as site:
        site.stand_ins.behave(callback_latency_ms=200)
        crowd = phones(recipients)
        storm = Storm(site, site.submit(crowd, body=f"Storm {seed}."), crowd, chance, database)
        try:
            storm.approve()
            insist(lambda: bool(site.stand_ins.ledger()["accepted"]))
            storm.rage(events=events)
            storm.calm()
            ending.await_end(storm)
            ending.await_last_words(storm)
        except AssertionError as stuck:
            stuck.add_note(f"Seed {seed}: {storm.story}\n{site.last_words()}")
            raise
        return ending.compare(storm, rate=rate, held_up_s=held_up_s), storm.story


@contextmanager
def database(kind: str) -> Iterator[tuple[str, PostgresServer | None]]:
    """Yield the address of a fresh, migrated database that survives kills, and its server if it has one."""
    with tempfile.TemporaryDirectory(prefix="blast-chaos-") as folder:
        if kind == "sqlite":
            url = f"sqlite:///{folder}/blast.db"
            db.migrate(url)
            yield url, None
            return
        server = PostgresServer(Path(folder), durable=True)
        try:
            server.start()
            url = server.url().replace("postgresql://", "postgresql+psycopg://", 1)
            db.migrate(url)
            yield url, server
        finally:
            server.close()
