"""What leaves for Twilio, and what each of its answers means, against a stand-in that speaks its wire protocol."""

import asyncio
import socket
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from time import monotonic
from typing import Any, TypeVar

import pytest

from core.channels.twilio import Lookup, Twilio
from core.clock import utc_now
from core.domain.channel import Accepted, Outcome, Outgoing, Refused, TooLate, Unknown, Unsendable
from core.settings import Settings
from tests.sandbox.twilio_servers import ACCOUNT, SENDER, TOKEN, Rig, Servers

T = TypeVar("T")
ANA = "+12125550123"


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig.up() as rig:
        yield rig


@pytest.fixture
def servers(rig: Rig) -> Iterator[Servers]:
    with rig.serve() as servers:
        yield servers


def settings(api_url: str, public_url: str = "http://127.0.0.1:8000") -> Settings:
    return Settings(
        twilio_api_url=api_url,
        public_url=public_url,
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        twilio_from_number=SENDER,
    )


def of(servers: Servers) -> Settings:
    return settings(f"{servers.url}/twilio", servers.product.url)


def text(to: str = ANA, body: str = "See you at 6 — café", **values: Any) -> Outgoing:
    return Outgoing(7, 2, SENDER, to, body, **values)


def run(work: Coroutine[object, object, T]) -> T:
    return asyncio.run(work)


def sent(config: Settings, *texts: Outgoing) -> list[Outcome]:
    async def send() -> list[Outcome]:
        channel = Twilio(config)
        try:
            return [await channel.send(each) for each in texts]
        finally:
            await channel.close()

    return run(send())


def test_an_accepted_text_has_twilios_sid(servers: Servers) -> None:
    (outcome,) = sent(of(servers), text())
    assert isinstance(outcome, Accepted)
    (row,) = servers.messages("outbound-api")
    assert (row["sid"], row["to"], row["body"]) == (outcome.sid, ANA, "See you at 6 — café")


def test_what_cannot_be_written_as_a_form_does_not_leave(servers: Servers) -> None:
    with pytest.raises(Unsendable):
        sent(of(servers), text(body="half of a \ud83d"))
    assert servers.messages("outbound-api") == []


def test_a_text_leaves_at_its_moment_or_not_at_all(servers: Servers) -> None:
    with pytest.raises(TooLate):
        sent(of(servers), text()._replace(leave_by=monotonic() - 0.1))
    leave_at = monotonic() + 0.3
    (outcome,) = sent(of(servers), text()._replace(leave_at=leave_at, leave_by=leave_at + 10))
    assert monotonic() >= leave_at
    assert isinstance(outcome, Accepted)
    assert len(servers.messages("outbound-api")) == 1


def test_the_callback_carries_our_id_and_attempt(servers: Servers) -> None:
    sent(of(servers), text())
    servers.wait_until_settled()
    assert {(post.path, post.query) for post in servers.product.posted} == {("/twilio/status", "delivery=7&attempt=2")}


@pytest.mark.parametrize(
    ("to", "code"),
    [("+12125550195", 21211), ("+12125550194", 20429)],
    ids=["invalid number", "too many requests"],
)
def test_a_refusal_keeps_twilios_code(servers: Servers, to: str, code: int) -> None:
    (outcome,) = sent(of(servers), text(to))
    assert isinstance(outcome, Refused)
    assert outcome.code == code


@pytest.mark.parametrize("to", ["+12125550193", "+12125550188"], ids=["500 after accepting", "500 before"])
def test_after_a_500_nobody_knows(servers: Servers, to: str) -> None:
    (outcome,) = sent(of(servers), text(to))
    assert isinstance(outcome, Unknown)
    assert len(servers.messages("outbound-api")) <= 1


def test_an_answer_that_never_comes_is_unknown(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.channels.twilio.ANSWER_S", 0.3)
    (outcome,) = sent(of(servers), text("+12125550192"))
    assert isinstance(outcome, Unknown)


def test_without_a_connection_it_is_known_not_to_have_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (outcome,) = sent(settings(f"http://127.0.0.1:{port}"), text())
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.http_status) == (0, None)


def test_wrong_credentials_are_refused(servers: Servers) -> None:
    config = of(servers).model_copy(update={"twilio_auth_token": "wrong"})
    (outcome,) = sent(config, text())
    assert isinstance(outcome, Refused)
    assert outcome.code == 20003


@pytest.mark.parametrize("sender", [SENDER, "MG" + "0" * 32])
def test_the_request_is_the_one_that_twilios_sdk_makes(servers: Servers, sender: str) -> None:
    outgoing = Outgoing(7, 2, sender, ANA, "Hé & ho = ö?", validity_s=600)
    (outcome,) = sent(of(servers), outgoing)
    kind = "messaging_service_sid" if sender.startswith("MG") else "from_"
    servers.client().messages.create(
        to=ANA,
        body="Hé & ho = ö?",
        status_callback=f"{servers.product.url}/twilio/status?delivery=7&attempt=2#rc=5&rp=all&rt=2500",
        validity_period=600,
        **{kind: sender},
    )
    assert isinstance(outcome, Accepted)
    ours, sdks = (exchange.request for exchange in servers.traffic.latest() if exchange.direction == "in")
    assert sorted(ours.split("&")) == sorted(sdks.split("&"))


def test_a_text_whose_answer_was_lost_is_found_again(servers: Servers) -> None:
    since, outgoing = utc_now(), text("+12125550193")
    assert isinstance(sent(of(servers), outgoing)[0], Unknown)
    trace = Lookup(of(servers)).find(outgoing, since=since)
    assert trace is not None
    assert trace.sid in {row["sid"] for row in servers.messages("outbound-api")}


def test_a_text_that_still_waits_in_twilios_queue_is_found(servers: Servers) -> None:
    servers.behave(callback_latency_ms=60_000)
    accepted = sent(of(servers), text("+12125550125"))[0]
    assert isinstance(accepted, Accepted)
    trace = Lookup(of(servers)).find(text("+12125550125"), since=utc_now())
    assert trace is not None
    assert trace.sid == accepted.sid


def test_an_older_text_with_the_same_words_is_not_mistaken_for_it(servers: Servers) -> None:
    sent(of(servers), text())
    assert Lookup(of(servers)).find(text(), since=utc_now() + timedelta(days=2)) is None


def test_a_clock_of_ours_that_was_wrong_at_the_claim_hides_no_text(servers: Servers) -> None:
    accepted = sent(of(servers), text("+12125550124"))[0]
    assert isinstance(accepted, Accepted)
    for wrong in (timedelta(hours=-5), timedelta(hours=5)):
        trace = Lookup(of(servers)).find(text("+12125550124"), since=utc_now() + wrong)
        assert trace is not None
        assert trace.sid == accepted.sid
