"""Nobody is messaged in their quiet hours, however long a blast takes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from core import db
from core.domain.hours import QuietHours
from core.domain.lifecycles import DeliveryStatus
from core.models import Contact, Delivery, SkipReason
from core.usecases import planning, reports, sending, windows
from core.usecases.sending import Claimed
from tests import databases, factories
from tests.factories import NOON, SENDER

QUIET = QuietHours.parse("09:00-20:00")
EVENING = NOON.replace(hour=23, minute=30)  # 19:30 in New York
NIGHT = NOON.replace(hour=0) + timedelta(days=1)  # 20:00 there
MORNING = NOON.replace(hour=13) + timedelta(days=1)  # 09:00 there


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    engine = db.connect(database_url)
    with db.transaction(engine) as session:
        yield session
    engine.dispose()


def claim(session: Session, blast_id: UUID, now: datetime) -> list[Claimed]:
    return sending.claim(session, blast_id, sender=SENDER, limit=9, hourly_cap=10, now=now)


def running(session: Session) -> UUID:
    blast = factories.blast(session, [factories.audience(session, contacts=[factories.contact(session)])])
    planning.start(session, blast.id, sender=SENDER, quiet=QUIET, max_lag=timedelta(days=1), now=EVENING)
    return blast.id


def test_a_claim_knows_when_its_recipients_quiet_hours_begin(session: Session) -> None:
    (mine,) = claim(session, running(session), EVENING)
    assert mine.closes_at == NIGHT


def test_what_could_not_leave_before_the_night_waits_for_the_morning(session: Session) -> None:
    blast_id = running(session)
    assert claim(session, blast_id, NIGHT) == []
    assert windows.has_closed(session, now=NIGHT)
    assert windows.move_on(session, QUIET, now=NIGHT) == 1
    assert not windows.has_closed(session, now=NIGHT)
    assert claim(session, blast_id, MORNING - timedelta(seconds=1)) == []
    assert claim(session, blast_id, MORNING)


def test_many_are_held_in_parts(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "_MOST_HELD", 2)
    for number in range(5):
        factories.delivery(session, number, closes_at=NIGHT)
    assert [windows.move_on(session, QUIET, now=NIGHT) for _ in range(4)] == [2, 2, 1, 0]
    assert not windows.has_closed(session, now=NIGHT)


@databases.on_postgresql
def test_whoever_is_busy_with_a_text_is_not_waited_for(engine: sa.Engine) -> None:
    with db.transaction(engine) as before:
        for number in range(2):
            factories.delivery(before, number, closes_at=NIGHT)
    with db.transaction(engine) as busy, db.transaction(engine) as clock:
        busy.execute(sa.select(Delivery).limit(1).with_for_update())
        clock.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
        assert windows.move_on(clock, QUIET, now=NIGHT) == 1


def test_nothing_closes_while_it_is_open(session: Session) -> None:
    running(session)
    assert not windows.has_closed(session, now=NIGHT - timedelta(seconds=1))


def test_somebody_who_moved_where_it_never_opens_is_skipped(session: Session) -> None:
    running(session)
    session.execute(sa.update(Contact).values(zones="America/New_York,Asia/Tokyo"))
    assert windows.move_on(session, QuietHours.parse("09:00-11:00;sun=09:00-11:00"), now=NIGHT) == 1
    row = session.scalars(sa.select(Delivery)).one()
    assert (row.status, row.skip_reason) == (DeliveryStatus.SKIPPED, SkipReason.QUIET_HOURS)


def test_staffs_replies_know_no_quiet_hours(session: Session) -> None:
    factories.delivery(session)
    (mine,) = sending.claim(session, None, sender=SENDER, limit=9, hourly_cap=10, now=NIGHT + timedelta(hours=3))
    assert mine.closes_at is None


STRICT = replace(QUIET, heeds_states=True)
SUNDAY = NOON + timedelta(days=4, hours=4)  # 11:00 in Montgomery


def planned_for(session: Session, region: str, quiet: QuietHours, *, at: datetime) -> Delivery:
    contact = factories.contact(session, zones="America/Chicago", region=region)
    blast = factories.blast(session, [factories.audience(session, contacts=[contact])], starts_at=at)
    planning.start(session, blast.id, sender=SENDER, quiet=quiet, max_lag=timedelta(days=1), now=at)
    return session.scalars(sa.select(Delivery)).one()


def test_a_state_with_stricter_hours_is_heeded(session: Session) -> None:
    assert planned_for(session, "US-AL", STRICT, at=SUNDAY).not_before == SUNDAY + timedelta(hours=22)


def test_a_state_is_not_heeded_when_it_is_set_so(session: Session) -> None:
    assert planned_for(session, "US-AL", QUIET, at=SUNDAY + timedelta(hours=2)).not_before == SUNDAY.replace(hour=18)


def test_a_state_without_a_law_of_its_own_changes_nothing(session: Session) -> None:
    at = SUNDAY + timedelta(hours=2)
    assert planned_for(session, "US-WI", STRICT, at=at).not_before == at


def test_what_waits_for_the_morning_keeps_to_its_state(session: Session) -> None:
    evening = SUNDAY - timedelta(hours=16)  # Saturday at 19:00 in Montgomery
    row = planned_for(session, "US-AL", STRICT, at=evening)
    assert row.closes_at == evening + timedelta(hours=1)
    assert windows.move_on(session, STRICT, now=row.closes_at) == 1
    session.refresh(row)
    assert row.not_before == SUNDAY + timedelta(hours=22)


def test_the_card_knows_who_waits_until_when_and_when_it_will_finish(session: Session) -> None:
    east = [factories.contact(session, number) for number in range(3)]
    west = [factories.contact(session, number, zones="America/Los_Angeles") for number in range(3, 5)]
    blast = factories.blast(session, [factories.audience(session, contacts=[*east, *west])])
    planning.start(session, blast.id, sender=SENDER, quiet=QUIET, max_lag=timedelta(days=1), now=NOON)
    told = reports.progress(session, blast.id, now=NOON)
    assert told.openings == [(NOON.replace(hour=13), 3), (NOON.replace(hour=16), 2)]
    assert told.eta(NOON) == NOON.replace(hour=16)
    assert replace(told, rate=0.001).eta(NOON) == NOON.replace(hour=16) + timedelta(seconds=2000)
    assert replace(told, rate=0.0001).eta(NOON) == NOON.replace(hour=13) + timedelta(seconds=50_000)
