"""While a claim's commit hangs, what it rests on ages: who says STOP meanwhile gets no text by it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest
import sqlalchemy as sa

from core import db
from core.clock import utc_now
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Delivery, SuppressionCause
from core.usecases import suppression
from core.usecases.sending import Claims
from tests import databases, factories
from tests.factories import SENDER, phone
from tests.workers.test_drain import FakeChannel, FakeLedger, FakePace, accepted, drain_of
from tests.workers.test_endings import until
from workers import calls, drain, grants
from workers.drain import Drain, Speed
from workers.ledger import Ledger

_GATE = 4711
# Who commits a claim must pass this gate, and waits while somebody holds it shut.
_BUILD_A_GATE = f"""
CREATE FUNCTION pass_the_gate() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock_shared({_GATE}); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER gate AFTER UPDATE ON deliveries DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.status = 'claimed') EXECUTE FUNCTION pass_the_gate()
"""


def story(told: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(told(), 30))


@contextmanager
def commits_that_hang() -> Iterator[Callable[[], bool]]:
    """Keep every claim from committing while the body runs; yields what tells whether one waits."""
    with db.transaction() as session:
        session.execute(sa.text(_BUILD_A_GATE))
    with db.transaction() as keeper:
        keeper.execute(sa.select(sa.func.pg_advisory_xact_lock(_GATE)))
        yield _one_waits


def _one_waits() -> bool:
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE objid = :gate AND NOT granted")
    with db.reading() as session:
        return bool(session.scalar(waiting, {"gate": _GATE}))


@databases.on_postgresql
@pytest.mark.usefixtures("in_a_worker")
def test_who_says_stop_while_the_claims_commit_hangs_gets_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MOST_HELD_S", 0.3)
    with db.transaction() as session:
        blast = factories.blast(session, status=BlastStatus.SENDING, started_at=utc_now())
        stopped = factories.delivery(session, 1, blast_id=blast.id).id

    async def told() -> None:
        channel = FakeChannel()
        drain = Drain(SENDER, channel=channel, ledger=Ledger(SENDER), pace=FakePace(1), speed=Speed(5, None))
        with commits_that_hang() as one_waits:
            running = asyncio.create_task(drain.run())
            await until(one_waits)
            with db.transaction() as session:
                cause = SuppressionCause.OPT_OUT
                suppression.suppress(session, phone(1), cause=cause, source="sms", now=utc_now())
            stopped_at = monotonic()
            await until(lambda: monotonic() > stopped_at + 0.3)
        await running
        assert channel.sent_at == []

    story(told)
    with db.reading() as session:
        assert session.get_one(Delivery, stopped).status is DeliveryStatus.SKIPPED


class SlowToCommit(FakeLedger):
    """Takes a moment for each claim, the longer the more are claimed."""

    def __init__(self, count: int, *, each_s: float) -> None:
        super().__init__(count)
        self.each_s = each_s

    def claim(self, limit: int) -> Claims:
        claims = super().claim(limit)
        until_at = claims.since + self.each_s * len(claims)
        while monotonic() < until_at:
            pass
        return claims


@pytest.mark.parametrize("per_s", [None, 200])
def test_where_many_take_too_long_to_claim_fewer_are(per_s: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (calls, grants, drain):
        monkeypatch.setattr(module, "MOST_HELD_S", 0.3)

    async def told() -> None:
        ledger = SlowToCommit(100, each_s=0.02)
        await drain_of(ledger, FakeChannel(), per_s=per_s).run()
        assert accepted(ledger) == list(range(100))

    story(told)
