"""What can't be taken in stops nothing and is never lost: kept with its error, tried again, then left to people."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from functools import partial
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db
from core.clock import utc_now
from core.domain.lifecycles import DeliveryStatus
from core.errors import Invalid, Misconfigured
from core.models import ChannelName, Delivery, Inbound, Intake, Receipt, WebhookEvent
from core.usecases import events, processors, suppression
from tests import databases, factories
from tests.webhooks import toxins
from tests.webhooks.conftest import ACCOUNT, Door

_EVENTS, _POISON, _CONNECTIONS = 10_000, 100, 24


def waiting(engine: sa.Engine) -> list[WebhookEvent]:
    with db.reading(engine) as session:
        return list(events.failed(session, most=_EVENTS))


def make_due(engine: sa.Engine) -> None:
    with db.transaction(engine) as session:
        is_open = (col(WebhookEvent.done_at).is_(None), col(WebhookEvent.due_at).is_not(None))
        session.execute(sa.update(WebhookEvent).where(*is_open).values(due_at=utc_now()))


@pytest.mark.usefixtures("toxic")
def test_a_toxic_event_is_kept_and_taken_in_once_the_cause_is_mended(
    door: Door, engine: sa.Engine, worker: Callable[[], None]
) -> None:
    with db.transaction(engine) as session:
        delivery = factories.delivery(session, status=DeliveryStatus.ACCEPTED, attempt=1, provider_sid="SMtoxic1")
        delivery_id = delivery.id
    assert door.status("SMtoxic1", "delivered", delivery=delivery_id).status == 204
    assert door.text("please stop texting me", sid="SMtoxic2").status == 200
    assert {(each.kind, each.attempts) for each in waiting(engine)} == {("receipt", 1), ("text", 1)}
    assert all("toxic" in each.error for each in waiting(engine))
    make_due(engine)
    worker()
    assert {each.attempts for each in waiting(engine)} == {2}
    toxins.cure(engine)
    make_due(engine)
    worker()
    assert waiting(engine) == []
    with db.reading(engine) as session:
        assert session.get_one(Delivery, delivery_id).status is DeliveryStatus.DELIVERED
        assert suppression.active(session, "+12125550123") is not None


@pytest.mark.usefixtures("toxic")
def test_after_six_attempts_an_event_waits_for_a_person_who_may_have_it_tried_again(
    door: Door, engine: sa.Engine, worker: Callable[[], None]
) -> None:
    door.status("SMtoxic1", "sent")
    waits = []
    for _ in range(5):
        (event,) = waiting(engine)
        assert event.due_at is not None
        waits.append(event.due_at)
        make_due(engine)
        worker()
    (event,) = waiting(engine)
    assert (event.attempts, event.due_at) == (6, None)
    assert waits == sorted(waits)
    toxins.cure(engine)
    with db.transaction(engine) as session:
        assert event.id is not None
        events.retry(session, event.id, now=utc_now())
    worker()
    assert waiting(engine) == []


def test_what_is_genuine_and_unreadable_is_put_aside(door: Door, engine: sa.Engine) -> None:
    for path in ("/twilio/status", "/twilio/inbound"):
        assert door.post(path, {"AccountSid": ACCOUNT, "Body": "STOP\0", "From": "+12125550123"}).status == 400
    told = {(each.kind, each.due_at, each.fields["Body"]) for each in waiting(engine)}
    assert told == {("receipt", None, "STOP"), ("text", None, "STOP")}


def test_what_is_forged_is_not_kept(door: Door, engine: sa.Engine) -> None:
    assert door.post("/twilio/inbound", {"AccountSid": ACCOUNT}, token="guessed").status == 403
    assert waiting(engine) == []


@pytest.mark.slow
@databases.on_postgresql
@pytest.mark.usefixtures("toxic")
def test_ten_thousand_events_with_one_in_a_hundred_toxic(door: Door, engine: sa.Engine) -> None:
    """Recorded shapes: receipts of all statuses and texts, in any order, some twice; every toxic one is listed."""
    chance = random.Random(7)
    toxic = set(chance.sample(range(_EVENTS), _POISON))
    shapes = [_shape(number, number in toxic, chance) for number in range(_EVENTS)]
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        posting = pool.map(partial(_post, door), [shapes[lane::_CONNECTIONS] for lane in range(_CONNECTIONS)])
        answered = Counter(status for statuses in posting for status in statuses)
    unreadable = sum(number % 2 == 0 for number in toxic)
    assert set(answered) == {200, 204, 400}
    assert answered[400] == unreadable
    with db.reading(engine) as session:
        receipts = session.scalar(sa.select(sa.func.count()).select_from(Receipt)) or 0
        texts = session.scalar(sa.select(sa.func.count()).select_from(Inbound)) or 0
    assert receipts + texts == _EVENTS - _POISON
    assert len(waiting(engine)) == _POISON
    assert {each.due_at is None for each in waiting(engine)} == {True, False}


def _post(door: Door, shapes: Sequence[tuple[str, dict[str, str]]]) -> list[int]:
    """Post over one connection, as Twilio keeps its open; return how each was answered."""
    statuses = []
    with closing(HTTPConnection("127.0.0.1", door.port, timeout=60)) as connection:
        for path, form in shapes:
            connection.request("POST", path, urlencode(form).encode(), door.signed(path, form))
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
    return statuses


def _shape(number: int, is_toxic: bool, chance: random.Random) -> tuple[str, dict[str, str]]:
    sid = f"SM{'toxic' if is_toxic else ''}{number:027d}"
    form = {"AccountSid": ACCOUNT, "MessageSid": sid, "ApiVersion": "2010-04-01", "To": "+12125550123"}
    if is_toxic and number % 2 == 0:
        form |= {"MessageSid": f"not an id {number}"}
    if number % 10 == 1:
        return "/twilio/inbound", form | {"From": factories.phone(number), "To": "+12125550100", "Body": f"Hi {number}"}
    status = chance.choice(["queued", "sending", "sent", "delivered", "undelivered", "failed", "read", "novel"])
    return "/twilio/status", form | {"MessageStatus": status, "ErrorCode": "30005" if status == "failed" else ""}


def test_channels_are_checked_at_the_start(engine: sa.Engine) -> None:
    with db.transaction(engine) as session:
        assert processors.check(session) == {each: each.value for each in ChannelName}
        session.execute(sa.update(Intake).where(col(Intake.channel) == ChannelName.EMAIL).values(processor="pigeon"))
        with pytest.raises(Misconfigured, match="pigeon"):
            processors.check(session)
        with pytest.raises(Invalid):
            processors.of_channel(session, ChannelName.EMAIL)
        session.execute(sa.update(Intake).values(processor="sms", is_active=False))
        with pytest.raises(Misconfigured, match="no STOP"):
            processors.check(session)


def test_events_are_counted_in_the_metrics(door: Door, engine: sa.Engine) -> None:
    door.post("/twilio/inbound", {"AccountSid": ACCOUNT})
    shown = door.request("GET", "/metrics").text
    assert 'blast_events_stored{state="failed"} 1.0' in shown
    assert 'blast_events_total{channel="sms",state="failed"} 1.0' in shown


def test_an_old_outage_is_not_tried_at_once(engine: sa.Engine) -> None:
    now = utc_now()
    with db.transaction(engine) as session:
        events.keep(session, ChannelName.SMS, "receipt", "SM1", {}, error="x", now=now)
        assert not events.has_due(session, now=now + timedelta(seconds=29))
        assert len(events.take_due(session, now=now + timedelta(seconds=30))) == 1
        assert events.take_due(session, now=now + timedelta(seconds=31)) == []


def is_suppressed(engine: sa.Engine, address: str) -> bool:
    with db.reading(engine) as session:
        return suppression.active(session, address) is not None


@pytest.mark.usefixtures("toxic")
def test_a_stop_that_cannot_be_taken_in_takes_effect_all_the_same(door: Door, engine: sa.Engine) -> None:
    for number, body in enumerate(("STOP", "please stop texting me", "please cancel")):
        address = factories.phone(number)
        assert door.text(body, sid=f"SMtoxic{number:027d}", sender=address).status == 200
        assert is_suppressed(engine, address)
    assert len(waiting(engine)) == 3


@pytest.mark.usefixtures("toxic")
def test_a_start_that_is_tried_again_undoes_no_stop_that_came_since(
    door: Door, engine: sa.Engine, worker: Callable[[], None]
) -> None:
    address = factories.phone(0)
    door.text("START", sid="SMtoxic" + "0" * 27, sender=address)
    door.text("STOP", sid="SM" + "1" * 32, sender=address)
    toxins.cure(engine)
    with db.transaction(engine) as session:
        session.execute(sa.update(WebhookEvent).values(due_at=utc_now()))
    worker()
    assert waiting(engine) == []
    assert is_suppressed(engine, address)
