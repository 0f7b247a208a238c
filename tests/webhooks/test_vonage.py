"""What Vonage posts is taken when it is signed over exactly what was posted, and read as Twilio's is."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from core import db
from core.domain.lifecycles import DeliveryStatus
from core.models import Conversation, Delivery, DeliveryKind, Suppression
from core.settings import Settings
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
