"""What a blast's card tells of its pace and of its end is right from its first second on."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import Session

from core import settings
from core.domain.caps import next_midnight
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Blast, Role
from core.slack.views import outcome
from core.usecases import approval, caps, cards, reports
from tests import factories
from tests.factories import NOON, SENDER

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
MIDNIGHT = next_midnight("America/Los_Angeles", NOON)


@pytest.fixture(autouse=True)
def capped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "DAILY_CAP": "10",
        "DAILY_CAP_ZONE": "America/Los_Angeles",
        "TWILIO_FROM_NUMBER": SENDER,
    }.items():
        monkeypatch.setenv(name, value)
    settings.current.cache_clear()
    yield
    settings.current.cache_clear()


def running(session: Session, *, left: int = 0, waiting: int = 0, **states: int) -> Blast:
    """Make a blast that was started at noon; what has left did so within its first second."""
    blast = factories.blast(session, status=BlastStatus.SENDING, started_at=NOON)
    statuses = [DeliveryStatus.ACCEPTED] * left + [DeliveryStatus.PENDING] * waiting
    statuses += [DeliveryStatus(name) for name, count in states.items() for _ in range(count)]
    for number, status in enumerate(statuses):
        accepted_at = NOON + SECOND / 2 if status is DeliveryStatus.ACCEPTED else None
        claimed_at = None if status is DeliveryStatus.PENDING else NOON
        factories.delivery(
            session, number, blast_id=blast.id, status=status, accepted_at=accepted_at, claimed_at=claimed_at
        )
    return blast


def told(session: Session, blast: Blast, after: timedelta) -> str:
    """Return the words on its card."""
    facts = cards.facts(session, blast.id, now=NOON + after)
    return str(outcome.render(facts, NOON + after))


@pytest.mark.parametrize(("after", "rate"), [(2, 4.0), (0.5, 8.0), (8, 1.0), (10, 0.8), (11, 0.0)])
def test_the_pace_is_counted_from_when_it_began(session: Session, after: float, rate: float) -> None:
    blast = running(session, left=8, waiting=1)
    assert reports.progress(session, blast.id, now=NOON + after * SECOND).rate == rate


def test_of_one_that_was_resumed_what_left_before_does_not_count(session: Session) -> None:
    blast = running(session, left=8, waiting=1)
    blast.resumed_at = NOON + 3 * SECOND
    session.flush()
    assert reports.progress(session, blast.id, now=NOON + 5 * SECOND).rate == 0


def test_before_its_first_text_it_is_starting_and_later_it_does_not_move(session: Session) -> None:
    blast = running(session, waiting=1)
    assert "starting" in told(session, blast, 2 * SECOND)
    assert "not moving at the moment" in told(session, blast, 20 * SECOND)


@pytest.mark.parametrize(("waiting", "days"), [(4, None), (5, 0), (14, 0), (15, 1), (25, 2)])
def test_what_exceeds_the_daily_cap_is_done_on_another_day(session: Session, waiting: int, days: int | None) -> None:
    blast = running(session, left=6, waiting=waiting)
    caps.allowance(session, SENDER, cap=10, resets_at=MIDNIGHT)
    caps.spend(session, SENDER, count=6, resets_at=MIDNIGHT)
    for after in (SECOND, 20 * SECOND):  # moving, and not
        eta = reports.progress(session, blast.id, now=NOON + after).eta(NOON + after)
        is_another_day = eta is not None and eta >= MIDNIGHT
        assert is_another_day == (days is not None)
        assert days is None or eta == MIDNIGHT + days * DAY


def test_while_some_are_looked_up_it_says_so(session: Session) -> None:
    blast = running(session, left=4, waiting=1, unknown=1)
    assert "unknown ones are being looked up" in told(session, blast, 2 * SECOND)


@pytest.mark.parametrize(("claimed", "words"), [(1, "Nothing more leaves while"), (0, "Nothing leaves while")])
def test_a_paused_one_says_whether_something_is_just_leaving(session: Session, claimed: int, words: str) -> None:
    blast = running(session, waiting=1, claimed=claimed)
    blast.status = BlastStatus.PAUSED
    session.flush()
    assert words in told(session, blast, SECOND)


def test_who_paused_it_last_is_named_and_nobody_when_it_was_the_operator(session: Session) -> None:
    admin = factories.staff(session, "U0ADMIN", role=Role.ADMIN)
    blast = running(session, waiting=1)
    approval.pause(session, blast.id, by=admin, seen=blast.revision, now=NOON)
    assert cards.facts(session, blast.id, now=NOON).changed_by == "U0ADMIN"
    approval.resume(session, blast.id, by=admin, seen=blast.revision, now=NOON)
    approval.pause(session, blast.id, by=None, seen=blast.revision, now=NOON)
    assert cards.facts(session, blast.id, now=NOON).changed_by is None
