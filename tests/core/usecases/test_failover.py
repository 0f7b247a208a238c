"""What waits for a provider that fails leaves through another; what may have left never does."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.domain.senders import Sender
from core.models import ChannelName, Delivery, DeliveryKind
from core.usecases import failover
from tests import factories
from tests.factories import NOON, SENDER

FIRST, SECOND = "vonage:+12125550150", "vonage:+12125550151"
ALL = (Sender(SENDER, 10), Sender(FIRST, 30), Sender(SECOND, 10))


def fail(session: Session, count: int, *, succeeded: int = 0, after: timedelta = timedelta()) -> bool:
    return failover.note(session, "twilio", failed=count, succeeded=succeeded, reason="No connection", now=NOON + after)


def senders(session: Session) -> Counter[str]:
    return Counter(session.scalars(sa.select(col(Delivery.sender))))


def waiting(session: Session, count: int = 1, **values: Any) -> None:
    blast = factories.blast(session, status=BlastStatus.SENDING)
    for number in range(count):
        factories.delivery(session, number, blast_id=blast.id, **values)


def test_many_failures_in_a_row_put_a_provider_down_for_a_while(session: Session) -> None:
    assert not fail(session, 6)
    assert fail(session, 6)
    assert not fail(session, 6)  # it is known already
    assert failover.down(session, now=NOON) == {"twilio"}
    assert failover.down(session, now=NOON + timedelta(minutes=1)) == frozenset()


def test_a_success_in_between_starts_the_count_anew(session: Session) -> None:
    fail(session, 9)
    fail(session, 9, succeeded=1)
    assert not fail(session, 9)


def test_failures_of_long_ago_do_not_count(session: Session) -> None:
    fail(session, 9)
    assert not fail(session, 9, after=timedelta(minutes=6))


def test_one_that_has_failed_is_tried_by_a_few_until_one_goes_through(session: Session) -> None:
    assert failover.may_try(session, "twilio", now=NOON) is None
    fail(session, 9)
    assert failover.may_try(session, "twilio", now=NOON) is None
    fail(session, 1)
    assert failover.may_try(session, "twilio", now=NOON + timedelta(seconds=59)) == 0
    assert failover.may_try(session, "vonage", now=NOON) is None
    for minute in (1, 2, 20):  # however long nothing was heard of it
        after = timedelta(minutes=minute)
        assert failover.may_try(session, "twilio", now=NOON + after) == 3
        failover.trying(session, "twilio", now=NOON + after)
        assert failover.may_try(session, "twilio", now=NOON + after) == 0
        assert failover.down(session, now=NOON + after) == {"twilio"}
        fail(session, 3, after=after)
        assert failover.may_try(session, "twilio", now=NOON + after + timedelta(seconds=59)) == 0
    fail(session, 0, succeeded=1, after=timedelta(minutes=21))
    assert failover.may_try(session, "twilio", now=NOON + timedelta(minutes=21)) is None
    failover.trying(session, "twilio", now=NOON + timedelta(minutes=21))  # said late: it is well by now
    assert failover.may_try(session, "twilio", now=NOON + timedelta(minutes=21)) is None


def test_others_take_no_more_than_they_can_send_soon(session: Session) -> None:
    waiting(session, 50)
    waiting(session, 50, sender=FIRST, not_before=NOON + timedelta(hours=1))
    fail(session, 10)
    slow = (Sender(SENDER, 100), Sender(FIRST, 2), Sender(SECOND, 1))
    assert failover.move(session, slow, now=NOON) == 30
    assert failover.move(session, slow, now=NOON) == 0
    session.execute(sa.update(Delivery).where(col(Delivery.sender) == FIRST).values(status=DeliveryStatus.ACCEPTED))
    gone = session.scalars(sa.select(col(Delivery.id)).where(col(Delivery.status) == DeliveryStatus.ACCEPTED)).all()
    assert failover.move(session, slow, now=NOON) == len(gone) - 50


def test_what_is_due_first_moves_first(session: Session) -> None:
    blast = factories.blast(session, status=BlastStatus.SENDING)
    for number in range(20):
        at = NOON - timedelta(seconds=number)
        factories.delivery(session, number, blast_id=blast.id, not_before=at)
    fail(session, 10)
    assert failover.move(session, (Sender(SENDER, 100), Sender(FIRST, 0.5)), now=NOON) == 5
    moved = session.scalars(sa.select(col(Delivery.address)).where(col(Delivery.sender) == FIRST))
    assert set(moved) == {factories.phone(number) for number in range(15, 20)}


def test_one_without_a_pace_takes_whatever_waits(session: Session) -> None:
    waiting(session, 50)
    fail(session, 10)
    assert failover.move(session, (Sender(SENDER, 1), Sender(FIRST, 0), Sender(SECOND, 0.1)), now=NOON) == 50


def test_what_waits_moves_to_the_others_by_their_paces(session: Session) -> None:
    waiting(session, 40)
    fail(session, 10)
    assert failover.move(session, ALL, now=NOON) == 40
    found = senders(session)
    assert set(found) == {FIRST, SECOND}
    assert found[FIRST] > found[SECOND]


def test_nothing_moves_while_all_is_well_or_when_there_is_no_other(session: Session) -> None:
    waiting(session)
    assert failover.move(session, ALL, now=NOON) == 0
    fail(session, 10)
    assert failover.move(session, ALL[:1], now=NOON) == 0
    assert senders(session) == {SENDER: 1}


@pytest.mark.parametrize(
    "values",
    [
        {"status": DeliveryStatus.UNKNOWN},
        {"status": DeliveryStatus.CLAIMED, "claimed_at": NOON},
        {"status": DeliveryStatus.ACCEPTED},
        {"was_resent": True},
        {"not_before": NOON + timedelta(hours=1)},
        {"channel": ChannelName.EMAIL},
    ],
    ids=str,
)
def test_what_may_have_left_or_is_not_due_stays(session: Session, values: dict[str, Any]) -> None:
    waiting(session, **values)
    fail(session, 10)
    assert failover.move(session, ALL, now=NOON) == 0


def test_a_reply_stays_with_its_conversations_sender(session: Session) -> None:
    factories.delivery(session, kind=DeliveryKind.REPLY)
    fail(session, 10)
    assert failover.move(session, ALL, now=NOON) == 0
