"""Status callbacks: signed, in order or not, doubled, lost, and tried again as the address asks."""

from collections.abc import Iterator

import pytest
import requests

from sandbox.settings import SandboxSettings
from tests.sandbox.twilio_servers import ACCOUNT, SENDER, TOKEN, Rig, Servers, wait_until

ANA = "+12125550123"
PUBLIC = "https://blast.example.org"


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig.up() as rig:
        yield rig


@pytest.fixture
def servers(rig: Rig) -> Iterator[Servers]:
    with rig.serve() as servers:
        yield servers


def send(servers: Servers, to: str = ANA, *, path: str = "/twilio/status?delivery=1&attempt=2", **fields: str) -> str:
    callback = path if path.startswith("http") else servers.product.url + path
    form = {"To": to, "From": SENDER, "Body": "Hello", "StatusCallback": callback, **fields}
    url = f"{servers.url}/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    answer = requests.post(url, data=form, auth=(ACCOUNT, TOKEN), timeout=60).json()
    return str(answer.get("sid"))


def test_a_text_is_reported_sent_and_delivered(servers: Servers) -> None:
    sid = send(servers)
    wait_until(lambda: servers.product.statuses() == ["sent", "delivered"])
    first, last = servers.product.posted
    assert first.form == {
        "AccountSid": ACCOUNT,
        "ApiVersion": "2010-04-01",
        "From": SENDER,
        "MessageSid": sid,
        "MessageStatus": "sent",
        "SmsSid": sid,
        "SmsStatus": "sent",
        "To": ANA,
    }
    assert len(last.form["RawDlrDoneDate"]) == 10
    assert first.query == "delivery=1&attempt=2"
    assert first.is_signed(servers.product.url)
    assert last.is_signed(servers.product.url)


def test_a_service_reports_that_a_text_is_queued(servers: Servers) -> None:
    service = "MG" + "a" * 32
    send(servers, From="", MessagingServiceSid=service)
    wait_until(lambda: servers.product.statuses() == ["queued", "sent", "delivered"])
    assert {one.form["MessagingServiceSid"] for one in servers.product.posted} == {service}


@pytest.mark.parametrize(
    ("number", "code"),
    [("+12125550199", "30003"), ("+12125550198", "30005"), ("+12125550197", "30006"), ("+12125550196", "30007")],
)
def test_a_failure_is_reported_with_its_code(servers: Servers, number: str, code: str) -> None:
    send(servers, number)
    wait_until(lambda: servers.product.statuses() == ["sent", "undelivered"])
    assert servers.product.posted[1].form["ErrorCode"] == code


def test_a_text_that_waits_too_long_fails(servers: Servers) -> None:
    servers.behave(callback_latency_ms=1_200)
    send(servers, ValidityPeriod="1")
    wait_until(lambda: servers.product.statuses() == ["failed"])
    assert servers.product.posted[0].form["ErrorCode"] == "30036"


def test_a_backwards_number_is_delivered_before_it_is_sent(servers: Servers) -> None:
    sid = send(servers, "+12125550189")
    wait_until(lambda: servers.product.statuses() == ["delivered", "sent"])
    assert servers.client().messages(sid).fetch().status == "delivered"


def test_shuffled_callbacks_all_come_and_some_out_of_order(servers: Servers) -> None:
    servers.behave(shuffle=True, callback_latency_ms=20)
    for number in range(30):
        send(servers, path=f"/twilio/status?n={number}")
    totals = servers.wait_until_settled()
    by_text = [
        [one.form["MessageStatus"] for one in servers.product.posted if one.query == f"n={n}"] for n in range(30)
    ]
    assert {frozenset(statuses) for statuses in by_text} == {frozenset({"sent", "delivered"})}
    assert ["delivered", "sent"] in by_text
    assert totals["by_status"] == {"delivered": 30}


def test_every_callback_can_come_twice(servers: Servers) -> None:
    servers.behave(duplicate=1.0)
    send(servers)
    servers.wait_until_settled()
    assert sorted(servers.product.statuses()) == ["delivered", "delivered", "sent", "sent"]


def test_callbacks_can_get_lost(servers: Servers) -> None:
    servers.behave(lose=1.0)
    sid = send(servers)
    totals = servers.wait_until_settled()
    assert servers.product.posted == []
    assert totals["callbacks"]["lost"] == 2
    assert servers.client().messages(sid).fetch().status == "delivered"


def test_callbacks_come_though_the_api_answered_500_or_nothing(servers: Servers) -> None:
    send(servers, "+12125550193")
    wait_until(lambda: servers.product.statuses() == ["sent", "delivered"])


def test_the_fragment_is_neither_signed_nor_sent(servers: Servers) -> None:
    send(servers, path="/twilio/status?delivery=1#rc=5&rp=all")
    wait_until(lambda: len(servers.product.posted) == 2)
    assert servers.product.posted[0].query == "delivery=1"
    assert servers.product.posted[0].is_signed(servers.product.url)


def test_a_failing_webhook_is_tried_again_only_if_its_address_asks(servers: Servers) -> None:
    servers.product.answers = [(503, "", "")]
    send(servers, path="/twilio/status")
    assert servers.wait_until_settled()["callbacks"] == {"sent": 2, "ok": 1, "failed": 1, "lost": 0, "pending": 0}
    assert servers.product.statuses() == ["sent", "delivered"]
    servers.product.posted.clear()
    servers.product.answers = [(503, "", ""), (503, "", "")]
    send(servers, path="/twilio/status#rc=2&rp=5xx")
    assert servers.wait_until_settled()["callbacks"]["failed"] == 1
    tries = [one.headers["i-twilio-idempotency-token"] for one in servers.product.posted]
    assert (len(tries), len(set(tries))) == (4, 2)


def test_a_webhook_that_is_down_is_tried_twice_and_counted(servers: Servers) -> None:
    send(servers, path="http://127.0.0.1:9/twilio/status")
    assert servers.wait_until_settled()["callbacks"]["failed"] == 2
    outgoing = [one for one in servers.traffic.latest() if one.direction == "out"]
    assert [one.status for one in outgoing] == [0, 0, 0, 0]


def test_nothing_is_posted_beyond_this_machine(servers: Servers) -> None:
    send(servers, path="https://example.org/twilio/status")
    assert servers.wait_until_settled()["callbacks"]["failed"] == 2
    assert servers.get("/ui/ledger")["accepted"] == 1


def test_a_public_address_is_signed_as_such_and_posted_here(rig: Rig) -> None:
    with rig.serve(SandboxSettings(public_url=PUBLIC)) as servers:
        send(servers, path=f"{PUBLIC}/twilio/status?delivery=7")
        wait_until(lambda: servers.product.statuses() == ["sent", "delivered"])
        assert servers.product.posted[0].is_signed(PUBLIC)
        assert not servers.product.posted[0].is_signed(servers.product.url)


def test_signatures_can_be_made_with_sha_256(servers: Servers) -> None:
    servers.behave(signature="HMAC_SHA256")
    send(servers)
    wait_until(lambda: len(servers.product.posted) == 2)
    posted = servers.product.posted[0]
    assert posted.headers["x-twilio-webhooks-signature-settings"].endswith("algorithm=HMAC_SHA256")
    assert posted.is_signed(servers.product.url, algorithm="HMAC_SHA256")
    assert not posted.is_signed(servers.product.url)


def test_without_callbacks_texts_still_arrive(servers: Servers) -> None:
    servers.behave(callbacks=False)
    send(servers)
    assert servers.wait_until_settled()["by_status"] == {"delivered": 1}
    assert servers.product.posted == []
