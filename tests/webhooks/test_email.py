"""E-mail providers tell what became of messages; each event counts once, and a broken one harms no other."""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from core import db
from core.domain.lifecycles import DeliveryStatus
from core.models import ChannelName, Delivery
from core.settings import Settings
from core.usecases import events, suppression
from tests import factories
from tests.webhooks.conftest import Answer, Door

TOKEN = "a-token-of-ours"
SHE = "ann@example.org"


@pytest.fixture
def door(serve: Callable[[Settings, sa.Engine], Door], config: Settings, engine: sa.Engine) -> Door:
    """The doors, that for e-mail open as well."""
    return serve(config.model_copy(update={"email_events_token": TOKEN}), engine)


def post(door: Door, told: Any, *, token: str = TOKEN, scheme: str = "Bearer") -> Answer:
    given = b64encode(f"events:{token}".encode()).decode() if scheme == "Basic" else token
    headers = {"Authorization": f"{scheme} {given}", "Content-Type": "application/json"}
    return door.request("POST", "/email/events", json.dumps(told).encode(), headers)


def is_held(engine: sa.Engine, address: str = SHE) -> str | None:
    with db.reading(engine) as session:
        found = suppression.active(session, address)
        return found.cause.value if found else None


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_who_has_the_token_is_heard(door: Door, scheme: str) -> None:
    assert post(door, [], scheme=scheme).status == 200
    assert post(door, [], token="guessed", scheme=scheme).status == 403


def test_without_a_token_of_ours_the_door_is_closed(
    serve: Callable[[Settings, sa.Engine], Door], config: Settings, engine: sa.Engine
) -> None:
    assert post(serve(config, engine), [], token="").status == 404


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        ({"event": "bounce", "email": SHE}, "hard_failure"),
        ({"event": "spamreport", "email": SHE}, "opt_out"),
        ({"RecordType": "SpamComplaint", "Email": SHE}, "opt_out"),
        ({"type": "unsubscribed", "recipient": SHE}, "opt_out"),
        ({"event": "replied", "email": SHE, "text": "Please stop emailing me"}, "opt_out"),
        ({"event": "replied", "email": SHE, "text": "Thanks!\n> reply STOP to unsubscribe"}, None),
        ({"event": "open", "email": SHE}, None),
        ({"event": "deferred", "email": SHE}, None),
    ],
)
def test_each_event_has_its_consequence(door: Door, engine: sa.Engine, event: Any, cause: str | None) -> None:
    assert json.loads(post(door, [event]).text) == {"received": 1, "processed": 1, "failed": 0, "repeated": 0}
    assert is_held(engine) == cause


def test_a_delivery_is_brought_forward(door: Door, engine: sa.Engine) -> None:
    with db.transaction(engine) as session:
        made = factories.delivery(
            session,
            address=SHE,
            channel=ChannelName.EMAIL,
            status=DeliveryStatus.ACCEPTED,
            attempt=1,
            provider_sid="m-1",
        )
        delivery_id = made.id
    post(door, {"event": "delivered", "email": SHE, "message_id": "m-1", "id": "e-1"})
    with db.reading(engine) as session:
        assert session.get_one(Delivery, delivery_id).status is DeliveryStatus.DELIVERED


def test_an_event_counts_once(door: Door) -> None:
    event = {"event": "bounce", "email": SHE, "id": "e-1"}
    told = [json.loads(post(door, batch).text) for batch in ([event, event], [event])]
    assert [(each["processed"], each["repeated"]) for each in told] == [(1, 1), (0, 1)]


def test_broken_events_are_kept_and_harm_no_other(door: Door, engine: sa.Engine) -> None:
    broken = [7, {}, {"event": "teleported", "email": SHE}, {"event": "bounce", "email": "nobody"}]
    told = json.loads(post(door, [*broken, {"event": "spamreport", "email": SHE}]).text)
    assert told == {"received": 5, "processed": 1, "failed": 4, "repeated": 0}
    assert is_held(engine) == "opt_out"
    with db.reading(engine) as session:
        kept = events.failed(session)
        assert [each.due_at for each in kept] == [None] * 4
        assert any("teleported" in each.error for each in kept)


def test_what_is_no_json_is_refused(door: Door) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert door.request("POST", "/email/events", b"event=bounce", headers).status == 400
