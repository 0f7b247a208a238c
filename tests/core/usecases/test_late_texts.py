"""A text that comes late, or is tried again, changes nothing that was asked for or decided after it was written."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import permutations, product

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.email_events import EmailEvent
from core.domain.voice import Ring
from core.models import Conversation, Inbound, SuppressionCause
from core.usecases import conversations, inbound, mail, processors, suppression, topics, voice
from core.usecases.inbound import Text
from core.usecases.processors import House
from tests import factories
from tests.factories import NOON, SENDER, phone

SHE = phone(1)
MINUTE = timedelta(minutes=1)
WORDS = ("STOP", "START", "please cancel")
TOPICS = ("STOP", "START", "STOP Tenants", "START Tenants", "STOP Garden", "START Garden")


def at(minute: float) -> datetime:
    return NOON + minute * MINUTE


def take(
    session: Session, body: str, number: int, *, now: float, sent: float | None = None, address: str = SHE
) -> None:
    text = Text(f"SM{address}{number}", address, SENDER, body)
    sent_at = None if sent is None else at(sent)
    inbound.take(session, text, organization="Us", sent_at=sent_at, now=at(now))


def try_again(session: Session, body: str, number: int, *, came: float, now: float) -> None:
    fields = processors.fields_of(Text(f"SM{number}", SHE, SENDER, body))
    sms = processors.REGISTRY["sms"]
    sms.process(session, "text", fields, house=House("Us"), came_at=at(came), now=at(now))


def is_out(session: Session, address: str = SHE) -> bool:
    return suppression.active(session, address) is not None


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_three_late_texts_end_as_written_in_whatever_order_they_are_taken_in(
    session: Session, order: Sequence[int]
) -> None:
    for number, bodies in enumerate(product(WORDS, repeat=3)):
        for each in order:
            take(session, bodies[each], each, now=100, sent=each, address=phone(number))
        assert is_out(session, phone(number)) is (bodies[-1] != "START"), bodies


def test_texts_some_of_which_come_late_end_as_written(session: Session) -> None:
    """Each comes at its time, or at any time after it: by the filling of a gap, or when it is tried again."""
    for seed in range(30):
        chance, she = random.Random(seed), phone(seed)
        bodies = chance.choices(WORDS, k=6)
        comes = [each if chance.random() < 0.5 else chance.uniform(each, 20) for each in range(len(bodies))]
        for each in sorted(range(len(bodies)), key=lambda number: comes[number]):
            is_live = comes[each] == each
            take(session, bodies[each], each, now=comes[each], sent=None if is_live else each, address=she)
        assert is_out(session, she) is (bodies[-1] != "START"), (seed, bodies, comes)


def reachable(session: Session, address: str) -> set[str]:
    return set() if is_out(session, address) else {"Tenants", "Garden"} - set(topics.left(session, address))


def test_nobody_who_has_left_a_topic_is_reached_about_it_since_a_text_came_late(session: Session) -> None:
    members = [factories.contact(session, number) for number in range(40)]
    for name in ("Tenants", "Garden"):
        factories.audience(session, name, members)
    for seed in range(20):
        chance, prompt, late = random.Random(seed), phone(2 * seed), phone(2 * seed + 1)
        bodies = chance.choices(TOPICS, k=5)
        order = chance.sample(range(len(bodies)), len(bodies))
        for each, body in enumerate(bodies):
            take(session, body, each, now=each, address=prompt)
        for each in order:
            take(session, bodies[each], each, now=100, sent=each, address=late)
        assert reachable(session, late) <= reachable(session, prompt), (seed, bodies, order)


def test_a_late_text_is_kept_under_the_time_at_which_it_was_written(session: Session) -> None:
    take(session, "Who is this?", 1, now=20, sent=5)
    assert session.scalars(sa.select(col(Inbound.received_at))).all() == [at(5)]


def test_a_text_from_the_future_is_kept_under_the_time_at_which_it_came(session: Session) -> None:
    take(session, "Who is this?", 1, now=20, sent=25)
    assert session.scalars(sa.select(col(Inbound.received_at))).all() == [at(20)]


def test_an_old_start_that_is_tried_again_does_not_lift_a_newer_stop(session: Session) -> None:
    take(session, "STOP", 2, now=1)
    try_again(session, "START", 1, came=0, now=2)
    assert is_out(session)


def test_a_stop_that_is_tried_again_after_an_older_start_still_counts(session: Session) -> None:
    try_again(session, "START", 1, came=0, now=4)
    try_again(session, "please stop texting me", 2, came=1, now=5)
    assert is_out(session)


def test_a_late_stop_before_they_came_back_for_one_topic_holds_for_the_others(session: Session) -> None:
    member = factories.contact(session, 1)
    factories.audience(session, "Tenants", [member])
    factories.audience(session, "Garden", [member])
    take(session, "START Tenants", 2, now=2)
    take(session, "STOP", 1, now=9, sent=1)
    assert (is_out(session), topics.left(session, SHE)) == (False, ["Garden"])


def test_a_late_start_lifts_a_likely_opt_out_that_counted_since_nobody_looked(session: Session) -> None:
    take(session, "please cancel", 1, now=0)
    day = 24 * 60
    conversations.confirm_likely_opt_outs(session, before=at(day), now=at(day))
    take(session, "START", 2, now=day + 1, sent=10)
    assert not is_out(session)


def by_likely_words(session: Session) -> None:
    take(session, "please cancel", 1, now=10)


def by_staff(session: Session) -> None:
    by = factories.staff(session)
    suppression.opt_out(session, SHE, source="staff", staff_id=by.id, now=at(10))


def by_the_provider(session: Session) -> None:
    suppression.opt_out(session, SHE, source="receipt", error_code=21610, now=at(10))


def by_a_dead_number(session: Session) -> None:
    cause = SuppressionCause.HARD_FAILURE
    suppression.suppress(session, SHE, cause=cause, source="receipt", now=at(10))


def by_staff_about_an_older_text(session: Session) -> None:
    take(session, "please cancel", 1, now=0)
    conversation = session.scalars(sa.select(Conversation)).one()
    conversations.opt_out(session, conversation.id, by=factories.staff(session), now=at(10))


def by_a_call_after_an_older_stop(session: Session) -> None:
    take(session, "STOP", 1, now=0)
    voice.opt_out(session, Ring("CA1", SHE, SENDER), at=at(10), now=at(11))


def by_an_email_after_an_older_stop(session: Session) -> None:
    factories.contact(session, 1, email="she@example.org")
    take(session, "STOP", 1, now=0)
    event = EmailEvent("replied", "one", "she@example.org", text="STOP")
    mail.take(session, event, organization="Us", sent_at=at(10), now=at(11))


_NEWER = [
    *(by_likely_words, by_staff, by_the_provider, by_a_dead_number, by_staff_about_an_older_text),
    *(by_a_call_after_an_older_stop, by_an_email_after_an_older_stop),
]


@pytest.mark.parametrize("suppressed", _NEWER)
def test_a_late_start_lifts_nothing_that_is_newer(session: Session, suppressed: Callable[[Session], None]) -> None:
    suppressed(session)
    take(session, "START", 3, now=20, sent=5)
    assert is_out(session)


@pytest.mark.parametrize("suppressed", _NEWER)
def test_a_late_start_lifts_what_is_older(session: Session, suppressed: Callable[[Session], None]) -> None:
    suppressed(session)
    take(session, "START", 3, now=20, sent=15)
    assert not is_out(session)
