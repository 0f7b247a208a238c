"""Every event in the outbox is told, by one clock at a time, and again until it is done."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from core import db, outbox
from core.domain.events import BlastChanged
from core.models import OutboxEvent
from tests.factories import NOON
from workers import relay

LEASE = timedelta(seconds=30)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = db.connect(database_url)
    with db.transaction(engine) as session:
        for _ in range(20):
            outbox.record(session, BlastChanged(uuid4()), now=NOON)
    yield engine
    engine.dispose()


def take(engine: sa.Engine, after: timedelta = timedelta()) -> list[int]:
    with db.transaction(engine) as session:
        return [outbox_id for outbox_id, _ in relay.take_due(session, now=NOON + after)]


def test_several_clocks_never_take_the_same_event(engine: sa.Engine) -> None:
    with ThreadPoolExecutor(6) as pool:
        taken = [each for mine in pool.map(lambda _: take(engine), range(6)) for each in mine]
    assert sorted(taken) == sorted(set(taken))
    assert len(taken) == 20


def test_an_event_whose_nudge_was_lost_is_told_again(engine: sa.Engine) -> None:
    assert len(take(engine)) == 20
    assert take(engine, LEASE - timedelta(seconds=1)) == []
    assert len(take(engine, LEASE)) == 20


def test_what_could_not_be_nudged_is_due_at_once(engine: sa.Engine) -> None:
    taken = take(engine)
    with db.transaction(engine) as session:
        relay.give_back(session, taken[:5], now=NOON)
    assert take(engine) == taken[:5]


def test_what_is_done_is_never_told_again(engine: sa.Engine) -> None:
    with db.transaction(engine) as session:
        session.execute(sa.update(OutboxEvent).values(done_at=NOON))
    assert take(engine, 10 * LEASE) == []
