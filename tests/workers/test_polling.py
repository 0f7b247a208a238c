"""What callbacks and webhooks have not told is asked for at the provider: seldom, bounded, and never done twice."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db, settings
from core.clock import utc_now
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Delivery, DeliveryKind, Inbound
from core.usecases import events, inbound, polling, suppression
from core.usecases.inbound import Text
from deploy import ports
from sandbox.vonage.ledger import Message
from tests import factories
from tests.core.channels import vonage_stage
from tests.sandbox.twilio_servers import SENDER, Servers
from tests.webhooks import toxins
from tests.workers import twilio_stage
from workers import polling as asking

SHE, OTHER = "+12125550123", "+12125550124"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def twilio(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    with twilio_stage.opened(database_url, monkeypatch) as servers:
        yield servers


def sent_long_ago(servers: Servers, *, hours: float, number: int = 23, in_blast: bool = False) -> int:
    """Send a text whose callbacks are all lost, and remember it as accepted."""
    servers.behave(lose=1)
    sid = servers.client().messages.create(to=factories.phone(number), from_=SENDER, body="Hello").sid
    servers.wait_until_settled()
    at = utc_now() - hours * HOUR
    with db.transaction() as session:
        blast = (
            factories.blast(session, status=BlastStatus.FINISHED, started_at=at, finished_at=at) if in_blast else None
        )
        values = {"status": DeliveryStatus.ACCEPTED, "provider_sid": sid, "accepted_at": at, "claimed_at": at}
        made = factories.delivery(
            session, number, blast_id=blast.id if blast else None, attempt=1, not_before=at, **values
        )
        assert made.id is not None
        return made.id


def status(delivery_id: int) -> DeliveryStatus:
    with db.reading() as session:
        return session.get_one(Delivery, delivery_id).status


@pytest.mark.parametrize("in_blast", [True, False])
def test_a_message_open_for_an_hour_is_asked_for(twilio: Servers, in_blast: bool) -> None:
    delivery_id = sent_long_ago(twilio, hours=1.1, in_blast=in_blast)
    asking.poll_receipts.fn()
    assert status(delivery_id) is DeliveryStatus.DELIVERED


def test_it_is_asked_for_once_an_hour_and_for_a_day_at_most(twilio: Servers) -> None:
    sent_long_ago(twilio, hours=0.9, number=1)
    sent_long_ago(twilio, hours=25, number=2)
    sent_long_ago(twilio, hours=2, number=3)
    now = utc_now()
    with db.transaction() as session:
        assert polling.has_open(session, every=HOUR, now=now)
        assert len(polling.take_open(session, every=HOUR, now=now)) == 1
        assert not polling.has_open(session, every=HOUR, now=now)
        assert len(polling.take_open(session, every=HOUR, now=now + 61 * MINUTE)) == 2


def test_a_message_that_the_provider_has_forgotten_stays_as_it_is(twilio: Servers) -> None:
    delivery_id = sent_long_ago(twilio, hours=2)
    with db.transaction() as session:
        session.execute(sa.update(Delivery).values(provider_sid="SM" + "f" * 32))
    asking.poll_receipts.fn()
    assert status(delivery_id) is DeliveryStatus.ACCEPTED


def test_a_text_of_the_second_provider_is_asked_for_at_that_one(
    twilio: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = utc_now() - 2 * HOUR
    with vonage_stage.opened() as (url, stand_in):
        for name, value in vonage_stage.environment(url).items():
            monkeypatch.setenv(name, value)
        settings.current.cache_clear()
        others, mine = (
            Message(factories.phone(number).removeprefix("+"), "12125550150", "Hello", "7.1", "") for number in (5, 5)
        )
        mine.status = "rejected"
        stand_in.ledger.messages += [others, mine]
        values: dict[str, Any] = {
            "status": DeliveryStatus.ACCEPTED,
            "accepted_at": at,
            "not_before": at,
            "attempt": 1,
        }
        with db.transaction() as session:
            made = factories.delivery(
                session, 5, sender=f"vonage:{vonage_stage.NUMBER}", provider_sid=mine.uuid, **values
            )
        delivery_id = sent_long_ago(twilio, hours=2)
        asking.poll_receipts.fn()
    assert made.id is not None
    assert status(made.id) is DeliveryStatus.FAILED
    assert status(delivery_id) is DeliveryStatus.DELIVERED


def test_a_provider_that_does_not_answer_keeps_no_other_from_being_asked(
    twilio: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in vonage_stage.environment(f"http://127.0.0.1:{ports.free_port()}").items():
        monkeypatch.setenv(name, value)
    settings.current.cache_clear()
    at = utc_now() - 2 * HOUR
    with db.transaction() as session:
        values: dict[str, Any] = {
            "status": DeliveryStatus.ACCEPTED,
            "accepted_at": at,
            "not_before": at,
            "attempt": 1,
        }
        factories.delivery(session, 5, sender=f"vonage:{vonage_stage.NUMBER}", provider_sid="u-u-i-d", **values)
    delivery_id = sent_long_ago(twilio, hours=2)
    asking.poll_receipts.fn()
    assert status(delivery_id) is DeliveryStatus.DELIVERED


def test_texts_that_never_came_are_taken_in_once(twilio: Servers) -> None:
    twilio.product.answers += [(500, "", "")] * 2
    for body in ("Who is this?", "please stop texting me"):
        twilio.post("/ui/phones/text", **{"from": SHE, "body": body})
    asking.fill_gaps.fn()
    asking.fill_gaps.fn()
    with db.reading() as session:
        assert session.scalars(sa.select(col(Inbound.body)).order_by(col(Inbound.id))).all() == [
            "Who is this?",
            "please stop texting me",
        ]
        assert suppression.active(session, SHE) is not None
        answers = session.scalars(sa.select(Delivery).where(col(Delivery.kind) == DeliveryKind.ANSWER)).all()
        assert [answer.address for answer in answers] == [SHE]


def test_a_text_that_can_not_be_taken_in_keeps_no_other_from_it(twilio: Servers) -> None:
    sids = [
        twilio.post("/ui/phones/text", **{"from": phone, "body": "please stop texting me"})["sid"]
        for phone in (SHE, OTHER)
    ]
    toxins.poison(db.engine(), "inbound", when=f"NEW.provider_sid = '{sids[0]}'")
    asking.fill_gaps.fn()
    with db.reading() as session:
        assert session.scalars(sa.select(col(Inbound.address))).all() == [OTHER]
        assert all(suppression.active(session, address) for address in (SHE, OTHER))
        (event,) = events.failed(session)
        assert event.key == sids[0]


def test_what_did_come_is_not_taken_twice(twilio: Servers) -> None:
    sid = twilio.post("/ui/phones/text", **{"from": SHE, "body": "Who is this?"})["sid"]
    with db.transaction() as session:
        inbound.take(session, Text(sid, SHE, SENDER, "Who is this?"), organization="Us", now=utc_now())
    asking.fill_gaps.fn()
    with db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Inbound)) == 1


def test_a_late_stop_does_not_undo_the_start_that_came_after_it(twilio: Servers) -> None:
    twilio.post("/ui/phones/text", **{"from": SHE, "body": "please stop texting me"})
    with db.transaction() as session:
        later = utc_now() + MINUTE
        inbound.take(session, Text("SM" + "1" * 32, SHE, SENDER, "START"), organization="Us", now=later)
    asking.fill_gaps.fn()
    with db.reading() as session:
        assert suppression.active(session, SHE) is None
        assert session.scalar(sa.select(sa.func.count()).select_from(Inbound)) == 2


def test_pictures_come_along(twilio: Servers) -> None:
    picture = "data:image/png;base64,iVBORw0KGgo="
    twilio.post("/ui/phones/text", **{"from": SHE, "body": "Look", "media": [picture]})
    asking.fill_gaps.fn()
    with db.reading() as session:
        found = session.scalars(sa.select(Inbound)).one()
    (part,) = found.media
    assert (found.body, part["type"]) == ("Look", "image/png")
    assert part["url"] == twilio.product.posted[0].form["MediaUrl0"]


def test_gaps_are_looked_for_at_their_time_and_further_back_after_an_outage(twilio: Servers) -> None:
    now = utc_now()
    with db.transaction() as session:
        assert polling.gap_since(session, every=10 * MINUTE, now=now) == now - 24 * HOUR
        polling.filled(session, until=now)
    with db.transaction() as session:
        assert polling.gap_since(session, every=10 * MINUTE, now=now + 9 * MINUTE) is None
        assert polling.gap_since(session, every=10 * MINUTE, now=now + 5 * HOUR) == now - 15 * MINUTE
