"""START is answered once: by the provider where it had blocked whoever writes, and by us where it never saw a STOP."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import failures
from core.models import AudienceKind, Conversation, Delivery, DeliveryKind, OutboxEvent, SuppressionCause
from core.usecases import consequences, conversations, inbound, manual, provider_blocks, suppression
from core.usecases.consequences import Refusal
from core.usecases.inbound import Text
from tests import factories
from tests.factories import NOON, SENDER, phone

SHE = phone(1)
OTHER = "+12125550199"
TOLL_FREE = "+18005550100"


def take(session: Session, body: str, at: float = 0, *, late: float | None = None, **values: Any) -> None:
    text = Text(**({"provider_sid": f"SM{body}{at}", "address": SHE, "sender": SENDER, "body": body} | values))
    sent_at = None if late is None else NOON + timedelta(hours=late)
    inbound.take(session, text, organization="Us", now=NOON + timedelta(hours=at), sent_at=sent_at)


def answers(session: Session) -> list[str]:
    is_one = col(Delivery.kind) == DeliveryKind.ANSWER
    return [each.body or "" for each in session.scalars(sa.select(Delivery).where(is_one).order_by(col(Delivery.id)))]


def notes(session: Session) -> list[str]:
    told = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "conversation.changed"))
    return [event.payload["note"] for event in told if event.payload["note"]]


def texts(*bodies: str, **values: Any) -> Callable[[Session], None]:
    def write(session: Session) -> None:
        for at, body in enumerate(bodies):
            take(session, body, at, **values)

    return write


def staff_opt_out(session: Session) -> None:
    suppression.opt_out(session, SHE, source="staff", now=NOON)


def press_nine(session: Session) -> None:
    suppression.opt_out(session, SHE, source="call", now=NOON)


def refused(session: Session) -> None:
    failed = factories.delivery(session, 1)
    assert failed.id is not None
    failure = failures.classify(21610, at_create=True)
    consequences.follow(session, [Refusal(failed.id, None, SHE, failure)], now=NOON)


def stopped_and_lifted(session: Session) -> None:
    take(session, "STOP")
    manual.lift(session, SHE, now=NOON)


@pytest.mark.parametrize(
    "before",
    [
        texts("ALTO"),
        texts("please stop texting me"),
        texts("please cancel"),
        texts("STOP TENANTS"),
        texts("STOP", "START", "ALTO"),
        texts("STOP", "Yes", "ALTO"),
        texts("STOP", sender=OTHER),
        staff_opt_out,
        press_nine,
    ],
)
def test_we_answer_a_start_of_which_the_provider_saw_no_stop(
    session: Session, before: Callable[[Session], None]
) -> None:
    factories.audience(session, "Tenants", [factories.contact(session, 1)])
    before(session)
    count = len(answers(session))
    take(session, "START", 9)
    assert suppression.active(session, SHE) is None
    assert len(answers(session)) == count + 1
    assert any(word in answers(session)[-1] for word in ("again", "de nuevo"))


@pytest.mark.parametrize(
    "before", [texts("STOP"), texts("ALTO", "STOP"), texts("QUIT", "Hello?"), refused, stopped_and_lifted, texts()]
)
def test_we_are_silent_where_the_provider_answers_a_start_or_nothing_was_stopped(
    session: Session, before: Callable[[Session], None]
) -> None:
    before(session)
    count = len(answers(session))
    take(session, "START", 9)
    assert suppression.active(session, SHE) is None
    assert len(answers(session)) == count


def test_a_keyword_that_the_provider_says_it_acted_on_is_answered_by_it(session: Session) -> None:
    take(session, "BASTA", 0, opt_out_type="STOP")
    take(session, "VUELVO", 1, opt_out_type="START")
    staff_opt_out(session)
    take(session, "START", 2, opt_out_type="START")
    assert suppression.active(session, SHE) is None
    assert answers(session) == []


def test_a_provider_that_answers_nothing_leaves_all_answers_to_us(session: Session) -> None:
    for at, body in enumerate(("STOP", "START")):
        take(session, body, at, is_answered_by_provider=False)
    assert len(answers(session)) == 2
    assert provider_blocks.senders(session, SHE) == []


def test_yes_undoes_no_block_of_a_toll_free_number(session: Session) -> None:
    texts("STOP", "Yes", sender=TOLL_FREE)(session)
    assert provider_blocks.senders(session, SHE) == [TOLL_FREE]
    texts("STOP", "Yes")(session)
    assert provider_blocks.senders(session, SHE) == [TOLL_FREE]


def test_a_stop_that_comes_late_blocks_nobody_who_has_come_back(session: Session) -> None:
    take(session, "START", 2)
    take(session, "STOP", 3, late=1)
    assert provider_blocks.senders(session, SHE) == []
    take(session, "STOP", 5)
    take(session, "START", 6, late=4)
    assert provider_blocks.senders(session, SHE) == [SENDER]


def test_the_second_yes_is_answered_by_us(session: Session) -> None:
    for at, body in enumerate(("STOP", "START", "Yes")):
        text = Text(f"SM{at}", SHE, SENDER, body)
        inbound.take(session, text, organization="Us", asks_twice=True, now=NOON + timedelta(hours=at))
    assert suppression.active(session, SHE) is None
    assert [answer[:20] for answer in answers(session)] == ["Us: reply YES to get", "Us: you will get our"]


def test_staff_read_that_nobody_was_asked_about_what(session: Session) -> None:
    member = factories.contact(session, 1)
    factories.audience(session, "Tenants", [member])
    factories.audience(session, "Rally", [member], kind=AudienceKind.EVENT)
    for at, body in enumerate(("Who is this?", "STOP", "START")):
        take(session, body, at)
    assert notes(session)[-1] == (
        "They asked for texts again, and can be texted. The provider has answered them, so they weren't asked about "
        "what: they are in Rally, Tenants."
    )


def test_lifting_says_what_the_provider_goes_on_blocking(session: Session) -> None:
    approver = factories.staff(session, "U0APPROVER", role="approver")
    take(session, "Who is this?")
    take(session, "STOP", 1)
    found = session.scalars(sa.select(Conversation)).one()
    held = suppression.active(session, SHE)
    assert held is not None
    conversations.lift(session, found.id, held.id, by=approver, now=NOON)
    assert "goes on blocking our texts until they text START" in notes(session)[-1]
    suppression.suppress(session, SHE, cause=SuppressionCause.MANUAL, source="staff", now=NOON)
    again = suppression.active(session, SHE)
    assert again is not None
    provider_blocks.end(session, SHE, SENDER)
    conversations.lift(session, found.id, again.id, by=approver, now=NOON)
    assert notes(session)[-1] == "Texts to them are allowed again."
