"""Somebody who asks for it is forgotten; that she must not be messaged is not."""

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col

from core import outbox
from core.domain import email_events
from core.domain.events import ConversationChanged
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.errors import IllegalMove, NotFound
from core.models import (
    Call,
    ChannelName,
    Contact,
    Conversation,
    Delivery,
    Draft,
    Inbound,
    IncomingCall,
    Membership,
    OutboxEvent,
    ProviderBlock,
    Receipt,
    TopicQuestion,
    WebhookEvent,
)
from core.usecases import conversations, drafts, erasure, events, inbox, processors, provider_blocks, suppression
from core.usecases.processors import House
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
    is_change = col(OutboxEvent.name) == ConversationChanged.name
    told = session.scalars(sa.select(OutboxEvent).where(is_change).order_by(col(OutboxEvent.id)))
    notes = [event.payload["note"] for event in told]
    assert notes == [None, f"I am Jane of {phone(2)}"]


@pytest.mark.parametrize("posted", [{"AccountSid": "AC1", "From": SHE}, {"vonage": {"from": SHE.removeprefix("+")}}])
def test_what_providers_posted_and_could_not_be_read_goes(session: Session, posted: dict[str, Any]) -> None:
    met(session)
    for key, told in (("hers", posted), ("another's", {"AccountSid": "AC1", "From": phone(2)})):
        events.keep(session, ChannelName.SMS, "text", key, told, error="To is missing.", now=NOON)
    erasure.erase(session, SHE, now=NOON)
    assert session.scalars(sa.select(col(WebhookEvent.key))).all() == ["another's"]


E_MAIL = "jane@example.org"
HER_OWN = ("2125550101", "jane", "zebra")


def tell_us_everything(session: Session) -> None:
    """Have her leave traces in every table that may know of her."""
    met(session)
    she = session.scalars(sa.select(Contact)).one()
    she.attributes = {"nickname": "zebra"}
    house = House("Us")
    mail = {"event": "replied", "from": f"Jane Doe <{E_MAIL}>", "subject": "Zebra", "text": "Is zebra parking near?"}
    told = processors.fields_of(email_events.read(mail))
    events.store(session, ChannelName.EMAIL, "replied", "m-1", told, now=NOON)
    processors.REGISTRY["email"].process(session, "replied", told, house=house, came_at=NOON, now=NOON)
    for key, raw in (("r-1", {"event": "teleported", "from": '"Jane" <JANE@Example.org>'}), ("r-2", {"to": [SHE]})):
        events.keep(session, ChannelName.EMAIL, processors.UNREAD, key, raw, error="What?", is_hopeless=True, now=NOON)
    talk = session.scalars(sa.select(Conversation).where(col(Conversation.address) == SHE)).one()
    staff = factories.staff(session)
    conversations.note(session, talk.id, "Jane likes zebras", by=staff, now=NOON)
    conversations.reply(session, talk.id, "Dear Jane", by=staff, now=NOON)
    heard = session.scalars(sa.select(Inbound).where(col(Inbound.address) == SHE)).one()
    heard.media = [{"url": "https://example.org/zebra", "type": "image/png", "file": "F0PICTURE"}]
    session.add(Draft(conversation_id=talk.id, inbound_id=heard.id or 0, body="Dear Jane", created_at=NOON))
    session.add(
        Call(conversation_id=talk.id, caller_id=staff.id, made_by=staff.id, at=NOON, note="Jane", created_at=NOON)
    )
    session.add(IncomingCall(sid="CA1", address=SHE, number=SENDER, came_at=NOON, recording_sid="RE1"))
    session.add(TopicQuestion(address=SHE, sender=SENDER, asked_at=NOON))
    session.add(ProviderBlock(address=SHE, sender=SENDER, since=NOON))
    session.flush()


def test_no_column_of_any_table_knows_her_any_more(session: Session) -> None:
    tell_us_everything(session)
    erasure.erase(session, E_MAIL, now=NOON)
    session.flush()
    found = []
    for table in SQLModel.metadata.sorted_tables:
        for row in session.execute(sa.select(table)).mappings():
            said = str(dict(row)).lower()
            found += [(table.name, word, said) for word in HER_OWN if word in said]
    assert found == []


def test_who_was_erased_waits_for_no_answer_and_gets_none(session: Session) -> None:
    tell_us_everything(session)
    talks = session.scalars(sa.select(col(Conversation.id))).all()
    erasure.erase(session, SHE, now=NOON)
    assert inbox.listed(session) == []
    staff = factories.staff(session)
    for step in (conversations.claim, conversations.close, conversations.opt_out):
        for talk in talks:
            with pytest.raises(NotFound, match="erased"):
                step(session, talk, by=staff, now=NOON)
    with pytest.raises(NotFound, match="erased"):
        conversations.reply(session, talks[0], "Hello?", by=staff, now=NOON)


def test_a_draft_that_comes_after_all_is_not_kept(session: Session) -> None:
    tell_us_everything(session)
    erasure.erase(session, SHE, now=NOON)
    draft = session.scalars(sa.select(Draft)).one()
    drafts.record(session, draft.id, model="m", body="Dear Jane", now=NOON)
    session.expire_all()
    assert session.scalars(sa.select(Draft)).one().body == ""


def test_events_of_others_stay_whose_address_holds_hers(session: Session) -> None:
    met(session)
    for key, said in (("1", f"mary{E_MAIL}"), ("2", f"{E_MAIL}.au"), ("3", f"{SHE}9")):
        events.keep(session, ChannelName.EMAIL, "unread", key, {"from": said}, error="What?", now=NOON)
    erasure.erase(session, SHE, now=NOON)
    assert len(session.scalars(sa.select(WebhookEvent)).all()) == 3


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


def test_what_the_provider_blocks_is_kept_with_the_opt_out(session: Session) -> None:
    factories.contact(session, 1)
    suppression.opt_out(session, SHE, source="inbound", now=NOON)
    provider_blocks.note(session, SHE, SENDER, now=NOON)
    erasure.erase(session, SHE, now=NOON)
    assert provider_blocks.senders(session, SHE) == [SENDER]


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
