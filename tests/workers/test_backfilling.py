"""An admin asks for a backfill in Slack, or an operator on the command line; both go through the same history."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db, settings
from core.clock import utc_now
from core.domain.lifecycles import DeliveryStatus
from core.models import OutboxEvent, Suppression
from tests import factories
from tests.sandbox.twilio_servers import SENDER, Servers
from tests.workers import twilio_stage
from workers import backfilling


@pytest.fixture
def twilio(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    with twilio_stage.opened(database_url, monkeypatch) as servers:
        yield servers


def told() -> list[str]:
    with db.reading() as session:
        return [str(row.payload["text"]) for row in session.scalars(sa.select(OutboxEvent)) if row.name == "staff.told"]


def held() -> dict[str, str]:
    with db.reading() as session:
        rows = session.scalars(sa.select(Suppression).where(col(Suppression.lifted_at).is_(None)))
        return {row.address: row.cause.value for row in rows}


def send(servers: Servers, to: str) -> str:
    return str(servers.client().messages.create(to=to, from_=SENDER, body="Hello").sid)


def test_twilios_list_is_gone_through(twilio: Servers) -> None:
    for to in ("+12125550197", "+12125550123"):
        send(twilio, to)
    twilio.wait_until_settled()
    twilio.post("/ui/phones/text", **{"from": "+12125550124", "body": "please stop texting me"})
    backfilling.go_through_history.fn("U0ADMIN", 3)
    if not told():
        backfilling.go_through_history.fn("U0ADMIN", 3)
    assert held() == {"+12125550197": "hard_failure", "+12125550124": "opt_out"}
    assert "1 people unsubscribed and 1 numbers suppressed" in told()[-1]


def test_a_failure_of_ours_without_a_code_is_looked_up(twilio: Servers) -> None:
    sid = send(twilio, "+12125550197")
    twilio.wait_until_settled()
    with db.transaction() as session:
        values: dict[str, Any] = {"status": DeliveryStatus.UNDELIVERED, "provider_sid": sid, "ended_at": utc_now()}
        factories.delivery(session, address="+12125550197", attempt=1, **values)
    backfilling.go_through_history.fn("U0ADMIN", 0)
    assert held() == {"+12125550197": "hard_failure"}
    assert "1 calls to Twilio (1 for details)" in told()[-1]


def test_while_twilio_does_not_answer_the_asker_is_told(twilio: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.channels.twilio.ANSWER_S", 1)
    twilio_stage.point_nowhere(monkeypatch)
    backfilling.go_through_history.fn("U0ADMIN", 3)
    assert "Twilio did not answer" in told()[-1]


def test_numbers_of_the_account_that_are_not_ours_are_none_of_our_business(
    twilio: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(twilio, "+12125550197")
    twilio.wait_until_settled()
    twilio.post("/ui/phones/text", **{"from": "+12125550124", "body": "please stop texting me"})
    monkeypatch.setenv("TWILIO_FROM_NUMBER", "+12125550142")
    settings.current.cache_clear()
    backfilling.go_through_history.fn("U0ADMIN", 3)
    assert held() == {}
