"""A STOP is in force when it is answered, even if the text itself can't be taken in, or read whole."""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db
from core.clock import utc_now
from core.models import AudienceKind, ChannelName, Delivery, Inbound, Suppression, WebhookEvent
from core.usecases import events, suppression, topics
from tests import factories
from tests.webhooks import toxins
from tests.webhooks.conftest import ACCOUNT, SENDER, Door

SHE = "+12125550123"
TOXIC = "SMtoxic1"


def held(engine: sa.Engine) -> Suppression | None:
    with db.reading(engine) as session:
        return suppression.active(session, SHE)


def kept(engine: sa.Engine) -> WebhookEvent:
    with db.reading(engine) as session:
        (event,) = events.failed(session)
        return event


def try_again(engine: sa.Engine, event: WebhookEvent, worker: Callable[[], None]) -> None:
    assert event.id is not None
    with db.transaction(engine) as session:
        events.retry(session, event.id, now=utc_now())
    worker()


def counted(door: Door, kind: str) -> float:
    found = re.search(rf'blast_inbound_total{{kind="{kind}"}} (\S+)', door.request("GET", "/metrics").text)
    return float(found[1]) if found else 0


@pytest.mark.usefixtures("toxic")
@pytest.mark.parametrize(
    ("body", "source"), [("STOP", "unsaved"), ("please stop texting me", "unsaved"), ("please cancel", "likely")]
)
def test_a_stop_that_can_not_be_taken_in_is_in_force_all_the_same(
    door: Door, engine: sa.Engine, body: str, source: str
) -> None:
    assert door.text(body, sid=TOXIC).status == 200
    found = held(engine)
    assert found is not None
    assert found.source == source
    assert kept(engine).due_at is not None


@pytest.mark.usefixtures("toxic")
def test_what_the_provider_calls_a_stop_is_in_force_whatever_its_words(door: Door, engine: sa.Engine) -> None:
    assert door.text("basta ya", sid=TOXIC, OptOutType="STOP").status == 200
    assert held(engine) is not None


@pytest.mark.usefixtures("toxic")
def test_other_words_that_can_not_be_taken_in_suppress_nobody(door: Door, engine: sa.Engine) -> None:
    assert door.text("Who is this?", sid=TOXIC).status == 200
    assert held(engine) is None


@pytest.mark.usefixtures("toxic")
def test_a_text_that_failed_is_counted_as_failed(door: Door) -> None:
    door.text("STOP", sid=TOXIC)
    assert (counted(door, "failed"), counted(door, "repeated")) == (1, 0)


@pytest.mark.usefixtures("toxic")
def test_once_it_is_taken_in_the_text_takes_its_place_and_is_confirmed(
    door: Door, engine: sa.Engine, worker: Callable[[], None]
) -> None:
    door.text("please stop texting me", sid=TOXIC)
    toxins.cure(engine)
    try_again(engine, kept(engine), worker)
    found = held(engine)
    assert found is not None
    assert found.source == "inbound"
    with db.reading(engine) as session:
        assert found.inbound_id == session.scalar(sa.select(col(Inbound.id)))
        assert session.scalars(sa.select(col(Delivery.address))).all() == [SHE]


@pytest.mark.usefixtures("toxic")
@pytest.mark.parametrize("order", [("please stop texting me", "stop texting me"), ("STOP", "please stop texting me")])
def test_two_stops_of_which_one_comes_late_are_confirmed_once(
    door: Door, engine: sa.Engine, worker: Callable[[], None], order: tuple[str, str]
) -> None:
    door.text(order[0], sid=TOXIC)
    door.text(order[1], sid="SM" + "1" * 32)
    toxins.cure(engine)
    try_again(engine, kept(engine), worker)
    assert held(engine) is not None
    assert len(answers(engine)) == 1


@pytest.mark.usefixtures("toxic")
def test_a_start_that_came_since_stands_when_the_stop_is_taken_in(
    door: Door, engine: sa.Engine, worker: Callable[[], None]
) -> None:
    door.text("please stop texting me", sid=TOXIC)
    door.text("START", sid="SM" + "1" * 32)
    assert held(engine) is None
    toxins.cure(engine)
    try_again(engine, kept(engine), worker)
    assert held(engine) is None


def left(engine: sa.Engine) -> list[str]:
    with db.reading(engine) as session:
        return topics.left(session, SHE)


def answers(engine: sa.Engine) -> list[str | None]:
    with db.reading(engine) as session:
        return list(session.scalars(sa.select(col(Delivery.body))))


@pytest.fixture
def rally(engine: sa.Engine) -> str:
    """An event's audience that she is in."""
    with db.transaction(engine) as session:
        member = factories.contact(session, phone=SHE)
        return factories.audience(session, "Rally", [member], kind=AudienceKind.EVENT).name


@pytest.mark.usefixtures("toxic", "rally")
@pytest.mark.parametrize(("body", "topic"), [("STOP EVENTS", "every event audience"), ("stop Rally", "Rally")])
def test_a_topic_is_left_at_once_and_confirmed_when_the_text_is_taken_in(
    door: Door, engine: sa.Engine, worker: Callable[[], None], body: str, topic: str
) -> None:
    door.text(body, sid=TOXIC)
    assert (held(engine), left(engine), answers(engine)) == (None, [topic], [])
    toxins.cure(engine)
    try_again(engine, kept(engine), worker)
    assert (held(engine), left(engine), len(answers(engine))) == (None, [topic], 1)


@pytest.mark.usefixtures("toxic", "rally")
def test_a_topic_that_can_not_be_left_is_a_stop_of_everything_until_the_text_is_taken_in(
    door: Door, engine: sa.Engine, worker: Callable[[], None]
) -> None:
    toxins.poison(engine, "suppressions", when="NEW.audience_kind IS NOT NULL")
    door.text("STOP EVENTS", sid=TOXIC)
    found = held(engine)
    assert found is not None
    assert found.source == "unsaved topic"
    toxins.cure(engine, "suppressions", "inbound")
    try_again(engine, kept(engine), worker)
    assert (held(engine), left(engine), len(answers(engine))) == (None, ["every event audience"], 1)


@pytest.mark.usefixtures("toxic", "rally")
def test_a_topic_that_is_taken_in_late_lifts_nothing_that_holds_for_other_reasons(
    door: Door, engine: sa.Engine, worker: Callable[[], None]
) -> None:
    toxins.poison(engine, "suppressions", when="NEW.audience_kind IS NOT NULL")
    door.text("STOP EVENTS", sid=TOXIC)
    door.text("STOP", sid="SM" + "1" * 32)
    toxins.cure(engine, "suppressions", "inbound")
    try_again(engine, kept(engine), worker)
    found = held(engine)
    assert found is not None
    assert (found.source, left(engine)) == ("inbound", ["every event audience"])


@pytest.mark.usefixtures("toxic")
def test_a_stop_that_can_not_be_put_in_force_must_come_again(door: Door, engine: sa.Engine) -> None:
    toxins.poison(engine, "suppressions", when=f"NEW.address = '{SHE}'")
    assert door.text("STOP", sid=TOXIC).status == 503
    assert kept(engine).kind == "text"


@pytest.mark.parametrize("odd", [{"To": ""}, {"To": "1" * 65}, {"MessageSid": "not an id"}, {"MessageSid": "S" * 65}])
def test_a_stop_that_can_not_be_read_whole_is_in_force(door: Door, engine: sa.Engine, odd: dict[str, str]) -> None:
    assert door.text("STOP", **odd).status == 400
    found = held(engine)
    assert found is not None
    assert found.source == "unsaved"
    assert kept(engine).fields["Body"] == "STOP"


@pytest.mark.parametrize("body", ["Who is this?", "START"])
def test_other_words_that_can_not_be_read_whole_suppress_nobody(door: Door, engine: sa.Engine, body: str) -> None:
    assert door.text(body, To="").status == 400
    assert held(engine) is None


def test_a_stop_that_can_neither_be_read_whole_nor_put_in_force_must_come_again(door: Door, engine: sa.Engine) -> None:
    toxins.poison(engine, "suppressions", when=f"NEW.address = '{SHE}'")
    assert door.text("STOP", To="").status == 503
    assert kept(engine).kind == "text"


def test_what_was_put_aside_is_read_as_at_the_door_when_it_is_tried_again(
    engine: sa.Engine, worker: Callable[[], None]
) -> None:
    posted = {"AccountSid": ACCOUNT, "MessageSid": "SM1", "From": SHE, "To": SENDER, "Body": "STOP"}
    with db.transaction(engine) as session:
        sms = ChannelName.SMS
        events.keep(session, sms, "text", "a", posted, error="A bug.", is_hopeless=True, now=utc_now())
    try_again(engine, kept(engine), worker)
    with db.reading(engine) as session:
        assert session.scalars(sa.select(col(Inbound.body))).all() == ["STOP"]
        assert events.failed(session) == []


def test_what_still_can_not_be_read_waits_for_a_person_again(
    door: Door, engine: sa.Engine, worker: Callable[[], None]
) -> None:
    door.text("Who is this?", To="")
    try_again(engine, kept(engine), worker)
    event = kept(engine)
    assert (event.due_at, event.error) == (None, "To is missing or malformed.")
