"""While no worker takes nudges, the clock doesn't pile them up: what is due stays due in the database."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from redis import Redis
from sqlmodel import col

from core import db, outbox
from core.clock import utc_now
from core.domain.events import BlastChanged
from core.domain.lifecycles import BlastStatus
from core.models import OutboxEvent
from tests import databases, factories
from workers import broker, timetable

pytestmark = databases.on_sqlite

ENOUGH = 3


@pytest.fixture(autouse=True)
def queues(in_a_worker: pytest.MonkeyPatch, redis_url: str) -> Iterator[Redis]:
    made = broker.make(redis_url)
    in_a_worker.setattr(broker, "broker", made)
    in_a_worker.setattr(broker, "_ENOUGH", ENOUGH)
    yield made.client
    made.close()


def waiting(queues: Redis, queue: str) -> int:
    return int(queues.llen(f"blast:{queue}"))


@pytest.mark.parametrize(
    ("step", "queue"),
    [
        (timetable.start_blasts, broker.SENDING),
        (timetable.drain_senders, broker.SENDING),
        (timetable.refresh_cards, broker.UPDATES),
    ],
    ids=["starts", "drains", "cards"],
)
def test_nudges_that_nobody_takes_are_few(queues: Redis, step: Callable[[datetime], None], queue: str) -> None:
    now = utc_now()
    with db.transaction() as session:
        factories.blast(session, starts_at=now - timedelta(hours=1))
        running = factories.blast(session, status=BlastStatus.SENDING, started_at=now, card_ts="1.0")
        factories.delivery(session, blast_id=running.id)
    for _ in range(10):
        step(now)
    assert waiting(queues, queue) == ENOUGH
    queues.flushdb()
    step(now)
    assert waiting(queues, queue) == 1


def test_events_stay_due_for_when_they_are_taken(queues: Redis) -> None:
    now = utc_now()
    for _ in range(5):
        with db.transaction() as session:
            outbox.record(session, BlastChanged(factories.blast(session).id), now=now)
        timetable.tell_events(now)
    assert waiting(queues, broker.UPDATES) == ENOUGH
    with db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).where(col(OutboxEvent.due_at) <= now)) == 2
