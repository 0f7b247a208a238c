"""Members' words find their person, their blast and their conversation; staff take turns."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.lifecycles import DeliveryStatus
from core.errors import IllegalMove, Invalid, NotAllowed, NotFound, Stale
from core.models import Conversation, ConversationStatus, Inbound, OutboxEvent, Role, Staff, SuppressionCause
from core.usecases import conversations, inbound, suppression, topics
from core.usecases.inbound import Text
from tests import factories
from tests.factories import NOON, SENDER, phone

SHE = phone(1)
MINUTE = timedelta(minutes=1)
_numbers = count(1)


def receive(session: Session, body: str = "Who is this?", **values: Any) -> Inbound:
    sid = f"SM{next(_numbers):032d}"
    text = Text(**({"provider_sid": sid, "address": SHE, "sender": SENDER, "body": body} | values))
    inbound.take(session, text, organization="Tenants Together", now=NOON)
    return session.scalars(sa.select(Inbound).where(col(Inbound.provider_sid) == sid)).one()


def conversation(session: Session) -> Conversation:
    return session.scalars(sa.select(Conversation)).one()


@pytest.fixture
def open_one(session: Session) -> Conversation:
    """A conversation that a text has opened."""
    receive(session)
    return conversation(session)


@pytest.fixture
def organizer(session: Session) -> Staff:
    return factories.staff(session)


@pytest.fixture
def other(session: Session) -> Staff:
    return factories.staff(session, "U0OTHER")


def test_a_text_finds_its_contact_and_the_last_blast_that_reached_it(session: Session) -> None:
    contact = factories.contact(session, 1)
    early, late, unsent = (factories.blast(session, name=name) for name in ("early", "late", "unsent"))
    for hours, blast, status in ((2, early, "delivered"), (1, late, "sent"), (0, unsent, "failed")):
        values: dict[str, Any] = {"status": DeliveryStatus(status), "claimed_at": NOON - timedelta(hours=hours)}
        factories.delivery(session, 1, blast_id=blast.id, **values)
    receive(session)
    found = conversation(session)
    assert (found.contact_id, found.blast_id) == (contact.id, late.id)


def test_one_member_has_one_conversation_for_each_of_our_numbers(session: Session) -> None:
    texts = [receive(session), receive(session), receive(session, sender="+12125550101")]
    ids = [text.conversation_id for text in texts]
    assert ids[0] == ids[1] != ids[2]


def test_texts_that_come_at_once_make_one_conversation(engine: sa.Engine) -> None:
    def take(number: int) -> None:
        with db.transaction(engine) as session:
            receive(session, f"text {number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(24)))
    with db.reading(engine) as session:
        conversation(session)
        assert session.scalar(sa.select(sa.func.count()).select_from(OutboxEvent)) == 24


@pytest.mark.parametrize("body", ["STOP", "Stop.", "please stop texting me", "HELP", "START"])
def test_what_a_keyword_settles_opens_no_conversation(session: Session, body: str) -> None:
    assert receive(session, body).conversation_id is None


def test_what_staff_stopped_a_member_does_not_start(session: Session) -> None:
    suppression.suppress(session, SHE, cause=SuppressionCause.MANUAL, source="staff", now=NOON)
    assert receive(session, "START").conversation_id is not None
    assert suppression.active(session, SHE) is not None


def test_two_who_claim_at_once_do_not_both_get_it(engine: sa.Engine) -> None:
    with db.transaction(engine) as session:
        receive(session)
        key = conversation(session).id
        both = [factories.staff(session, name) for name in ("U0ONE", "U0TWO")]

    def claim(by: Staff) -> bool:
        try:
            with db.transaction(engine) as session:
                conversations.claim(session, key, by=by, now=NOON)
        except NotAllowed:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(claim, both)) == [False, True]


def test_every_step_of_its_owner_keeps_a_claim_alive(
    session: Session, open_one: Conversation, organizer: Staff, other: Staff
) -> None:
    conversations.claim(session, open_one.id, by=organizer, now=NOON)
    conversations.note(session, open_one.id, "calling her", by=organizer, now=NOON + 10 * MINUTE)
    with pytest.raises(NotAllowed, match="Somebody else"):
        conversations.claim(session, open_one.id, by=other, now=NOON + 20 * MINUTE)
    conversations.claim(session, open_one.id, by=other, now=NOON + 25 * MINUTE)
    assert open_one.claimed_by == other.id


def test_a_reply_opens_a_closed_conversation_again(session: Session, open_one: Conversation, organizer: Staff) -> None:
    conversations.close(session, open_one.id, by=organizer, now=NOON)
    with pytest.raises(IllegalMove):
        conversations.claim(session, open_one.id, by=organizer, now=NOON)
    conversations.reply(session, open_one.id, "One more thing.", by=organizer, now=NOON)
    assert open_one.status is ConversationStatus.OPEN


def test_nobody_who_opted_out_is_texted_back(session: Session, open_one: Conversation, organizer: Staff) -> None:
    receive(session, "STOP")
    with pytest.raises(NotAllowed, match="opted out"):
        conversations.reply(session, open_one.id, "Please stay!", by=organizer, now=NOON)


def test_an_empty_or_endless_note_is_refused(session: Session, open_one: Conversation, organizer: Staff) -> None:
    for text in (" ", "x" * 2001):
        with pytest.raises(Invalid):
            conversations.note(session, open_one.id, text, by=organizer, now=NOON)


@pytest.mark.parametrize("step", [conversations.claim, conversations.close, conversations.opt_out])
def test_a_conversation_that_is_gone_is_said_to_be(
    session: Session, organizer: Staff, step: Callable[..., Conversation]
) -> None:
    with pytest.raises(NotFound, match="gone"):
        step(session, factories.blast(session).id, by=organizer, now=NOON)


def test_only_idle_claims_end_and_only_open_threads_are_told(session: Session, organizer: Staff) -> None:
    idle, threadless, fresh = (factories.conversation(session, number) for number in range(3))
    idle.thread_ts = fresh.thread_ts = "17.000100"
    for each, minutes in ((idle, 15), (threadless, 20), (fresh, 14)):
        conversations.claim(session, each.id, by=organizer, now=NOON - minutes * MINUTE)
    told = events(session)
    assert conversations.has_idle_claims(session, now=NOON)
    assert conversations.end_idle_claims(session, now=NOON) == 2
    assert not conversations.has_idle_claims(session, now=NOON)
    assert conversations.end_idle_claims(session, now=NOON) == 0
    assert [each.claimed_by for each in (idle, threadless, fresh)] == [None, None, organizer.id]
    assert events(session)[len(told) :] == [str(idle.id)]


def events(session: Session) -> list[str]:
    """Return the conversations whose threads are to be told of something, in order."""
    found = session.scalars(sa.select(OutboxEvent).order_by(col(OutboxEvent.id)))
    return [event.payload["conversation_id"] for event in found if event.name == "conversation.changed"]


def test_a_lift_leaves_what_was_left_by_name(session: Session, open_one: Conversation) -> None:
    approver = factories.staff(session, "U0APPROVER", role=Role.APPROVER)
    audience = factories.audience(session)
    suppression.leave(session, SHE, audience_id=audience.id, now=NOON)
    suppression.opt_out(session, SHE, source="inbound", now=NOON)
    held = suppression.active(session, SHE)
    assert held is not None
    conversations.lift(session, open_one.id, held.id, by=approver, now=NOON)
    assert suppression.active(session, SHE) is None
    assert topics.left(session, SHE) == ["tenants"]
    with pytest.raises(Stale):
        conversations.lift(session, open_one.id, held.id, by=approver, now=NOON)
