"""What is beyond a cap waits for the next day, or isn't sent."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.caps import next_midnight
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.domain.receipts import Incoming
from core.models import Blast, Delivery, SkipReason
from core.usecases import caps, receipts, reports, sending
from core.usecases.sending import Claimed
from tests import databases, factories
from tests.factories import NOON, SENDER

MIDNIGHT = next_midnight("America/Los_Angeles", NOON)
DAY = timedelta(days=1)


def running(session: Session, count: int = 1) -> Blast:
    blast = factories.blast(session, status=BlastStatus.SENDING)
    for number in range(count):
        factories.delivery(session, number, blast_id=blast.id)
    return blast


def claim(session: Session, blast: Blast, *, heard_since: datetime | None = None) -> list[Claimed]:
    return sending.claim(session, blast.id, sender=SENDER, limit=9, hourly_cap=10, now=NOON, heard_since=heard_since)


def test_a_day_has_so_much_and_no_more(session: Session) -> None:
    assert caps.allowance(session, SENDER, cap=5, resets_at=MIDNIGHT) == 5
    caps.spend(session, SENDER, count=4, resets_at=MIDNIGHT)
    assert caps.allowance(session, SENDER, cap=5, resets_at=MIDNIGHT) == 1
    caps.spend(session, SENDER, count=-2, resets_at=MIDNIGHT)
    assert caps.allowance(session, SENDER, cap=5, resets_at=MIDNIGHT) == 3
    assert caps.allowance(session, SENDER, cap=2, resets_at=MIDNIGHT) == 0
    assert caps.allowance(session, SENDER, cap=1, resets_at=MIDNIGHT) == 0, "replies go on when nothing is left"
    assert caps.allowance(session, SENDER, cap=5, resets_at=MIDNIGHT + DAY) == 5
    assert caps.allowance(session, "+12125550101", cap=5, resets_at=MIDNIGHT) == 5


def test_days_that_are_over_are_forgotten(session: Session) -> None:
    caps.allowance(session, SENDER, cap=5, resets_at=MIDNIGHT)
    caps.spend(session, SENDER, count=5, resets_at=MIDNIGHT)
    caps.forget(session, before=MIDNIGHT + DAY)
    assert caps.allowance(session, SENDER, cap=5, resets_at=MIDNIGHT) == 5


def test_a_carrier_whose_day_is_over_holds_blasts_until_midnight_and_not_replies(session: Session) -> None:
    blast = running(session, 3)
    factories.delivery(session, 9)
    (first, *_) = claim(session, blast)[:1]
    session.execute(sa.update(Delivery).where(col(Delivery.id) != first.id).values(status=DeliveryStatus.PENDING))
    receipts.apply(session, [Incoming("SM1", "undelivered", 30023, delivery_id=first.id)], now=NOON)
    told = reports.progress(session, blast.id, now=NOON)
    assert told.waits_until == MIDNIGHT
    assert session.get_one(Blast, blast.id).status is BlastStatus.SENDING
    assert claim(session, blast) == []
    assert sending.claim(session, None, sender=SENDER, limit=9, hourly_cap=10, now=NOON)


def test_one_senders_day_holds_its_own(session: Session) -> None:
    blast = running(session)
    assert caps.hold_some(session, "+12125550101", until=MIDNIGHT) == 0
    assert caps.hold_some(session, SENDER, until=MIDNIGHT) == 1
    assert reports.progress(session, blast.id, now=NOON).openings == [(MIDNIGHT, 1)]


def test_where_a_day_holds_many_it_does_so_in_parts(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caps, "_MOST_HELD", 2)
    running(session, 5)
    assert [caps.hold_some(session, SENDER, until=MIDNIGHT) for _ in range(4)] == [2, 2, 1, 0]


@databases.on_postgresql
def test_a_day_waits_for_nobody_who_is_busy_with_a_text(engine: sa.Engine) -> None:
    with db.transaction(engine) as before:
        running(before, 2)
    with db.transaction(engine) as busy, db.transaction(engine) as claiming:
        busy.execute(sa.select(Delivery).limit(1).with_for_update())
        claiming.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
        assert caps.hold_some(claiming, SENDER, until=MIDNIGHT) == 1


@pytest.mark.parametrize("status", [DeliveryStatus.DELIVERED, DeliveryStatus.UNKNOWN, DeliveryStatus.SENT])
def test_whoever_heard_from_us_lately_is_skipped_with_the_reason(session: Session, status: DeliveryStatus) -> None:
    earlier = running(session)
    session.execute(sa.update(Delivery).values(status=status, claimed_at=NOON - DAY))
    blast = running(session)
    assert claim(session, blast, heard_since=NOON - 2 * DAY) == []
    row = session.scalars(sa.select(Delivery).where(col(Delivery.blast_id) == blast.id)).one()
    assert (row.status, row.skip_reason) == (DeliveryStatus.SKIPPED, SkipReason.HEARD_LATELY)
    assert earlier.id != blast.id


def test_whoever_heard_from_us_long_ago_or_never_got_it_is_messaged(session: Session) -> None:
    running(session)
    session.execute(sa.update(Delivery).values(status=DeliveryStatus.DELIVERED, claimed_at=NOON - 3 * DAY))
    running(session)
    failed = col(Delivery.status) == DeliveryStatus.PENDING
    session.execute(sa.update(Delivery).where(failed).values(status=DeliveryStatus.FAILED, claimed_at=NOON - DAY))
    assert claim(session, running(session), heard_since=NOON - 2 * DAY)


def test_without_the_cap_nobody_is_skipped(session: Session) -> None:
    running(session)
    session.execute(sa.update(Delivery).values(status=DeliveryStatus.DELIVERED, claimed_at=NOON - DAY))
    assert claim(session, running(session))
