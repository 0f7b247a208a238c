"""What waits for a provider that fails leaves through another; what may have left never does."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.domain.senders import Sender
from core.models import Delivery, DeliveryKind
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
