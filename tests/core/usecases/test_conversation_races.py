"""Staff and members at once: whoever comes second is told so or waits, and nobody is stopped by the other's lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.errors import Rejected
from core.models import Conversation, Delivery, DeliveryKind, Role, Staff, Suppression
from core.usecases import calls, conversations, inbound, sending, suppression
from core.usecases.calls import Wanted
from core.usecases.inbound import Text
from tests import databases, factories
from tests.factories import NOON, SENDER, phone

Step = Callable[[Session], object]


def at_once(engine: sa.Engine, *steps: Step) -> list[str]:
    """Take steps at the same moment, each in a transaction of its own; return what was refused."""
    barrier = Barrier(len(steps))

    def take(step: Step) -> str:
        barrier.wait(30)
        try:
            with db.transaction(engine) as session:
                step(session)
        except Rejected as refusal:
            return type(refusal).__name__
        return ""

    with ThreadPoolExecutor(len(steps)) as pool:
        return [refused for refused in pool.map(take, steps) if refused]


def writes(number: int, body: str) -> Step:
    def step(session: Session) -> None:
        text = Text(f"SM{number}{body}", phone(number), SENDER, body)
        inbound.take(session, text, organization="Us", now=NOON)

    return step


def made(engine: sa.Engine, number: int) -> tuple[UUID, Staff]:
    """Return the conversation with the `number`th phone, made if need be, and an organizer."""
    with db.transaction(engine) as session:
        theirs = sa.select(col(Conversation.id)).where(col(Conversation.address) == phone(number))
        found = session.scalar(theirs) or factories.conversation(session, number).id
        return found, factories.staff(session)


@databases.on_postgresql
def test_a_stop_and_staff_who_opt_them_out_do_not_wait_for_each_other(engine: sa.Engine) -> None:
    for number in range(30):
        found, by = made(engine, number)
        at_once(engine, writes(number, "STOP"), partial(conversations.opt_out, conversation_id=found, by=by, now=NOON))
    with db.reading(engine) as session:
        held = session.scalars(sa.select(Suppression).where(col(Suppression.lifted_at).is_(None))).all()
        assert len(held) == 30


@databases.on_postgresql
def test_what_looks_like_an_opt_out_and_staff_who_opt_them_out_do_not_wait_for_each_other(engine: sa.Engine) -> None:
    for number in range(30):
        found, by = made(engine, number)
        at_once(
            engine,
            writes(number, "please cancel"),
            partial(conversations.opt_out, conversation_id=found, by=by, now=NOON),
        )
    with db.reading(engine) as session:
        active = session.scalars(sa.select(Suppression).where(col(Suppression.lifted_at).is_(None))).all()
        assert {each.source for each in active} == {"staff"}


@databases.on_postgresql
def test_of_staff_and_the_clock_who_decide_at_once_one_does(engine: sa.Engine) -> None:
    refused = []
    for number in range(20):
        with db.transaction(engine) as session:
            writes(number, "please cancel")(session)
        found, by = made(engine, number)
        refused += at_once(
            engine,
            partial(conversations.not_opt_out, conversation_id=found, by=by, now=NOON),
            partial(conversations.confirm_likely_opt_outs, before=NOON, now=NOON),
        )
    with db.reading(engine) as session:
        active = session.scalars(sa.select(Suppression).where(col(Suppression.lifted_at).is_(None))).all()
    assert {each.source for each in active} <= {"unanswered"}
    assert refused == ["IllegalMove"] * len(active)


def test_of_two_presses_at_once_one_counts(engine: sa.Engine) -> None:
    found, by = made(engine, 1)
    with db.transaction(engine) as session:
        approver = factories.staff(session, "U0APPROVER", role=Role.APPROVER)
        wanted = Wanted(NOON + timedelta(hours=1), by.slack_user_id)
        call = calls.plan(session, found, wanted, by=by, now=NOON).id
    finish = partial(_finish, conversation_id=found, call_id=call, by=by)
    opt_out = partial(conversations.opt_out, conversation_id=found, by=by, now=NOON)
    for step in (finish, opt_out):
        assert at_once(engine, step, step) == ["IllegalMove"]
    with db.reading(engine) as session:
        held = suppression.active(session, phone(1))
    assert held is not None
    lift = partial(conversations.lift, conversation_id=found, seen=held.id, by=approver, now=NOON)
    assert at_once(engine, lift, lift) == ["Stale"]
    close = partial(conversations.close, conversation_id=found, by=by, now=NOON)
    assert at_once(engine, close, close) == ["IllegalMove"]


def _finish(session: Session, conversation_id: UUID, call_id: UUID, by: Staff) -> None:
    calls.finish(session, conversation_id, call_id, by=by, now=NOON)


def test_of_two_who_text_back_at_once_one_is_told_that_the_other_does(engine: sa.Engine) -> None:
    found, by = made(engine, 1)
    with db.transaction(engine) as session:
        other = factories.staff(session, "U0OTHER")
    replies = [
        partial(conversations.reply, conversation_id=found, body="Hi", by=each, now=NOON) for each in (by, other)
    ]
    assert at_once(engine, *replies) == ["NotAllowed"]
    with db.reading(engine) as session:
        assert len(session.scalars(sa.select(Delivery).where(col(Delivery.kind) == DeliveryKind.REPLY)).all()) == 1


@databases.on_postgresql
def test_no_reply_is_sent_after_a_stop_that_came_at_the_same_moment(engine: sa.Engine) -> None:
    for number in range(20):
        found, by = made(engine, number)
        at_once(
            engine,
            writes(number, "STOP"),
            partial(conversations.reply, conversation_id=found, body="Hi", by=by, now=NOON),
        )
    with db.transaction(engine) as session:
        claimed = sending.claim(session, None, sender=SENDER, limit=100, hourly_cap=100, now=NOON)
        assert [each.kind for each in claimed if each.kind is DeliveryKind.REPLY] == []
