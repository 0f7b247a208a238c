"""Lifting for one address lifts what the same request stopped, and nothing else; threads say what."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import senders
from core.models import Conversation, OutboxEvent, Role, Staff
from core.usecases import conversations, lifting, suppression
from tests import factories
from tests.factories import NOON, phone

SHE, HER_EMAIL = phone(1), "jane@example.org"


@pytest.fixture
def approver(session: Session) -> Staff:
    factories.contact(session, 1, email=HER_EMAIL)
    return factories.staff(session, "U0APPROVER", role=Role.APPROVER)


def lift(session: Session, found: Conversation, by: Staff) -> None:
    held = suppression.active(session, found.address)
    assert held is not None
    conversations.lift(session, found.id, held.id, by=by, now=NOON + timedelta(hours=2))


def notes(session: Session) -> dict[str, str]:
    told = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "conversation.changed"))
    return {event.payload["conversation_id"]: event.payload["note"] for event in told}


@pytest.mark.parametrize("begins", [SHE, HER_EMAIL])
def test_one_request_for_both_addresses_is_lifted_for_both(session: Session, approver: Staff, begins: str) -> None:
    by_email = factories.conversation(session, 1, address=HER_EMAIL, sender=senders.EMAIL, thread_ts="1.1")
    by_phone = factories.conversation(session, 1, thread_ts="1.2")
    for address in (SHE, HER_EMAIL):
        suppression.opt_out(session, address, source="email", now=NOON)
    lift(session, by_email if begins == HER_EMAIL else by_phone, approver)
    assert suppression.active(session, SHE) is suppression.active(session, HER_EMAIL) is None
    assert set(notes(session)) == {str(by_email.id), str(by_phone.id)}
    assert len(set(notes(session).values())) == 1
    (note, *_) = notes(session).values()
    what, other = ("E-mails", "•••0101") if begins == HER_EMAIL else ("Texts", "j•••@example.org")
    assert note.startswith(f"{what} to them are allowed again. So are messages to {other}. If they texted STOP to us,")


def test_another_request_for_the_other_address_stands(session: Session, approver: Staff) -> None:
    found = factories.conversation(session, 1, address=HER_EMAIL, sender=senders.EMAIL)
    suppression.opt_out(session, SHE, source="inbound", now=NOON)
    suppression.opt_out(session, HER_EMAIL, source="email", now=NOON + timedelta(hours=1))
    lift(session, found, approver)
    assert suppression.active(session, HER_EMAIL) is None
    assert suppression.active(session, SHE) is not None


def test_somebody_else_who_was_stopped_at_the_same_moment_stays_stopped(session: Session, approver: Staff) -> None:
    for address in (SHE, phone(2)):
        suppression.opt_out(session, address, source="staff", now=NOON)
    found = lifting.lift(session, SHE, by=approver, now=NOON)
    assert found.others == []
    assert suppression.active(session, phone(2)) is not None
