"""A text is read once and acted on at once: a STOP wins over every message that isn't claimed yet."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Conversation, Delivery, DeliveryKind, Inbound, OutboxEvent, Suppression, SuppressionCause
from core.settings import UNNAMED
from core.usecases import conversations, inbound, sending, suppression
from core.usecases.inbound import Text
from tests import factories
from tests.factories import NOON, SENDER, phone

SHE = phone(1)


def take(session: Session, body: str, number: int = 1, *, minutes: int = 0, **values: Any) -> None:
    text = Text(**({"provider_sid": f"SM{number}", "address": SHE, "sender": SENDER, "body": body} | values))
    inbound.take(session, text, organization="Tenants Together", now=NOON + timedelta(minutes=minutes))


def answers(session: Session) -> list[str]:
    found = session.scalars(sa.select(Delivery).where(col(Delivery.kind) == DeliveryKind.ANSWER))
    return [row.body or "" for row in found]


def test_the_suppression_says_which_text_it_came_from(session: Session) -> None:
    take(session, "stop texting me please")
    found = suppression.active(session, SHE)
    assert found is not None
    assert (found.source, found.inbound_id) == ("inbound", session.scalar(sa.select(col(Inbound.id))))


def test_the_confirmation_of_a_stop_gets_through_to_the_suppressed(session: Session) -> None:
    take(session, "stop texting me please")
    claimed = sending.claim(session, None, sender=SENDER, limit=10, hourly_cap=10, now=NOON)
    assert [(each.kind, each.address) for each in claimed] == [(DeliveryKind.ANSWER, SHE)]


def test_nothing_else_gets_through_to_the_suppressed(session: Session) -> None:
    factories.delivery(session, 1)
    take(session, "STOP")
    assert sending.claim(session, None, sender=SENDER, limit=10, hourly_cap=10, now=NOON) == []
    assert session.scalars(sa.select(Delivery)).one().status is DeliveryStatus.SKIPPED


def test_a_likely_opt_out_blocks_and_is_not_answered(session: Session) -> None:
    take(session, "please cancel")
    found = suppression.active(session, SHE)
    assert found is not None
    assert found.source == suppression.LIKELY
    assert answers(session) == []


def test_who_has_stopped_before_is_not_told_again(session: Session) -> None:
    take(session, "STOP", 1)
    take(session, "please stop texting me", 2, minutes=60)
    assert answers(session) == []


def test_the_same_answer_is_not_given_twice_in_a_row(session: Session) -> None:
    for number, minutes in ((1, 0), (2, 9), (3, 11)):
        take(session, "ayuda", number, minutes=minutes)
    assert len(answers(session)) == 2


def test_a_second_stop_is_confirmed_however_soon_it_comes(session: Session) -> None:
    for number, body in enumerate(("ALTO", "ALTA", "ALTO", "alto")):
        take(session, body, number, minutes=number)
    assert [told[:28] for told in answers(session)] == [
        "Tenants Together: ya no le e",
        "Tenants Together: le enviare",
        "Tenants Together: ya no le e",
    ]


def test_start_after_a_dead_number_lifts_it(session: Session) -> None:
    suppression.suppress(session, SHE, cause=SuppressionCause.HARD_FAILURE, source="receipt", now=NOON)
    take(session, "START")
    assert suppression.active(session, SHE) is None
    assert session.scalars(sa.select(col(Suppression.lifted_by))).all() == ["member"]


@pytest.mark.parametrize(
    ("organization", "start"), [(UNNAMED, "Our organization: you won't"), ("tenants together", "tenants together: you")]
)
def test_an_answer_begins_with_a_capital_where_we_have_no_name(session: Session, organization: str, start: str) -> None:
    text = Text("SM1", SHE, SENDER, "stop texting me please")
    inbound.take(session, text, organization=organization, now=NOON)
    assert [each[: len(start)] for each in answers(session)] == [start]


@pytest.mark.parametrize("body", ["don't stop", "at the bus stop", "can't stop laughing", "Yes", "", "👍"])
def test_words_that_only_sound_like_keywords_suppress_nobody(session: Session, body: str) -> None:
    take(session, body)
    assert suppression.active(session, SHE) is None


@pytest.mark.parametrize("seed", range(5))
def test_no_message_is_claimed_after_a_stop_was_taken(engine: sa.Engine, seed: int) -> None:
    """Forty members text STOP, in any order, while their copies are being claimed."""
    with db.transaction(engine) as session:
        blast = factories.blast(session, status=BlastStatus.SENDING, started_at=NOON)
        for number in range(40):
            member = factories.contact(session, number)
            factories.delivery(session, number, blast_id=blast.id, contact_id=member.id)
    order = random.Random(seed).sample(range(40), 40)
    stopped: set[str] = set()
    broken: list[str] = []

    def stop(number: int) -> None:
        with db.transaction(engine) as session:
            take(session, "STOP", number + 1, address=phone(number))
        stopped.add(phone(number))

    def claim() -> None:
        before = set(stopped)
        with db.transaction(engine) as session:
            claims = sending.claim(session, blast.id, sender=SENDER, limit=3, hourly_cap=10, now=NOON)
        broken.extend(each.address for each in claims if each.address in before)

    steps: list[Callable[[], None]] = [partial(stop, number) for number in order] + [claim] * 20
    random.Random(seed).shuffle(steps)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(step) for step in steps]:
            done.result()
    assert broken == []
    assert len(stopped) == 40


def test_a_likely_opt_out_counts_when_staff_let_the_time_pass(session: Session) -> None:
    take(session, "please cancel")
    before = NOON - timedelta(minutes=1)
    assert not suppression.has_unanswered(session, before=before)
    assert conversations.confirm_likely_opt_outs(session, before=before, now=NOON) == 0
    later = NOON + timedelta(hours=24)
    assert suppression.has_unanswered(session, before=NOON)
    assert conversations.confirm_likely_opt_outs(session, before=NOON, now=later) == 1
    session.expire_all()
    found = suppression.active(session, SHE)
    assert found is not None
    assert (found.source, found.inbound_id) == ("unanswered", session.scalar(sa.select(col(Inbound.id))))
    told = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "conversation.changed")).all()
    assert ["Nobody has decided" in str(event.payload["note"]) for event in told] == [True]
    assert not suppression.has_unanswered(session, before=later)


def test_what_staff_have_decided_is_not_decided_again(session: Session) -> None:
    take(session, "please cancel")
    conversation = session.scalars(sa.select(Conversation)).one()
    conversations.not_opt_out(session, conversation.id, by=factories.staff(session), now=NOON)
    assert conversations.confirm_likely_opt_outs(session, before=NOON, now=NOON) == 0
    assert suppression.active(session, SHE) is None


@pytest.mark.parametrize("source", ["staff", suppression.LIKELY, "receipt"])
def test_an_old_start_undoes_no_opt_out_that_is_newer(session: Session, source: str) -> None:
    suppression.opt_out(session, SHE, source=source, now=NOON)
    text = Text("SM9", SHE, SENDER, "START")
    inbound.take(session, text, organization="Us", sent_at=NOON - timedelta(hours=5), now=NOON + timedelta(minutes=1))
    assert suppression.active(session, SHE) is not None
    later = Text("SM10", SHE, SENDER, "START")
    inbound.take(session, later, organization="Us", sent_at=NOON + timedelta(minutes=2), now=NOON + timedelta(hours=1))
    assert suppression.active(session, SHE) is None
