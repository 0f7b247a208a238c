"""A cancel is in force at once, however much waits and whoever holds some of it; the rest is swept away after it."""

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Blast, Delivery
from core.usecases import approval, reports, scheduling, sending
from tests import databases, factories
from tests.factories import NOON, SENDER


def sending_to(session: Session, count: int) -> Blast:
    """Make a running blast to so many people."""
    blast = factories.blast(session, status=BlastStatus.SENDING, started_at=NOON)
    for number in range(count):
        factories.delivery(session, number, blast_id=blast.id)
    return blast


def cancelled(session: Session) -> int:
    is_cancelled = col(Delivery.status) == DeliveryStatus.CANCELLED
    return session.scalar(sa.select(sa.func.count()).where(is_cancelled)) or 0


@databases.on_postgresql
def test_a_cancel_does_not_wait_for_whoever_holds_a_text(session: Session, engine: sa.Engine) -> None:
    with db.transaction(engine) as before:
        blast = sending_to(before, 3)
    with db.transaction(engine) as holding:
        holding.execute(sa.select(Delivery).limit(1).with_for_update())
        with db.transaction(engine) as another:
            another.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            approval.cancel(another, blast.id, by=None, seen=1, now=NOON)
    assert not sending.claim(session, blast.id, sender=SENDER, limit=9, hourly_cap=9, now=NOON)
    assert cancelled(session) == 2
    scheduling.sweep_cancelled(session, now=NOON)
    assert cancelled(session) == 3


def test_what_is_much_is_cancelled_in_parts_and_counts_as_cancelled_at_once(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "_MOST_CANCELLED", 2)
    blast = sending_to(session, 5)
    approval.cancel(session, blast.id, by=None, seen=1, now=NOON)
    counts = reports.progress(session, blast.id, now=NOON).counts
    assert (counts[DeliveryStatus.CANCELLED], counts.get(DeliveryStatus.PENDING)) == (5, None)
    for so_many in (2, 4, 5):
        assert cancelled(session) == so_many
        assert scheduling.unswept(session, now=NOON) == ([blast.id] if so_many < 5 else [])
        scheduling.sweep_cancelled(session, now=NOON)


def test_the_sweep_leaves_alone_what_runs_and_what_stands_by_itself(session: Session) -> None:
    sending_to(session, 1)
    factories.delivery(session, 7)
    assert not scheduling.unswept(session, now=NOON)
    scheduling.sweep_cancelled(session, now=NOON)
    assert not cancelled(session)
