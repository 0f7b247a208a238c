"""A report that names a delivery which isn't its own moves nothing; one of an earlier attempt of it does."""

from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.channel import Accepted
from core.domain.lifecycles import DeliveryStatus
from core.domain.receipts import Incoming
from core.models import Delivery, DeliveryKind, Receipt
from core.usecases import receipts, recording, suppression
from core.usecases.recording import Result
from core.usecases.sending import Claimed
from tests import factories
from tests.factories import NOON

FIRST, SECOND = "SM" + "1" * 32, "SM" + "2" * 32
ACCEPTED: dict[str, Any] = {"status": DeliveryStatus.ACCEPTED, "attempt": 1, "accepted_at": NOON}
CLAIMED_AGAIN: dict[str, Any] = {"status": DeliveryStatus.CLAIMED, "attempt": 2, "claimed_at": NOON}


def read(session: Session, delivery: Delivery) -> tuple[DeliveryStatus, str | None]:
    session.refresh(delivery)
    return delivery.status, delivery.provider_sid


@pytest.mark.parametrize(("status", "code"), [("delivered", 0), ("failed", 21610), ("undelivered", 30006)])
def test_another_messages_report_moves_no_row_whatever_id_it_carries(session: Session, status: str, code: int) -> None:
    # A database that was restored gives ids again that addresses at the provider still carry.
    delivery = factories.delivery(session, **ACCEPTED, provider_sid=FIRST)
    assert receipts.apply(session, [Incoming(SECOND, status, code, delivery.id, 1)], now=NOON) == 1
    assert read(session, delivery) == (DeliveryStatus.ACCEPTED, FIRST)
    assert suppression.active(session, delivery.address) is None
    assert session.scalars(sa.select(col(Receipt.delivery_id))).all() == [None]


def test_one_report_with_the_ids_of_two_deliveries_moves_the_one_whose_message_it_is(session: Session) -> None:
    first, second = (
        factories.delivery(session, number, **ACCEPTED, provider_sid=sid) for number, sid in enumerate((FIRST, SECOND))
    )
    receipts.apply(session, [Incoming(FIRST, "delivered", 0, second.id, 1)], now=NOON)
    assert read(session, first) == (DeliveryStatus.DELIVERED, FIRST)
    assert read(session, second) == (DeliveryStatus.ACCEPTED, SECOND)


def test_two_deliveries_never_get_one_message(session: Session) -> None:
    both = [factories.delivery(session, number, **CLAIMED_AGAIN) for number in range(2)]
    receipts.apply(session, [Incoming(FIRST, "sent", 0, each.id, 2) for each in both], now=NOON)
    assert [read(session, each) for each in both] == [(DeliveryStatus.SENT, FIRST), (DeliveryStatus.CLAIMED, None)]


def test_a_report_of_an_attempt_that_we_forgot_says_that_it_has_left(session: Session) -> None:
    # The database is an older copy of itself: to send it once more would be the second time.
    delivery = factories.delivery(session, **CLAIMED_AGAIN)
    receipts.apply(session, [Incoming(FIRST, "delivered", 0, delivery.id, 3)], now=NOON)
    assert read(session, delivery) == (DeliveryStatus.DELIVERED, FIRST)


def test_of_two_attempts_that_both_left_the_better_end_stands_in_any_order(session: Session) -> None:
    found = set()
    for number, order in enumerate(permutations(range(4))):
        delivery = factories.delivery(session, number, **CLAIMED_AGAIN)
        first, second = f"SM{number:031d}1", f"SM{number:031d}2"
        claim = Claimed(delivery.id or 0, 2, DeliveryKind.REPLY, delivery.address, "Hello", 1, None)
        told = [
            [Incoming(first, "sent", 0, delivery.id, 1)],
            [Incoming(first, "delivered", 0, delivery.id, 1)],
            [Incoming(second, "undelivered", 30003, delivery.id, 2)],
        ]
        for step in order:
            if step == len(told):
                recording.record(session, [Result(claim, Accepted(second), NOON)], max_attempts=8, now=NOON)
            else:
                receipts.apply(session, told[step], now=NOON)
        status, sid = read(session, delivery)
        found.add((status, sid == second, delivery.error_code))
    assert found == {(DeliveryStatus.DELIVERED, True, 0)}
