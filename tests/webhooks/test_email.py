"""E-mail providers tell what became of messages; each event counts once, and a broken one harms no other."""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from core import db
from core.clock import utc_now
from core.domain.lifecycles import DeliveryStatus
from core.errors import Invalid
from core.models import ChannelName, Delivery, Inbound
from core.settings import Settings
from core.usecases import events, processors, suppression
from core.usecases.processors import House
from tests import factories
from tests.webhooks import toxins
from tests.webhooks.conftest import Answer, Door

TOKEN = "a-token-of-ours"
SHE = "ann@example.org"


def ses(kind: str, **more: Any) -> dict[str, Any]:
    """Return an event as SES has it."""
    return {"eventType": kind, "mail": {"messageId": "m-9", "destination": [SHE]}, **more}


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
        ({"event": "bounce", "type": "blocked", "email": SHE}, None),
        ({"event": "bounce", "type": "bounce", "email": SHE}, "hard_failure"),
        ({"event": "processed", "email": SHE}, None),
        ({"RecordType": "Bounce", "Type": "HardBounce", "Email": SHE}, "hard_failure"),
        ({"RecordType": "Bounce", "Type": "SoftBounce", "Email": SHE}, None),
        ({"RecordType": "Bounce", "Type": "SpamNotification", "Email": SHE}, "opt_out"),
        ({"RecordType": "SubscriptionChange", "SuppressSending": True, "Recipient": SHE}, "opt_out"),
        ({"RecordType": "SubscriptionChange", "SuppressSending": False, "Recipient": SHE}, None),
        ({"event-data": {"event": "failed", "severity": "permanent", "recipient": SHE}}, "hard_failure"),
        ({"event-data": {"event": "failed", "severity": "temporary", "recipient": SHE}}, None),
        ({"event-data": {"event": "complained", "recipient": SHE}}, "opt_out"),
        (
            ses("Bounce", bounce={"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": SHE}]}),
            "hard_failure",
        ),
        (ses("Bounce", bounce={"bounceType": "Transient", "bouncedRecipients": [{"emailAddress": SHE}]}), None),
        (ses("Complaint", complaint={"complainedRecipients": [{"emailAddress": SHE}]}), "opt_out"),
        (ses("Open"), None),
        ({"Type": "Notification", "Message": json.dumps(ses("Complaint"))}, "opt_out"),
        ({"From": f"Ann <{SHE}>", "TextBody": "", "HtmlBody": "<p>Please stop</p><p>emailing me</p>"}, "opt_out"),
        ({"From": f"Ann <{SHE}>", "HtmlBody": "<p>Thanks</p><blockquote>Reply STOP to end</blockquote>"}, None),
        ({"sender": SHE, "body-html": "<div>Stop</div><div>by my house</div>"}, None),
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


def post_raw(door: Door, body: bytes) -> Answer:
    return door.request("POST", "/email/events", body, {"Authorization": f"Bearer {TOKEN}"})


@pytest.mark.parametrize(
    "body", [b"event=bounce", b"", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 90 + b"1" + b"}" * 90, b'{"event": "bounce"']
)
def test_what_is_no_json_or_never_ends_is_refused(door: Door, body: bytes) -> None:
    assert post_raw(door, body).status == 400


@pytest.mark.parametrize(
    "poison",
    [
        b'{"event": "teleported", "at": NaN, "until": -Infinity, "size": 1e999, "id": ' + b"9" * 5_000 + b"}",
        b'{"event": "tele\\u0000ported", "email": "\\ud800", "\\ud83d": ["\\u0000"]}',
        b'{"event": "bounce", "email": "' + b"a@" * 100_000 + b'"}',
        b'{"event": "inbound", "from": "' + b"(" * 5_000 + b'", "text": "x"}',
        b'{"event": {"a": 1}, "email": [1]}',
        b'{"event": "inbound", "headers": 7, "Headers": [[], [1, 2], {}, null], "from": null}',
        b'{"Type": "Notification", "Message": "' + b"[" * 5_000 + b'"}',
        b'{"event-data": [], "mail": {"destination": [null]}, "bounce": {"bouncedRecipients": [[]]}}',
        b"null",
        b'"STOP"',
    ],
)
def test_poison_is_kept_for_a_person_and_what_comes_with_it_is_heard(
    door: Door, engine: sa.Engine, poison: bytes
) -> None:
    complaint = json.dumps({"event": "spamreport", "email": SHE}).encode()
    answer = post_raw(door, b"[" + poison + b"," + complaint + b"]")
    assert json.loads(answer.text) == {"received": 2, "processed": 1, "failed": 1, "repeated": 0}
    assert is_held(engine) == "opt_out"
    with db.reading(engine) as session:
        assert len(events.failed(session)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "\0STOP\ud800",
        "🙃" * 1_600,
        "\u202eyob\u202c \u200bhi",
        "> " * 50_000,
        "a@" * 50_000,
        "<" * 100_000,
        "x" * 200_000,
    ],
)
def test_hostile_words_become_a_conversation(door: Door, engine: sa.Engine, text: str) -> None:
    told = json.loads(post(door, {"event": "inbound", "from": SHE, "text": text, "subject": "Re: x\r\nBcc: y"}).text)
    assert told["processed"] == 1
    with db.reading(engine) as session:
        (kept,) = session.scalars(sa.select(Inbound))
        assert kept.address == SHE
        assert len(kept.body) <= 10_000


def test_an_answer_with_attachments_is_heard(door: Door, engine: sa.Engine) -> None:
    picture = {"Name": "logo.png", "Content": "A" * 3_000_000}
    post(door, {"From": SHE, "TextBody": "Unsubscribe", "Attachments": [picture]})
    assert is_held(engine) == "opt_out"


def test_what_the_database_does_not_take_stops_no_other_and_comes_again(
    door: Door, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = events.store

    def refuse(session: Session, channel: ChannelName, kind: str, key: str, *fields: Any, **more: Any) -> int | None:
        if key == "poison":
            raise ValueError
        return store(session, channel, kind, key, *fields, **more)

    monkeypatch.setattr(events, "store", refuse)
    batch = [{"event": "bounce", "email": "bob@example.org", "id": "poison"}, {"event": "spamreport", "email": SHE}]
    assert post(door, batch).status == 500
    assert is_held(engine) == "opt_out"
    monkeypatch.setattr(events, "store", store)
    assert json.loads(post(door, batch).text) == {"received": 2, "processed": 1, "failed": 0, "repeated": 1}


@pytest.mark.parametrize(
    ("text", "source"), [("Unsubscribe", "unsaved"), ("who is this stop", "likely"), ("Thanks", None)]
)
def test_an_answer_that_cannot_be_taken_in_is_heeded_all_the_same(
    door: Door, engine: sa.Engine, worker: Callable[[], None], text: str, source: str | None
) -> None:
    toxins.poison(engine, "inbound", when="NEW.provider_sid LIKE 'email%'")
    assert json.loads(post(door, {"event": "replied", "email": SHE, "text": text}).text)["failed"] == 1

    def held_from() -> str | None:
        with db.reading(engine) as session:
            found = suppression.active(session, SHE)
            return found.source if found else None

    assert held_from() == source
    toxins.cure(engine, "inbound")
    with db.transaction(engine) as session:
        (kept,) = events.failed(session)
        events.retry(session, kept.id or 0, now=utc_now())
    worker()
    assert held_from() == ("email" if source == "unsaved" else source)
    with db.reading(engine) as session:
        assert events.failed(session) == []


def test_what_could_not_be_read_is_read_anew_when_retried(door: Door, engine: sa.Engine) -> None:
    post(door, {"event": "teleported", "email": SHE})
    with db.transaction(engine) as session:
        (kept,) = events.failed(session)
        email = processors.of_channel(session, kept.channel)
        with pytest.raises(Invalid, match="teleported"):
            email.validate(kept.kind, kept.fields)
        fields = kept.fields | {"event": "spamreport"}
        email.process(session, kept.kind, fields, house=House("Us"), came_at=utc_now(), now=utc_now())
    assert is_held(engine) == "opt_out"
