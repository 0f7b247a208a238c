"""Somebody who asks for it is forgotten; that she must not be messaged is not."""

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain.events import ConversationChanged
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.errors import IllegalMove, NotFound
from core.models import (
    ChannelName,
    Contact,
    Conversation,
    Delivery,
    Inbound,
    Membership,
    OutboxEvent,
    Receipt,
    WebhookEvent,
)
from core.usecases import erasure, events, suppression
from tests import factories
from tests.factories import NOON, SENDER, phone

SHE = phone(1)


def left_of(session: Session) -> str:
    """Return everything that the tables hold, as text."""
    session.expire_all()
    tables = (Contact, Conversation, Delivery, Inbound, OutboxEvent, Receipt)
    return str([each.model_dump() for table in tables for each in session.scalars(sa.select(table))])


def met(session: Session) -> None:
    """Have her written to, and answering."""
    she = factories.contact(session, 1, email="jane@example.org", name="Jane Doe")
    blast = factories.blast(session, [factories.audience(session, "tenants", [she])], status=BlastStatus.SENDING)
    values = {"contact_id": she.id, "status": DeliveryStatus.DELIVERED, "provider_sid": "SM1"}
    copy = factories.delivery(session, 1, blast_id=blast.id, **values)
    session.add(
        Receipt(provider_sid="SM1", status="delivered", delivery_id=copy.id, fields={"To": SHE}, received_at=NOON)
    )
    talk = Conversation(address=SHE, sender=SENDER, contact_id=she.id, created_at=NOON, last_inbound_at=NOON)
    session.add(talk)
    session.flush()
    said: dict[str, Any] = {"body": "I am Jane", "provider_sid": "SM2", "received_at": NOON, "conversation_id": talk.id}
    session.add(Inbound(address=SHE, sender=SENDER, **said))
    factories.delivery(session, 1, body="Hello Jane", conversation_id=talk.id, status=DeliveryStatus.SENT)
    session.flush()


def test_nothing_that_tells_who_she_is_stays(session: Session) -> None:
    met(session)
    erased = erasure.erase(session, SHE, now=NOON)
    assert (erased.contacts, erased.deliveries, erased.texts, erased.conversations) == (1, 2, 1, 1)
    left = left_of(session)
    for word in (SHE, "Jane", "jane@example.org"):
        assert word not in left
    assert session.scalars(sa.select(Membership)).all() == []
    statuses = set(session.scalars(sa.select(col(Delivery.status))))
    assert statuses == {DeliveryStatus.DELIVERED, DeliveryStatus.SENT}


@pytest.mark.parametrize("done_at", [None, NOON])
def test_what_was_said_in_her_thread_or_is_still_to_be_goes_and_others_stays(
    session: Session, done_at: datetime | None
) -> None:
    met(session)
    hers = session.scalars(sa.select(Conversation)).one()
    for talk in (hers, factories.conversation(session, 2)):
        outbox.record(session, ConversationChanged(talk.id, note=f"I am Jane of {talk.address}"), now=NOON)
    session.flush()
    session.execute(sa.update(OutboxEvent).values(done_at=done_at))
    session.expire_all()
    erasure.erase(session, SHE, now=NOON)
    session.expire_all()
    notes = [event.payload["note"] for event in session.scalars(sa.select(OutboxEvent).order_by(col(OutboxEvent.id)))]
    assert notes == [None, f"I am Jane of {phone(2)}"]


@pytest.mark.parametrize("posted", [{"AccountSid": "AC1", "From": SHE}, {"vonage": {"from": SHE.removeprefix("+")}}])
def test_what_providers_posted_and_could_not_be_read_goes(session: Session, posted: dict[str, Any]) -> None:
    met(session)
    for key, told in (("hers", posted), ("another's", {"AccountSid": "AC1", "From": phone(2)})):
        events.keep(session, ChannelName.SMS, "text", key, told, error="To is missing.", now=NOON)
    erasure.erase(session, SHE, now=NOON)
    assert session.scalars(sa.select(col(WebhookEvent.key))).all() == ["another's"]


def test_she_may_be_named_by_either_of_her_addresses(session: Session) -> None:
    met(session)
    erasure.erase(session, "jane@example.org", now=NOON)
    assert SHE not in left_of(session)


def test_an_opt_out_is_kept_as_evidence(session: Session) -> None:
    met(session)
    suppression.opt_out(session, SHE, source="inbound", now=NOON)
    assert erasure.erase(session, SHE, now=NOON).is_suppressed
    assert suppression.active(session, SHE) is not None
    with pytest.raises(NotFound, match="must not be messaged"):
        erasure.erase(session, SHE, now=NOON)


def test_what_still_waits_for_her_is_never_sent(session: Session) -> None:
    factories.delivery(session, 1)
    erasure.erase(session, SHE, now=NOON)
    session.expire_all()
    assert session.scalars(sa.select(col(Delivery.status))).all() == [DeliveryStatus.CANCELLED]


@pytest.mark.parametrize("status", [DeliveryStatus.CLAIMED, DeliveryStatus.UNKNOWN])
def test_nobody_is_erased_while_a_message_is_leaving(session: Session, status: DeliveryStatus) -> None:
    factories.delivery(session, 1, status=status, claimed_at=NOON)
    with pytest.raises(IllegalMove, match="just leaving"):
        erasure.erase(session, SHE, now=NOON)


def test_of_somebody_unknown_nothing_is_kept(session: Session) -> None:
    with pytest.raises(NotFound, match="Nothing is kept"):
        erasure.erase(session, SHE, now=NOON)
