"""Ten thousand e-mail events of the shapes that providers post, one in a hundred of them poison: none is lost."""

import json
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from core import db
from core.models import Inbound, Suppression, WebhookEvent
from core.settings import Settings
from core.usecases import events
from tests import databases
from tests.webhooks import toxins
from tests.webhooks.conftest import Door

TOKEN = "a-token-of-ours"
_EVENTS, _POISON, _BATCH, _CONNECTIONS = 10_000, 100, 50, 4
_UNREADABLE: tuple[Any, ...] = (7, {"event": "teleported"}, {"event": "bounce", "email": "nobody"}, [[]], {"at": "\0"})


def _email(number: int) -> str:
    return f"member{number}@example.org"


def _shape(number: int, chance: random.Random) -> dict[str, Any]:
    """Return an event that can be read; every tenth is an answer."""
    to, key = _email(number), f"e-{number}"
    if number % 10 == 1:
        answers: list[dict[str, Any]] = [
            {"From": f"Ann <{to}>", "TextBody": f"Is there parking? {number}", "MessageID": key},
            {"sender": to, "body-html": f"<p>Thanks {number}</p><blockquote>Reply STOP</blockquote>", "id": key},
            {"event": "inbound", "from": to, "text": "Unsubscribe", "id": key},
        ]
        return chance.choice(answers)
    kind = chance.choice(["processed", "delivered", "open", "click", "deferred", "bounce", "spamreport"])
    shapes: list[dict[str, Any]] = [
        {"event": kind, "email": to, "sg_event_id": key, "sg_message_id": f"m-{number}", "timestamp": 1767225600},
        {
            "event-data": {
                "event": kind.replace("spamreport", "complained"),
                "recipient": to,
                "id": key,
                "severity": "x",
            }
        },
        {"eventType": "Delivery", "mail": {"messageId": f"m-{number}", "destination": [to]}},
        {"RecordType": "Open", "Recipient": to, "MessageID": f"m-{number}", "FirstOpen": True},
    ]
    return chance.choice(shapes)


def _poison(number: int) -> Any:
    """Return what can't be read, or what the database chokes on."""
    if number % 2:
        return {"event": "spamreport", "email": f"toxic{number}@example.org"}
    found = _UNREADABLE[number // 2 % len(_UNREADABLE)]
    return {**found, "number": number} if isinstance(found, dict) else [found, number]


@pytest.mark.slow
@databases.on_postgresql
def test_ten_thousand_email_events_with_one_in_a_hundred_poison(
    serve: Callable[[Settings, sa.Engine], Door], config: Settings, engine: sa.Engine
) -> None:
    toxins.poison(engine, "suppressions", when="NEW.address LIKE 'toxic%'")
    door = serve(config.model_copy(update={"email_events_token": TOKEN}), engine)
    chance = random.Random(11)
    poison = set(chance.sample(range(_EVENTS), _POISON))
    told = [_poison(number) if number in poison else _shape(number, chance) for number in range(_EVENTS)]
    chance.shuffle(told)
    batches = [told[at : at + _BATCH] for at in range(0, _EVENTS, _BATCH)]

    def post(batch: list[Any]) -> Counter[str]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = door.request("POST", "/email/events", json.dumps(batch).encode(), headers)
        assert answer.status == 200
        return Counter(json.loads(answer.text))

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        counts = sum(pool.map(post, batches), Counter[str]())
        again = sum(pool.map(post, batches[:2]), Counter[str]())
    assert counts == {"received": _EVENTS, "processed": _EVENTS - _POISON, "failed": _POISON}
    assert again["processed"] == 0
    with db.reading(engine) as session:
        stored = session.scalar(sa.select(sa.func.count()).select_from(WebhookEvent))
        assert stored == _EVENTS
        assert len(events.failed(session, most=_EVENTS)) == _POISON
        answers = sum(1 for number in range(1, _EVENTS, 10) if number not in poison)
        assert session.scalar(sa.select(sa.func.count()).select_from(Inbound)) == answers
        assert session.scalar(sa.select(sa.func.count()).select_from(Suppression))
