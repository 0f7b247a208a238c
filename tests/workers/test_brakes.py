"""The clock judges what is tried and holds what alarms, each blast by itself."""

from datetime import timedelta
from uuid import UUID

import pytest

from core import db
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Blast, CanaryStatus
from core.usecases import brakes
from tests import factories
from tests.factories import NOON
from workers import timetable

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _patience(in_a_worker: pytest.MonkeyPatch) -> None:
    in_a_worker.setenv("CANARY_SECONDS", "30")


def running(status: DeliveryStatus, count: int, *, canary: CanaryStatus = CanaryStatus.NONE) -> UUID:
    ends = {"status": status, "accepted_at": NOON + SECOND, "priority": 4}
    if status is not DeliveryStatus.SENT:
        ends["ended_at"] = NOON + SECOND
    with db.transaction() as session:
        blast = factories.blast(session, status=BlastStatus.SENDING, started_at=NOON, canary=canary)
        for number in range(count):
            factories.delivery(session, number, blast_id=blast.id, **ends)
        return blast.id


def found(blast_id: UUID) -> tuple[BlastStatus, CanaryStatus]:
    with db.reading() as session:
        blast = session.get_one(Blast, blast_id)
        return blast.status, blast.canary


def test_every_blast_that_is_tried_is_judged() -> None:
    well = running(DeliveryStatus.DELIVERED, 3, canary=CanaryStatus.TRYING)
    ill = running(DeliveryStatus.FAILED, 3, canary=CanaryStatus.TRYING)
    timetable.try_canaries(NOON + 2 * SECOND)
    assert found(well) == (BlastStatus.SENDING, CanaryStatus.PASSED)
    assert found(ill) == (BlastStatus.PAUSED, CanaryStatus.TRYING)


def test_a_canary_is_waited_for_as_long_as_is_set() -> None:
    quiet = running(DeliveryStatus.SENT, 3, canary=CanaryStatus.TRYING)
    timetable.try_canaries(NOON + 31 * SECOND)
    assert found(quiet) == (BlastStatus.SENDING, CanaryStatus.TRYING)
    timetable.try_canaries(NOON + 32 * SECOND)
    assert found(quiet) == (BlastStatus.PAUSED, CanaryStatus.TRYING)


def test_every_blast_that_alarms_is_held() -> None:
    ill = [running(DeliveryStatus.UNDELIVERED, 20) for _ in range(2)]
    well = running(DeliveryStatus.DELIVERED, 20)
    timetable.brake(NOON + 2 * SECOND)
    assert [found(each)[0] for each in ill] == [BlastStatus.PAUSED] * 2
    assert found(well)[0] is BlastStatus.SENDING


def test_a_clock_that_stood_still_holds_nothing_that_was_looked_at_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between finding and holding it, another clock held it, and a person looked and resumed."""
    ill = running(DeliveryStatus.UNDELIVERED, 20)
    with db.reading() as session:
        before = brakes.alarming(session)
    with db.transaction() as session:
        session.get_one(Blast, ill).resumed_at = NOON + 2 * SECOND
    monkeypatch.setattr(brakes, "alarming", lambda session: before)
    timetable.brake(NOON + 3 * SECOND)
    assert found(ill)[0] is BlastStatus.SENDING


def test_the_clock_turns_to_both() -> None:
    """Every text that leaves meanwhile is one too many."""
    every = {entry.step: entry.every for entry in timetable.ENTRIES}
    assert every[timetable.try_canaries] <= SECOND
    assert every[timetable.brake] <= 2 * SECOND
