"""Who receives a blast, and when it starts."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.hours import QuietHours
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Blast, Delivery, OutboxEvent, SkipReason, SuppressionCause
from core.usecases import planning, suppression
from tests import factories
from tests.factories import NOON, SENDER

DAY = timedelta(days=1)


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    engine = db.connect(database_url)
    with db.transaction(engine) as session:
        yield session
    engine.dispose()


def start(session: Session, blast: Blast, quiet: QuietHours | None = None) -> BlastStatus | None:
    return planning.start(session, blast.id, sender=SENDER, quiet=quiet, max_lag=DAY, now=NOON)


def planned(session: Session) -> dict[str, Delivery]:
    return {row.address: row for row in session.scalars(sa.select(Delivery))}


def test_somebody_in_two_audiences_is_planned_once(session: Session) -> None:
    both, one = factories.contact(session, 1), factories.contact(session, 2)
    pools = [factories.audience(session, "tenants", [both, one]), factories.audience(session, "donors", [both])]
    blast = factories.blast(session, pools)
    assert start(session, blast) is BlastStatus.SENDING
    assert sorted(planned(session)) == [factories.phone(1), factories.phone(2)]


def test_an_excluded_audience_is_left_out(session: Session) -> None:
    both, one = factories.contact(session, 1), factories.contact(session, 2)
    pool = factories.audience(session, "tenants", [both, one])
    blast = factories.blast(session, [pool], excluded=[factories.audience(session, "staff", [both])])
    start(session, blast)
    assert list(planned(session)) == [factories.phone(2)]


def test_the_suppressed_are_skipped_with_the_reason(session: Session) -> None:
    contacts = [factories.contact(session, number) for number in range(3)]
    suppression.opt_out(session, factories.phone(0), source="inbound", now=NOON)
    suppression.suppress(session, factories.phone(1), cause=SuppressionCause.HARD_FAILURE, source="receipt", now=NOON)
    start(session, factories.blast(session, [factories.audience(session, contacts=contacts)]))
    rows = planned(session)
    assert [rows[factories.phone(number)].skip_reason for number in range(3)] == [
        SkipReason.OPTED_OUT,
        SkipReason.UNREACHABLE,
        None,
    ]
    assert rows[factories.phone(2)].status is DeliveryStatus.PENDING


def test_quiet_hours_hold_each_recipient_until_their_own_morning(session: Session) -> None:
    east = factories.contact(session, 1, zones="America/New_York")  # noon UTC is 08:00 there
    west = factories.contact(session, 2, zones="America/Los_Angeles")  # and 05:00 there
    unsure = factories.contact(session, 3, zones="America/New_York,America/Los_Angeles")
    blast = factories.blast(session, [factories.audience(session, contacts=[east, west, unsure])])
    start(session, blast, QuietHours.parse("09:00-20:00"))
    rows = planned(session)
    assert rows[factories.phone(1)].not_before == NOON.replace(hour=13)
    assert rows[factories.phone(2)].not_before == NOON.replace(hour=16)
    assert rows[factories.phone(3)].not_before == NOON.replace(hour=16)
    stored = session.scalar(sa.select(sa.func.count()).where(col(Delivery.not_before) <= NOON.replace(hour=14)))
    assert stored == 1


def test_whoever_may_be_in_zones_without_a_common_hour_is_skipped_with_the_reason(session: Session) -> None:
    nowhere = factories.contact(session, 1, zones="America/New_York,Pacific/Honolulu")
    start(
        session,
        factories.blast(session, [factories.audience(session, contacts=[nowhere])]),
        QuietHours.parse("09:00-12:00;sun=09:00-12:00"),
    )
    assert planned(session)[factories.phone(1)].skip_reason is SkipReason.QUIET_HOURS


def test_planning_twice_adds_nobody(session: Session) -> None:
    blast = factories.blast(session, [factories.audience(session, contacts=[factories.contact(session)])])
    start(session, blast)
    planning.plan(session, blast, sender=SENDER, quiet=None, now=NOON)
    assert len(planned(session)) == 1


def test_of_two_clocks_one_starts_a_blast(session: Session) -> None:
    blast = factories.blast(session, [factories.audience(session, contacts=[factories.contact(session)])])
    assert start(session, blast) is BlastStatus.SENDING
    assert start(session, blast) is None


def test_a_blast_found_too_late_expires_and_sends_nothing(session: Session) -> None:
    pool = factories.audience(session, contacts=[factories.contact(session)])
    blast = factories.blast(session, [pool], starts_at=NOON - DAY - timedelta(seconds=1))
    assert start(session, blast) is BlastStatus.EXPIRED
    assert not planned(session)
    assert session.scalar(sa.select(col(OutboxEvent.name))) == "blast.expired"


def test_a_blast_that_was_cancelled_meanwhile_does_not_start(session: Session) -> None:
    pool = factories.audience(session, contacts=[factories.contact(session)])
    blast = factories.blast(session, [pool], status=BlastStatus.CANCELLED)
    assert start(session, blast) is None
    assert not planned(session)
