"""When a blast starts, when it is over, and what becomes of its rest when it is cancelled."""

from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import Session

from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Blast, Delivery, OutboxEvent
from core.usecases import scheduling
from tests import factories
from tests.factories import NOON

MINUTE = timedelta(minutes=1)


def test_a_blast_can_be_undone_before_it_starts(session: Session) -> None:
    blast = factories.blast(session)
    assert scheduling.starts_at(blast, now=NOON, undo_seconds=30) == NOON + timedelta(seconds=30)


def test_a_scheduled_blast_starts_at_its_time(session: Session) -> None:
    blast = factories.blast(session, send_at=NOON + MINUTE)
    assert scheduling.starts_at(blast, now=NOON, undo_seconds=30) == NOON + MINUTE


def ended(session: Session, status: DeliveryStatus, after: timedelta = timedelta()) -> bool:
    blast = factories.blast(session, status=BlastStatus.SENDING)
    for number, each in enumerate((DeliveryStatus.DELIVERED, status)):
        factories.delivery(
            session, number, blast_id=blast.id, status=each, attempt=1, claimed_at=NOON, accepted_at=NOON
        )
    assert scheduling.over(session, now=NOON + after) == scheduling.finish(session, now=NOON + after)
    session.expire_all()
    return session.get_one(Blast, blast.id).status is BlastStatus.FINISHED


def test_a_blast_is_over_when_every_end_is_known(session: Session) -> None:
    assert ended(session, DeliveryStatus.UNDELIVERED)
    assert session.scalars(sa.select(OutboxEvent)).one().name == "blast.finished"


def test_a_blast_is_not_over_while_one_has_not_left(session: Session) -> None:
    assert not ended(session, DeliveryStatus.PENDING, after=timedelta(days=1))
    assert not ended(session, DeliveryStatus.UNKNOWN, after=timedelta(days=1))


def test_a_last_word_that_never_comes_is_not_waited_for_for_ever(session: Session) -> None:
    assert not ended(session, DeliveryStatus.SENT, after=9 * MINUTE)
    assert ended(session, DeliveryStatus.SENT, after=11 * MINUTE)


def test_what_comes_back_after_a_blast_was_cancelled_is_cancelled(session: Session) -> None:
    blast = factories.blast(session, status=BlastStatus.CANCELLED, finished_at=NOON)
    factories.delivery(session, 1, blast_id=blast.id)
    reply = factories.delivery(session, 2)
    scheduling.sweep_cancelled(session, now=NOON + MINUTE)
    session.expire_all()
    rows = {row.id: row.status for row in session.scalars(sa.select(Delivery))}
    assert rows.pop(reply.id) is DeliveryStatus.PENDING
    assert list(rows.values()) == [DeliveryStatus.CANCELLED]
