"""Texts through Vonage, against its stand-in over HTTP: what each answer means, and what can be looked up."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from urllib.error import URLError

import pytest

from core.channels.vonage import Lookup, Vonage
from core.domain.channel import Accepted, Outcome, Outgoing, Refused, TooLate, Unknown, Unsendable
from core.settings import Settings, load
from deploy import ports
from sandbox.settings import VONAGE_CREDENTIALS
from sandbox.vonage import VonageStandIn
from tests.core.channels import vonage_stage

SENDER = f"vonage:{vonage_stage.NUMBER}"


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, VonageStandIn]]:
    with vonage_stage.opened() as opened:
        yield opened


@pytest.fixture
def config(site: tuple[str, VonageStandIn]) -> Settings:
    return at(site[0])


def at(url: str, **more: str) -> Settings:
    given = {name.lower(): value for name, value in (VONAGE_CREDENTIALS | more).items()}
    return load(public_url="http://127.0.0.1:9", vonage_senders=vonage_stage.NUMBER, vonage_api_url=url, **given)


def text(phone: str = "+12125550123", delivery_id: int = 7) -> Outgoing:
    return Outgoing(delivery_id, 2, SENDER, phone, "Meeting at 6 — ¿vienes?", 1, 5)


def send(config: Settings, outgoing: Outgoing) -> Outcome:
    async def once() -> Outcome:
        channel = Vonage(config)
        try:
            return await channel.send(outgoing)
        finally:
            await channel.close()

    return asyncio.run(once())


def test_a_text_is_taken_with_our_reference_and_no_plus_signs(
    config: Settings, site: tuple[str, VonageStandIn]
) -> None:
    outcome = send(config, text())
    taken = site[1].ledger.messages[-1]
    assert outcome == Accepted(taken.uuid)
    assert (taken.to, taken.sender, taken.client_ref) == ("12125550123", "12125550150", "7.2")
    assert (taken.text, taken.webhook_url) == ("Meeting at 6 — ¿vienes?", "http://127.0.0.1:9/vonage/status")


@pytest.mark.parametrize(
    ("last_digits", "code", "status"),
    [("0195", 21211, 422), ("0194", 20429, 429)],
)
def test_a_refusal_is_told_by_the_code_that_says_the_same(
    config: Settings, last_digits: str, code: int, status: int
) -> None:
    outcome = send(config, text(f"+1212555{last_digits}"))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.http_status) == (code, status)


def test_wrong_credentials_are_our_set_up(site: tuple[str, VonageStandIn]) -> None:
    outcome = send(at(site[0], VONAGE_API_SECRET="another"), text())
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.http_status) == (20003, 401)


def test_what_cannot_be_written_as_json_does_not_leave(config: Settings, site: tuple[str, VonageStandIn]) -> None:
    before = len(site[1].ledger.messages)
    with pytest.raises(Unsendable):
        send(config, text()._replace(body="half of a \ud83d"))
    assert len(site[1].ledger.messages) == before


def test_a_text_leaves_at_its_moment_or_not_at_all(config: Settings, site: tuple[str, VonageStandIn]) -> None:
    before = len(site[1].ledger.messages)
    with pytest.raises(TooLate):
        send(config, text()._replace(leave_by=monotonic() - 0.1))
    leave_at = monotonic() + 0.3
    assert isinstance(send(config, text()._replace(leave_at=leave_at, leave_by=leave_at + 10)), Accepted)
    assert monotonic() >= leave_at
    assert len(site[1].ledger.messages) == before + 1


def test_no_connection_is_known_not_to_have_left() -> None:
    assert isinstance(send(at(f"http://127.0.0.1:{ports.free_port()}"), text()), Refused)


def test_an_answer_of_something_else_is_unknown(site: tuple[str, VonageStandIn]) -> None:
    assert isinstance(send(at(site[0].removesuffix("/vonage") + "/nowhere"), text()), Refused | Unknown)


def test_a_lost_one_is_found_by_its_reference_alone(config: Settings) -> None:
    now = datetime.now(UTC)
    sent = send(config, text("+12125550124", delivery_id=8))
    assert isinstance(sent, Accepted)
    found = Lookup(config).find(text("+12125550124", delivery_id=8), since=now)
    assert found is not None
    assert found.sid == sent.sid
    assert Lookup(config).find(text("+12125550124", delivery_id=9), since=now) is None
    assert Lookup(config).find(text("+12125550124", delivery_id=8), since=now + timedelta(days=2)) is None


def test_a_look_up_that_gets_no_answer_says_so() -> None:
    with pytest.raises(URLError):
        Lookup(at(f"http://127.0.0.1:{ports.free_port()}")).find(text(), since=datetime.now(UTC))
