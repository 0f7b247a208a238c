"""What a provider has on record of one text, and can't be read, keeps no other from being settled."""

from collections.abc import Container
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import channels, db
from core.channels import Provider
from core.channels.answers import trace_of
from core.channels.twilio import Twilio
from core.clock import utc_now
from core.domain.channel import Outgoing, Trace
from core.domain.lifecycles import DeliveryStatus
from core.models import Delivery
from tests import databases, factories

ODD, PLAIN = factories.phone(1), factories.phone(2)
SIDS = {ODD: "SM\0", PLAIN: "SM1"}


class Records:
    """A provider's records, of which one names no message."""

    def find(self, outgoing: Outgoing, *, since: datetime, others: Container[str] = ()) -> Trace | None:
        return self.fetch("", address=outgoing.address, since=since)

    def fetch(self, sid: str, *, address: str, since: datetime) -> Trace | None:
        return trace_of(SIDS[address], "delivered", None)


pytestmark = databases.on_postgresql


@pytest.fixture(autouse=True)
def _records(in_a_worker: pytest.MonkeyPatch) -> None:
    provider = Provider(open=Twilio, lookup=lambda _: Records())
    in_a_worker.setattr(channels, "provider", lambda *_: provider)


def delivery(session: Session, number: int, status: DeliveryStatus, sid: str | None = None) -> None:
    at = utc_now() - timedelta(hours=2)
    values: dict[str, Any] = {
        "status": status,
        "provider_sid": sid,
        "claimed_at": at,
        "accepted_at": at,
        "not_before": at,
    }
    factories.delivery(session, number, attempt=1, **values)


def known() -> list[DeliveryStatus]:
    with db.reading() as session:
        return list(session.scalars(sa.select(col(Delivery.status)).order_by(col(Delivery.id))))


def test_the_other_unknowns_are_settled() -> None:
    from workers import settling

    with db.transaction() as session:
        for number in (1, 2):
            delivery(session, number, DeliveryStatus.UNKNOWN)
    settling.settle.fn()
    assert known() == [DeliveryStatus.UNKNOWN, DeliveryStatus.DELIVERED]


def test_the_others_that_were_open_get_their_last_word() -> None:
    from workers import polling

    with db.transaction() as session:
        delivery(session, 1, DeliveryStatus.SENT, "SM0")
        delivery(session, 2, DeliveryStatus.SENT, "SM1")
    polling.poll_receipts.fn()
    assert known() == [DeliveryStatus.SENT, DeliveryStatus.DELIVERED]
