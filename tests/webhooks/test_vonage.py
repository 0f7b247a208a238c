"""What Vonage posts is taken when it is signed over exactly what was posted, and read as Twilio's is."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db
from core.domain.lifecycles import DeliveryStatus
from core.models import ChannelName, Conversation, Delivery, DeliveryKind, Inbound, Suppression, WebhookEvent
from core.settings import Settings
from core.usecases import events, processors, suppression
from sandbox.vonage.courier import token
from tests import factories
from tests.webhooks.conftest import Answer, Door

SECRET, KEY = "the-signature-secret", "abcd1234"
SENDER = "vonage:+12125550150"


@pytest.fixture
def door(serve: Callable[[Settings, sa.Engine], Door], config: Settings, engine: sa.Engine) -> Door:
    given = {
        "vonage_api_key": KEY,
        "vonage_api_secret": "secret",
        "vonage_signature_secret": SECRET,
        "vonage_senders": "+12125550150",
    }
    return serve(config.model_copy(update=given), engine)


def post(door: Door, path: str, told: dict[str, Any], *, secret: str = SECRET, key: str = KEY) -> Answer:
    body = json.dumps(told).encode()
    return door.request("POST", path, body, {"Authorization": f"Bearer {token(body, secret=secret, api_key=key)}"})


def status(delivery_id: int, word: str, *, error: int = 0) -> dict[str, Any]:
    told: dict[str, Any] = {"message_uuid": "aaaa-bbbb", "status": word, "client_ref": f"{delivery_id}.1"}
    return told | ({"error": {"title": str(error)}} if error else {})


def claimed(door: Door) -> int:
    with db.transaction(door.engine) as session:
        blast = factories.blast(session)
        told = {"status": DeliveryStatus.UNKNOWN, "attempt": 1, "claimed_at": factories.NOON}
        made = factories.delivery(session, blast_id=blast.id, **told)  # type: ignore[arg-type]  # any column's
        return made.id or 0


def delivery(door: Door, key: int) -> Delivery:
    with db.reading(door.engine) as session:
        return session.get_one(Delivery, key)


def inbound(text: str) -> dict[str, Any]:
    return {
        "message_uuid": f"inbound-{abs(hash(text))}",
        "from": "12125550123",
        "to": "12125550150",
        "text": text,
        "channel": "sms",
    }


def test_a_status_settles_its_delivery_by_our_own_reference(door: Door) -> None:
    key = claimed(door)
    assert post(door, "/vonage/status", status(key, "delivered")).status == 200
    found = delivery(door, key)
    assert (found.status, found.provider_sid) == (DeliveryStatus.DELIVERED, "aaaa-bbbb")


def test_a_failure_is_kept_by_the_code_that_says_the_same(door: Door) -> None:
    key = claimed(door)
    assert post(door, "/vonage/status", status(key, "rejected", error=1210)).status == 200
    found = delivery(door, key)
    assert (found.status, found.error_code) == (DeliveryStatus.FAILED, 30007)


@pytest.mark.parametrize(("secret", "key"), [("another", KEY), (SECRET, "efgh5678"), ("", KEY)])
def test_what_is_not_signed_for_us_is_refused(door: Door, secret: str, key: str) -> None:
    assert post(door, "/vonage/status", status(1, "delivered"), secret=secret, key=key).status == 403


def test_a_token_is_good_for_its_own_body_only(door: Door) -> None:
    signed = token(json.dumps(status(1, "sent")).encode(), secret=SECRET, api_key=KEY)
    body = json.dumps(status(1, "delivered")).encode()
    assert door.request("POST", "/vonage/status", body, {"Authorization": f"Bearer {signed}"}).status == 403


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", "Bearer a.b.c", "Basic eDp5", "Bearer é.é.é"])
def test_what_is_no_token_is_refused(door: Door, authorization: str) -> None:
    headers = {"Authorization": authorization.encode("latin-1").decode("latin-1")}
    assert door.request("POST", "/vonage/status", b"{}", headers).status == 403


@pytest.mark.parametrize("told", [{}, {"message_uuid": "x"}, {"message_uuid": 7, "status": "delivered"}])
def test_what_cannot_be_read_is_malformed(door: Door, told: dict[str, Any]) -> None:
    assert post(door, "/vonage/status", told).status == 400


@pytest.mark.parametrize("number", [float("nan"), float("-inf"), 10**30])
def test_numbers_that_no_database_knows_stop_no_text(door: Door, number: float) -> None:
    assert post(door, "/vonage/inbound", inbound("STOP") | {"usage": number, "to": "?"}).status == 400
    with db.reading(door.engine) as session:
        assert session.scalars(sa.select(Suppression)).one().address == "+12125550123"
        assert len(events.failed(session)) == 1


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"a":' * 50 + b"1" + b"}" * 50])
def test_what_is_nested_without_end_is_refused(door: Door, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {token(body, secret=SECRET, api_key=KEY)}"}
    assert door.request("POST", "/vonage/inbound", body, headers).status == 400


def test_a_stop_to_the_second_provider_counts_everywhere_and_is_answered_by_us(door: Door) -> None:
    assert post(door, "/vonage/inbound", inbound("STOP")).status == 200
    with db.reading(door.engine) as session:
        assert session.scalars(sa.select(Suppression)).one().address == "+12125550123"
        answer = session.scalars(sa.select(Delivery)).one()
    assert (answer.kind, answer.sender) == (DeliveryKind.ANSWER, SENDER)


def test_a_text_opens_a_conversation_with_the_number_it_came_to(door: Door) -> None:
    assert post(door, "/vonage/inbound", inbound("Who is this?")).status == 200
    with db.reading(door.engine) as session:
        assert session.scalars(sa.select(Conversation)).one().sender == SENDER


def test_without_the_second_provider_there_is_no_door_for_it(
    serve: Callable[[Settings, sa.Engine], Door], config: Settings, engine: sa.Engine
) -> None:
    assert post(serve(config, engine), "/vonage/status", status(1, "sent")).status == 404


def put_aside(door: Door) -> WebhookEvent:
    with db.reading(door.engine) as session:
        (event,) = events.failed(session)
        return event


@pytest.mark.parametrize("odd", [{"to": None}, {"to": "1" * 16}, {"message_uuid": "not an id"}])
def test_a_stop_that_can_not_be_read_whole_is_in_force_and_put_aside(door: Door, odd: dict[str, Any]) -> None:
    assert post(door, "/vonage/inbound", inbound("STOP") | odd).status == 400
    with db.reading(door.engine) as session:
        found = suppression.active(session, "+12125550123")
    assert found is not None
    assert found.source == suppression.UNSAVED
    event = put_aside(door)
    assert (event.kind, event.due_at, event.fields["vonage"]["text"]) == ("text", None, "STOP")


def test_what_the_database_can_not_keep_is_put_aside_without_it(door: Door) -> None:
    told = {"text": "Hi\0 \ud800there", "nested": [{"\0a": "\0b"}, 3]}
    assert post(door, "/vonage/inbound", told).status == 400
    assert put_aside(door).fields == {"vonage": {"text": "Hi there", "nested": [{"a": "b"}, 3]}}


def test_a_text_with_half_a_character_is_taken_in(door: Door) -> None:
    assert post(door, "/vonage/inbound", inbound("Hi") | {"text": "Hi \ud800there"}).status == 200
    with db.reading(door.engine) as session:
        assert session.scalars(sa.select(col(Inbound.body))).all() == ["Hi there"]


def test_what_was_put_aside_is_read_as_at_the_door_when_it_is_tried_again(
    door: Door, worker: Callable[[], None]
) -> None:
    posts = {"text": inbound("please stop texting me"), "receipt": status(claimed(door), "delivered")}
    with db.transaction(door.engine) as session:
        for kind, posted in posts.items():
            told = {"error": "A bug.", "is_hopeless": True, "now": factories.NOON}
            events.keep(session, ChannelName.SMS, kind, kind, processors.as_posted(posted), **told)  # type: ignore[arg-type]  # any argument's
        session.execute(sa.update(WebhookEvent).values(due_at=factories.NOON))
    worker()
    with db.reading(door.engine) as session:
        assert events.failed(session) == []
        assert session.scalars(sa.select(col(Inbound.sender))).all() == [SENDER]
        assert DeliveryStatus.DELIVERED in session.scalars(sa.select(col(Delivery.status))).all()


def test_a_status_that_can_not_be_read_is_put_aside(door: Door) -> None:
    assert post(door, "/vonage/status", {"message_uuid": "aaaa-bbbb"}).status == 400
    assert (put_aside(door).kind, put_aside(door).error) == ("receipt", "status is missing.")
