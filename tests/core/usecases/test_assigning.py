"""A person keeps the same sender; who has none is given one by the senders' paces, always the same."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import DeliveryStatus
from core.domain.senders import Sender
from core.models import Audience, ChannelName, Delivery
from core.usecases import planning
from tests import factories
from tests.factories import NOON, SENDER

OTHER, GONE = "+12125550101", "+12125550102"
BOTH = (Sender(SENDER, 30), Sender(OTHER, 10))


def audience(session: Session, count: int) -> Audience:
    return factories.audience(session, contacts=[factories.contact(session, number) for number in range(count)])


def planned(session: Session, pool: Audience, among: tuple[Sender, ...] = BOTH) -> dict[str, str]:
    blast = factories.blast(session, [pool])
    planning.plan(session, blast, sender=SENDER, among=among, quiet=None, now=NOON)
    return senders(session, blast.id)


def senders(session: Session, blast_id: UUID) -> dict[str, str]:
    rows = session.execute(
        sa.select(col(Delivery.address), col(Delivery.sender)).where(col(Delivery.blast_id) == blast_id)
    )
    return {row.address: row.sender for row in rows}


def test_recipients_are_shared_by_pace_and_always_alike(session: Session) -> None:
    pool = audience(session, 200)
    first = planned(session, pool)
    counts = Counter(first.values())
    assert 130 <= counts[SENDER] <= 170
    assert counts[SENDER] + counts[OTHER] == 200
    assert planned(session, pool) == first


def test_whoever_was_messaged_keeps_the_sender(session: Session) -> None:
    pool = audience(session, 9)
    for number in range(9):
        told: dict[str, Any] = {"status": DeliveryStatus.DELIVERED, "claimed_at": NOON - timedelta(days=9)}
        factories.delivery(session, number, sender=OTHER, **told)
        factories.delivery(session, number, sender=GONE, **told | {"claimed_at": NOON - timedelta(days=1)})
        factories.delivery(session, number, sender=SENDER)  # hasn't left: they have never seen it
    assert set(planned(session, pool).values()) == {OTHER}


def test_whoever_wrote_to_one_is_messaged_by_it(session: Session) -> None:
    pool = audience(session, 1)
    factories.delivery(session, sender=SENDER, status=DeliveryStatus.DELIVERED, claimed_at=NOON)
    factories.conversation(session, sender=OTHER, last_inbound_at=NOON - timedelta(days=9))
    factories.conversation(session, sender=GONE)
    assert planned(session, pool) == {factories.phone(0): OTHER}


def test_a_sender_that_is_not_in_use_any_more_is_left(session: Session) -> None:
    pool = audience(session, 1)
    factories.conversation(session, sender=GONE)
    assert set(planned(session, pool).values()) <= {SENDER, OTHER}
    assert set(planned(session, pool, among=(Sender(OTHER, 1),)).values()) == {OTHER}


def test_what_is_not_sent_to_a_phone_has_one_sender(session: Session) -> None:
    pool = factories.audience(session, contacts=[factories.contact(session, email="ana@example.org")])
    blast = factories.blast(session, [pool], channel=ChannelName.EMAIL)
    planning.plan(session, blast, sender="mail", among=BOTH, quiet=None, now=NOON)
    assert senders(session, blast.id) == {"ana@example.org": "mail"}
