"""A person is erased while she writes, calls, or answers come in of what was sent to her: one goes after the other."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.channel import Accepted
from core.domain.email_events import EmailEvent
from core.domain.lifecycles import DeliveryStatus
from core.domain.voice import Recording, Ring
from core.errors import NotFound
from core.models import Contact, Delivery, DeliveryKind
from core.usecases import erasure, inbound, mail, recording, voice
from core.usecases.inbound import Text
from core.usecases.recording import Result
from core.usecases.sending import Claimed
from tests import databases, factories
from tests.factories import NOON, SENDER, phone

pytestmark = databases.on_postgresql

_TRIALS, _MESSAGES = 5, 40
Step = Callable[[Session, int], object]


def writes(session: Session, number: int) -> None:
    inbound.take(session, Text(f"SM{number}", phone(number), SENDER, "Hello"), organization="Us", now=NOON)


def writes_an_email(session: Session, number: int) -> None:
    event = EmailEvent("replied", f"{number}", f"member{number}@example.org", text="STOP")
    mail.take(session, event, organization="Us", now=NOON)


def leaves_a_message(session: Session, number: int) -> None:
    voice.ring(session, Ring(f"CA{number}", phone(number), SENDER), now=NOON)
    voice.take(session, Recording(f"RE{number}", f"CA{number}", "https://example.org", 9), at=NOON, now=NOON)


def is_answered(session: Session, number: int) -> None:
    ids = session.scalars(sa.select(col(Delivery.id)).where(col(Delivery.address) == phone(number))).all()
    claims = [Claimed(each or 0, 1, DeliveryKind.REPLY, phone(number), "", 1, None) for each in ids]
    results = [Result(claim, Accepted(f"SM{claim.id}"), NOON) for claim in claims]
    recording.record(session, results, max_attempts=1, now=NOON)


def is_erased(session: Session, number: int) -> None:
    with suppress(NotFound):  # somebody else has erased her
        erasure.erase(session, phone(number), now=NOON)


def reached(session: Session, number: int) -> None:
    """Make a member whose conversation is older than her place in an audience, and who was texted in any order."""
    contact = factories.contact(session, number, email=f"member{number}@example.org")
    factories.conversation(session, number, contact_id=None)
    about: dict[str, Any] = {"status": DeliveryStatus.SENT, "attempt": 1, "claimed_at": NOON, "accepted_at": NOON}
    made = [factories.delivery(session, number, contact_id=contact.id, **about) for _ in range(_MESSAGES)]
    for each in random.Random(number).sample(made, len(made)):
        session.execute(sa.update(Delivery).where(col(Delivery.id) == each.id).values(error="moved in its table"))


@pytest.mark.parametrize("step", [writes, writes_an_email, leaves_a_message, is_answered, is_erased])
def test_who_is_erased_meanwhile_keeps_nobody_waiting_for_ever(engine: sa.Engine, step: Step) -> None:
    for number in range(_TRIALS):
        with db.transaction(engine) as session:
            reached(session, number)
        begin = Barrier(2)

        def take(each: Step, number: int = number, begin: Barrier = begin) -> None:
            begin.wait(30)
            with db.transaction(engine) as session:
                each(session, number)

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(take, each) for each in (is_erased, step)]:
                done.result(60)
    with db.reading(engine) as session:
        assert session.scalars(sa.select(Contact)).all() == []
