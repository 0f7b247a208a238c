"""A blast is tried on a few first, and held when something is out of the ordinary."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.hours import QuietHours
from core.domain.lifecycles import CUT_OFF, LEASE_ENDED, BlastStatus, DeliveryStatus
from core.models import Blast, CanaryStatus, Delivery, Role
from core.usecases import approval, brakes, canary, planning, sending, suppression
from tests import factories
from tests.factories import NOON, SENDER

LATER = NOON + timedelta(minutes=3)


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    engine = db.connect(database_url)
    with db.transaction(engine) as session:
        yield session
    engine.dispose()


def running(session: Session, count: int, *, canary_size: int = 0) -> Blast:
    contacts = [factories.contact(session, number) for number in range(count)]
    blast = factories.blast(session, [factories.audience(session, contacts=contacts)])
    day = timedelta(days=1)
    planning.start(session, blast.id, sender=SENDER, quiet=None, max_lag=day, canary_size=canary_size, now=NOON)
    return fresh(session, blast)


def fresh(session: Session, blast: Blast) -> Blast:
    session.expire_all()
    return session.get_one(Blast, blast.id)


def claim(session: Session, blast: Blast) -> list[int]:
    claims = sending.claim(session, blast.id, sender=SENDER, limit=1000, hourly_cap=10, now=NOON)
    return [each.id for each in claims]


def end(session: Session, ids: list[int], status: DeliveryStatus) -> None:
    session.execute(
        sa.update(Delivery)
        .where(col(Delivery.id).in_(ids))
        .values(status=status, accepted_at=NOON + timedelta(seconds=1), ended_at=NOON + timedelta(seconds=5))
    )


def judge(session: Session, blast: Blast) -> canary.Verdict | None:
    return canary.judge(session, blast.id, patience_s=120, now=LATER)


def test_only_the_first_few_leave_spread_over_area_codes(session: Session) -> None:
    blast = running(session, 250, canary_size=6)  # 100 numbers in each of two area codes, 50 in a third
    claims = sending.claim(session, blast.id, sender=SENDER, limit=1000, hourly_cap=10, now=NOON)
    areas = sorted(each.address[:5] for each in claims)
    assert areas == ["+1212", "+1212", "+1213", "+1213", "+1214", "+1214"]
    assert claim(session, blast) == []


def test_when_they_arrived_the_rest_follows_by_itself(session: Session) -> None:
    blast = running(session, 30, canary_size=10)
    end(session, claim(session, blast), DeliveryStatus.DELIVERED)
    assert judge(session, blast) == "green"
    assert fresh(session, blast).canary is CanaryStatus.PASSED
    assert len(claim(session, blast)) == 20


def test_when_many_failed_it_stops(session: Session) -> None:
    blast = running(session, 30, canary_size=10)
    ids = claim(session, blast)
    end(session, ids[:3], DeliveryStatus.UNDELIVERED)
    end(session, ids[3:], DeliveryStatus.DELIVERED)
    assert judge(session, blast) == "red"
    assert fresh(session, blast).status is BlastStatus.PAUSED
    assert "7 arrived and 3 failed" in blast.held_reason


def test_when_too_little_is_known_a_person_looks_and_resumes(session: Session) -> None:
    blast = running(session, 30, canary_size=10)
    ids = claim(session, blast)
    end(session, ids[:5], DeliveryStatus.DELIVERED)
    assert judge(session, blast) is None  # five have not even left
    end(session, ids[5:], DeliveryStatus.SENT)
    assert judge(session, blast) == "amber"
    admin = factories.staff(session, "U0ADMIN", role=Role.ADMIN)
    approval.resume(session, blast.id, by=admin, seen=blast.revision, now=LATER)
    assert len(claim(session, fresh(session, blast))) == 20


def test_a_blast_of_which_much_fails_is_held(session: Session) -> None:
    blast = running(session, 120)
    ids = claim(session, blast)
    end(session, ids[:100], DeliveryStatus.DELIVERED)
    end(session, ids[100:119], DeliveryStatus.UNDELIVERED)
    assert brakes.alarming(session) == []
    end(session, ids[119:], DeliveryStatus.UNDELIVERED)
    ((held, reason),) = brakes.alarming(session)
    assert held == blast.id
    assert "20 of the last 120 texts did not arrive" in reason


def test_a_blast_from_which_many_opt_out_is_held(session: Session) -> None:
    blast = running(session, 100)
    end(session, claim(session, blast), DeliveryStatus.DELIVERED)
    for number in range(10):
        assert brakes.alarming(session) == []
        suppression.opt_out(session, factories.phone(number), source="inbound", now=LATER)
    ((_, reason),) = brakes.alarming(session)
    assert "10 of 100 people opted out" in reason


def test_what_somebody_looked_at_holds_it_no_second_time(session: Session) -> None:
    blast = running(session, 40)
    end(session, claim(session, blast), DeliveryStatus.UNDELIVERED)
    ((blast_id, reason),) = brakes.alarming(session)
    assert brakes.hold(session, blast_id, reason, now=LATER)
    assert not brakes.hold(session, blast_id, reason, now=LATER)
    admin = factories.staff(session, "U0ADMIN", role=Role.ADMIN)
    approval.resume(session, blast_id, by=admin, seen=fresh(session, blast).revision, now=LATER)
    assert brakes.alarming(session) == []


def test_who_sleeps_is_not_tried_while_enough_are_awake(session: Session) -> None:
    """Ten in the morning in New York is four in Honolulu: all others would wait for its morning."""
    morning = datetime(2026, 6, 3, 14, 0, tzinfo=UTC)
    east = [factories.contact(session, number, zones="America/New_York") for number in range(12)]
    far = [
        factories.contact(session, 200 + number, phone=f"+1808555{number:04}", zones="Pacific/Honolulu")
        for number in range(12)
    ]
    audience = factories.audience(session, contacts=far + east)
    blast = factories.blast(session, [audience], starts_at=morning)
    quiet, day = QuietHours.parse("09:00-20:00"), timedelta(days=1)
    planning.start(session, blast.id, sender=SENDER, quiet=quiet, max_lag=day, canary_size=10, now=morning)
    claims = sending.claim(session, blast.id, sender=SENDER, limit=99, hourly_cap=10, now=morning)
    assert len(claims) == 10
    assert not {each.address for each in claims} & {contact.phone for contact in far}


def ended(session: Session, blast: Blast, **counts: int) -> None:
    """Bring so many of a blast's deliveries to each of these ends."""
    ids = claim(session, blast)
    for name, count in counts.items():
        end(session, ids[:count], DeliveryStatus(name))
        ids = ids[count:]


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({"delivered": 100}, "green"),
        ({"delivered": 95, "undelivered": 5}, "green"),
        ({"delivered": 94, "undelivered": 6}, "amber"),
        ({"delivered": 90, "sent": 10}, "green"),
        ({"delivered": 89, "sent": 11}, "amber"),
        ({"delivered": 81, "failed": 19}, "amber"),
        ({"delivered": 80, "failed": 20}, "red"),
        ({"delivered": 80, "refused": 20}, "red"),
        ({"delivered": 80, "undelivered": 10, "failed": 5, "refused": 5}, "red"),
    ],
    ids=str,
)
def test_what_the_first_ones_came_to_decides(session: Session, counts: dict[str, int], verdict: str) -> None:
    blast = running(session, 100, canary_size=100)
    ended(session, blast, **counts)
    assert judge(session, blast) == verdict


@pytest.mark.parametrize(
    ("counts", "is_held"),
    [
        ({"delivered": 114, "undelivered": 20}, False),
        ({"delivered": 113, "undelivered": 20}, True),
        ({"delivered": 113, "failed": 10, "refused": 10}, True),
        ({"refused": 20}, True),
        ({"refused": 19}, False),
    ],
    ids=str,
)
def test_a_share_that_fails_holds_a_blast(session: Session, counts: dict[str, int], *, is_held: bool) -> None:
    blast = running(session, sum(counts.values()))
    ended(session, blast, **counts)
    assert bool(brakes.alarming(session)) is is_held


def test_only_the_latest_count(session: Session) -> None:
    blast = running(session, 240)
    ids = claim(session, blast)
    end(session, ids[:40], DeliveryStatus.UNDELIVERED)
    end(session, ids[40:], DeliveryStatus.DELIVERED)
    session.execute(sa.update(Delivery).where(col(Delivery.id).in_(ids[40:])).values(ended_at=LATER))
    assert brakes.alarming(session) == []


@pytest.mark.parametrize(("opted_out", "is_held"), [(11, False), (12, True)])
def test_a_share_that_opts_out_holds_a_blast(session: Session, opted_out: int, *, is_held: bool) -> None:
    blast = running(session, 400)
    end(session, claim(session, blast), DeliveryStatus.DELIVERED)
    for number in range(opted_out):
        suppression.opt_out(session, factories.phone(number), source="inbound", now=LATER)
    assert bool(brakes.alarming(session)) is is_held


def unknown(session: Session, ids: list[int], error: str) -> None:
    session.execute(
        sa.update(Delivery)
        .where(col(Delivery.id).in_(ids))
        .values(status=DeliveryStatus.UNKNOWN, claimed_at=LATER, error=error)
    )


@pytest.mark.parametrize(("count", "is_held"), [(19, False), (20, True)])
def test_a_provider_that_answers_with_errors_only_is_sent_no_more(
    session: Session, count: int, *, is_held: bool
) -> None:
    blast = running(session, 100)
    ids = claim(session, blast)
    end(session, ids[20:], DeliveryStatus.SENT)
    unknown(session, ids[:count], "Twilio answered 500.")
    assert bool(brakes.alarming(session)) is is_held


@pytest.mark.parametrize("error", [LEASE_ENDED, CUT_OFF])
def test_a_worker_that_died_or_was_stopped_is_not_the_providers_fault(session: Session, error: str) -> None:
    blast = running(session, 100)
    unknown(session, claim(session, blast), error)
    assert brakes.alarming(session) == []
