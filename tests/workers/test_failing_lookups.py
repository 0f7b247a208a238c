"""While one provider answers no look-up, what another may have taken is settled all the same."""

from collections.abc import Container
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import channels, db
from core.channels import Provider
from core.channels.twilio import Twilio
from core.clock import utc_now
from core.domain.channel import Outgoing, Trace
from core.domain.lifecycles import DeliveryStatus
from core.domain.senders import VONAGE, provider_of
from core.models import ChannelName, Delivery
from core.usecases import settling
from tests import factories
from tests.factories import SENDER

AT_VONAGE = f"{VONAGE}:{SENDER}"


class Away:
    """Records that can't be asked for; counts how often they were."""

    asked = 0

    def find(self, outgoing: Outgoing, *, since: datetime, others: Container[str] = ()) -> Trace | None:
        self.asked += 1
        raise channels.LOOKUP_ERRORS[0]

    def fetch(self, sid: str, *, address: str, since: datetime) -> Trace | None:
        raise channels.LOOKUP_ERRORS[0]


class Well(Away):
    """Records of which one has it."""

    def find(self, outgoing: Outgoing, *, since: datetime, others: Container[str] = ()) -> Trace | None:
        return Trace("VO1", "delivered", 0)


def unknown(sender: str, *, looks: int, count: int = 1) -> None:
    due = utc_now() - timedelta(minutes=1)
    with db.transaction() as session:
        for number in range(count):
            factories.delivery(
                session,
                number,
                sender=sender,
                status=DeliveryStatus.UNKNOWN,
                attempt=1,
                looks=looks,
                claimed_at=due,
                not_before=due,
            )


@pytest.mark.parametrize(("failing", "well"), [(SENDER, AT_VONAGE), (AT_VONAGE, SENDER)])
def test_many_that_cannot_be_looked_up_keep_no_others_waiting(
    in_a_worker: pytest.MonkeyPatch, failing: str, well: str
) -> None:
    records = {provider_of(failing): Away(), provider_of(well): Well()}

    def provider(_: ChannelName, sender: str) -> Provider:
        return Provider(open=Twilio, lookup=lambda _: records[provider_of(sender)])

    in_a_worker.setattr(channels, "provider", provider)
    unknown(failing, looks=0, count=settling._MOST + 1)
    unknown(well, looks=1)
    from workers.settling import settle

    settle.fn()
    with db.reading() as session:
        statuses = session.scalars(sa.select(col(Delivery.status)).where(col(Delivery.sender) == well)).all()
    assert statuses == [DeliveryStatus.DELIVERED]
    assert records[provider_of(failing)].asked == 1
