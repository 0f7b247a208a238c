"""What a canary is judged by, to the text and the second, and whom its verdict touches."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Blast, CanaryStatus, Delivery, Role, SkipReason
from core.usecases import approval, brakes, canary
from tests import factories
from tests.core.usecases.test_canary import LATER, claim, end, ended, fresh, judge
from tests.factories import NOON

SECOND = timedelta(seconds=1)
# Two minutes of patience after `end` has had the texts leave.
OUT_OF_PATIENCE = NOON + 121 * SECOND


def canary_blast(session: Session, count: int) -> Blast:
    """A running blast of which the first `count` are tried, and one more waits."""
    blast = factories.blast(session, status=BlastStatus.SENDING, started_at=NOON, canary=CanaryStatus.TRYING)
    for number in range(count + 1):
        factories.delivery(session, number, blast_id=blast.id, priority=4 if number < count else 5)
    return blast


def skip(session: Session, ids: list[int]) -> None:
    skipped = {"status": DeliveryStatus.SKIPPED, "skip_reason": SkipReason.OPTED_OUT, "ended_at": NOON}
    session.execute(sa.update(Delivery).where(col(Delivery.id).in_(ids)).values(**skipped))


def test_an_area_is_the_code_of_three_digits(session: Session) -> None:
    """Numbers of one area code that go on unlike each other are still one area."""
    near = [factories.contact(session, number, phone=f"+1212{5 + number}550100") for number in range(4)]
    far = [factories.contact(session, 9, phone="+13035550100")]
    blast = factories.blast(session, [factories.audience(session, contacts=near + far)])
    for number, person in enumerate([*near, *far]):
        factories.delivery(session, blast_id=blast.id, address=person.phone, id=number + 1)
    canary.choose(session, blast.id, size=2, now=NOON)
    assert chosen(session) == ["+12125550100", "+13035550100"]


def chosen(session: Session) -> list[str]:
    session.expire_all()
    found = session.scalars(sa.select(Delivery).where(col(Delivery.priority) == 4).order_by(col(Delivery.id)))
    return [each.address for each in found]


def test_who_was_skipped_or_gets_another_blast_is_not_chosen(session: Session) -> None:
    other, blast = (factories.blast(session, status=BlastStatus.SENDING) for _ in range(2))
    factories.delivery(session, 1, blast_id=other.id)
    skipped = factories.delivery(session, 2, blast_id=blast.id)
    skip(session, [skipped.id or 0])
    factories.delivery(session, 3, blast_id=blast.id)
    canary.choose(session, blast.id, size=3, now=NOON)
    assert chosen(session) == [factories.phone(3)]
    assert fresh(session, other).canary is CanaryStatus.NONE
    assert fresh(session, blast).canary is CanaryStatus.TRYING


def test_who_sleeps_is_spread_over_area_codes_by_itself(session: Session) -> None:
    """A sleeper doesn't take the turn of an area's first who is awake; now is awake."""
    blast = factories.blast(session, status=BlastStatus.SENDING)
    factories.delivery(session, 0, blast_id=blast.id, not_before=NOON + SECOND)
    for number in (1, 2, 100, 101):
        factories.delivery(session, number, blast_id=blast.id, not_before=NOON)
    factories.delivery(session, 200, blast_id=blast.id, not_before=NOON - SECOND)
    canary.choose(session, blast.id, size=4, now=NOON)
    assert chosen(session) == [factories.phone(number) for number in (1, 2, 100, 200)]


@pytest.mark.parametrize("status", BlastStatus)
@pytest.mark.parametrize("stage", CanaryStatus)
def test_only_a_running_blast_that_is_being_tried_is_judged(
    session: Session, status: BlastStatus, stage: CanaryStatus
) -> None:
    blast = factories.blast(session, status=status, canary=stage)
    is_judged = (status, stage) == (BlastStatus.SENDING, CanaryStatus.TRYING)
    assert canary.trying(session) == [blast.id] * is_judged


def test_others_and_other_blasts_say_nothing_of_a_canary(session: Session) -> None:
    blast, other = canary_blast(session, 2), canary_blast(session, 2)
    end(session, claim(session, blast), DeliveryStatus.DELIVERED)
    factories.delivery(session, 9, blast_id=blast.id, priority=0)
    end(session, claim(session, other), DeliveryStatus.FAILED)
    assert judge(session, blast) == "green"
    assert fresh(session, other).canary is CanaryStatus.TRYING


@pytest.mark.parametrize("status", [DeliveryStatus.PENDING, DeliveryStatus.CLAIMED, DeliveryStatus.UNKNOWN])
def test_one_whose_leaving_is_open_is_waited_for(session: Session, status: DeliveryStatus) -> None:
    blast = canary_blast(session, 10)
    ids = claim(session, blast)
    end(session, ids, DeliveryStatus.DELIVERED)
    open_one = {"status": status, "accepted_at": None, "ended_at": None}
    session.execute(sa.update(Delivery).where(col(Delivery.id) == ids[0]).values(**open_one))
    assert judge(session, blast) is None
    assert fresh(session, blast).canary is CanaryStatus.TRYING


@pytest.mark.parametrize(("past_s", "verdict"), [(0, None), (1, "amber")])
def test_patience_begins_when_the_last_has_left(session: Session, past_s: int, verdict: str | None) -> None:
    blast = canary_blast(session, 10)
    ids = claim(session, blast)
    end(session, ids, DeliveryStatus.SENT)
    earlier = NOON - timedelta(hours=1)
    session.execute(sa.update(Delivery).where(col(Delivery.id) == ids[0]).values(accepted_at=earlier))
    now = OUT_OF_PATIENCE + past_s * SECOND
    assert canary.judge(session, blast.id, patience_s=120, now=now) == verdict


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({"delivered": 9, "undelivered": 1}, "amber"),
        ({"delivered": 9, "failed": 1}, "amber"),
        ({"delivered": 9, "refused": 1}, "amber"),
        ({"delivered": 8, "undelivered": 1, "sent": 1}, None),
        ({"delivered": 8, "accepted": 2}, None),
    ],
    ids=str,
)
def test_nothing_is_waited_for_once_all_ends_are_known(
    session: Session, counts: dict[str, int], verdict: str | None
) -> None:
    blast = canary_blast(session, 10)
    ended(session, blast, **counts)
    assert canary.judge(session, blast.id, patience_s=120, now=OUT_OF_PATIENCE) == verdict


def test_who_was_skipped_is_not_among_the_first(session: Session) -> None:
    blast = canary_blast(session, 13)
    ids = claim(session, blast)
    skip(session, ids[:3])
    end(session, ids[3:5], DeliveryStatus.SENT)
    end(session, ids[5:6], DeliveryStatus.FAILED)
    end(session, ids[6:], DeliveryStatus.DELIVERED)
    assert judge(session, blast) == "amber"
    assert fresh(session, blast).held_reason == (
        "Of the first 10 texts 7 arrived and 1 failed. Look whether that is what you expect, then resume to send the "
        "rest, or cancel."
    )


def test_where_all_were_skipped_the_rest_follows(session: Session) -> None:
    blast = canary_blast(session, 3)
    skip(session, claim(session, blast))
    assert judge(session, blast) == "green"
    assert fresh(session, blast).canary is CanaryStatus.PASSED


def test_a_canary_that_failed_says_not_to_go_on_blindly(session: Session) -> None:
    blast = canary_blast(session, 3)
    end(session, claim(session, blast), DeliveryStatus.REFUSED)
    assert judge(session, blast) == "red"
    assert "0 arrived and 3 failed. Don't go on before you know why" in fresh(session, blast).held_reason


def test_a_clock_that_is_late_holds_nothing_that_somebody_has_resumed(session: Session) -> None:
    """It read which are tried, and stood still while another clock judged, and a person looked and went on."""
    blast = canary_blast(session, 10)
    end(session, claim(session, blast), DeliveryStatus.FAILED)
    (late,) = canary.trying(session)
    assert judge(session, blast) == "red"
    admin = factories.staff(session, "U0ADMIN", role=Role.ADMIN)
    approval.resume(session, blast.id, by=admin, seen=fresh(session, blast).revision, now=LATER)
    assert canary.judge(session, late, patience_s=120, now=LATER) is None
    assert fresh(session, blast).status is BlastStatus.SENDING


def test_a_paused_blast_is_not_judged(session: Session) -> None:
    blast = canary_blast(session, 10)
    end(session, claim(session, blast), DeliveryStatus.DELIVERED)
    assert brakes.hold(session, blast.id, "Look.", now=NOON)
    assert judge(session, blast) is None
    assert fresh(session, blast).canary is CanaryStatus.TRYING
