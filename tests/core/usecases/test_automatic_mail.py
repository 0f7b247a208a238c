"""What a mail program answers by itself waits for nobody, and asks for nothing."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import email_events
from core.models import Conversation, Inbound, OutboxEvent
from core.usecases import conversations, inbox, mail, suppression
from tests import factories
from tests.factories import NOON

SHE = "ann@example.org"
AWAY = "I am away until Monday. To stop these messages, reply STOP."


def take(session: Session, text: str = AWAY, **values: Any) -> None:
    event = email_events.read({"event": "replied", "email": SHE, "text": text} | values)
    mail.heed(session, event, now=NOON)
    mail.take(session, event, organization="Us", now=NOON)


AUTOMATIC: list[dict[str, Any]] = [
    {"Headers": [{"Name": "Auto-Submitted", "Value": "auto-replied"}]},
    {"message-headers": [["X-Autoreply", "yes"]]},
    {"headers": "Received: from x\nPrecedence: auto_reply\n"},
    {"Precedence": "bulk"},
    {"headers": {"X-Auto-Response-Suppress": "All"}, "subject": "Automatic reply: Rent meeting"},
    {"subject": "Automatic reply: Rent meeting"},
    {"subject": "Out of office"},
]
WRITTEN: list[dict[str, Any]] = [
    {"Headers": [{"Name": "Auto-Submitted", "Value": "no (a person)"}]},
    {"headers": {"X-Auto-Response-Suppress": "All"}, "subject": "Re: Rent meeting"},
    {"headers": {"Message-ID": "<1@x>"}, "subject": "Out of office"},
    {"subject": "Out of office hours, can I call?"},
    {"subject": "Re: Automatic reply: Rent meeting"},
]


@pytest.mark.parametrize("values", AUTOMATIC)
def test_it_is_kept_but_opens_no_conversation_and_opts_nobody_out(session: Session, values: dict[str, Any]) -> None:
    take(session, **values)
    assert session.scalars(sa.select(Conversation)).all() == []
    assert suppression.active(session, SHE) is None
    kept = session.scalars(sa.select(Inbound)).one()
    assert (kept.body, kept.kind) == (AWAY, "none")


@pytest.mark.parametrize("values", WRITTEN)
def test_what_a_person_wrote_waits_for_an_answer(session: Session, values: dict[str, Any]) -> None:
    take(session, "Is there parking?", **values)
    assert inbox.is_waiting(session.scalars(sa.select(Conversation)).one())


def test_where_there_is_a_thread_it_stands_there_and_nobody_is_reminded(session: Session) -> None:
    take(session, "Is there parking?")
    talk = session.scalars(sa.select(Conversation)).one()
    talk.thread_ts = "1.0"
    conversations.close(session, talk.id, by=factories.staff(session), now=NOON)
    take(session, **AUTOMATIC[0])
    session.flush()
    session.expire_all()
    told = session.scalars(sa.select(OutboxEvent).order_by(col(OutboxEvent.id).desc()).limit(1)).one()
    assert AWAY in told.payload["note"]
    assert {each.conversation_id for each in session.scalars(sa.select(Inbound))} == {talk.id}
    assert inbox.listed(session) == []
    assert not inbox.has_neglected(session, after=timedelta(), now=NOON)


def test_what_a_mail_program_sends_for_unsubscribe_is_heeded(session: Session) -> None:
    take(session, "", subject="unsubscribe", headers={"Auto-Submitted": "auto-generated"})
    held = suppression.active(session, SHE)
    assert held is not None
    assert held.source != suppression.LIKELY
