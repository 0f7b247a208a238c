"""What staff see of an opt-out by e-mail: nobody is to be answered who asked for an end."""

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from core.domain import email_events
from core.errors import NotAllowed
from core.models import Conversation
from core.slack.views import thread
from core.usecases import conversations, inbox, mail, suppression, threads
from tests import factories
from tests.factories import NOON

SHE = "ann@example.org"


def take(session: Session, text: str) -> None:
    event = email_events.read({"event": "replied", "email": SHE, "text": text})
    mail.take(session, event, organization="Us", now=NOON)


def conversation(session: Session) -> Conversation:
    return session.scalars(sa.select(Conversation)).one()


def drawn(session: Session) -> str:
    return str(thread.render(threads.facts(session, conversation(session).id, now=NOON), trusted_host=""))


def test_who_opted_out_by_email_waits_for_nobody_and_is_not_to_be_answered(session: Session) -> None:
    take(session, "Unsubscribe")
    assert inbox.listed(session) == []
    assert "They opted out. Don't answer them" in drawn(session)
    assert "Answer from your mailbox" not in drawn(session)
    with pytest.raises(NotAllowed, match="must not be texted"):
        conversations.require_answerable(session, conversation(session).id, by=factories.staff(session), now=NOON)


def test_what_may_be_an_opt_out_by_email_waits_for_a_decision_only(session: Session) -> None:
    take(session, "please cancel")
    found = suppression.active(session, SHE)
    assert found is not None
    assert found.source == suppression.LIKELY
    assert len(inbox.listed(session)) == 1
    assert thread.NOT_OPT_OUT in drawn(session)
    assert "Answer from your mailbox" not in drawn(session)
