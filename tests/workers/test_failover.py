"""Twilio can't be reached: the real sender loop notes it, and what waits leaves through the second provider, once."""

import asyncio
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db, settings
from core.clock import utc_now
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Delivery, ProviderHealth
from core.usecases import planning
from deploy import ports
from sandbox.vonage import VonageStandIn
from tests import factories
from tests.core.channels import vonage_stage

TEXTS = 30
SENDER = factories.SENDER
SECOND = f"vonage:{vonage_stage.NUMBER}"


@pytest.fixture
def vonage(in_a_worker: pytest.MonkeyPatch, redis_url: str) -> Iterator[VonageStandIn]:
    with vonage_stage.opened() as (url, stand_in):
        given = {
            "REDIS_URL": redis_url,
            "TWILIO_API_URL": f"http://127.0.0.1:{ports.free_port()}",
            "SENDER_RATE": "500",
            "RETRY_AFTER": "0.05",
            "QUIET_HOURS": "",
            **vonage_stage.environment(url),
        }
        for name, value in given.items():
            in_a_worker.setenv(name, value)
        yield stand_in


def drain(*senders: str) -> None:
    from workers.sending import Senders

    async def all_of_them() -> None:
        doing = Senders()
        for sender in senders:
            await doing.drain(sender)
        await doing.close()

    asyncio.run(all_of_them())


def start() -> None:
    with db.transaction() as session:
        people = [factories.contact(session, number) for number in range(TEXTS)]
        blast = factories.blast(session, [factories.audience(session, contacts=people)], starts_at=utc_now())
        config, now = settings.current(), utc_now()
        given = {"sender": config.sender, "among": config.senders, "quiet": config.quiet, "max_lag": config.max_lag}
        assert planning.start(session, blast.id, now=now, **given) is BlastStatus.SENDING  # type: ignore[arg-type]


def rows() -> list[Delivery]:
    with db.reading() as session:
        return list(session.scalars(sa.select(Delivery).order_by(col(Delivery.id))))


def test_while_twilio_is_away_every_text_leaves_once_through_the_second_provider(vonage: VonageStandIn) -> None:
    from workers import timetable

    start()
    drain(SENDER)
    assert {(row.status, row.sender) for row in rows()} == {(DeliveryStatus.PENDING, SENDER)}
    with db.reading() as session:
        assert session.get_one(ProviderHealth, "twilio").down_until is not None
    timetable.fail_over(utc_now())
    assert {row.sender for row in rows()} == {SECOND}

    def all_have_left() -> bool:
        drain(SECOND)
        return all(row.status is DeliveryStatus.ACCEPTED for row in rows())

    assert ports.wait_until(all_have_left, seconds=60)
    totals = vonage.ledger.totals()
    assert (totals["accepted"], totals["doubles"]) == (TEXTS, 0)
    assert {row.provider_sid for row in rows()} == {message.uuid for message in vonage.ledger.messages}
