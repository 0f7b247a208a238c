"""Twilio's own SDK against the stand-in: it can't tell the difference."""

import asyncio
import base64
import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from sandbox.twilio.account import API_KEY_SECRET, API_KEY_SID
from tests.sandbox.twilio_servers import (
    ACCOUNT,
    SENDER,
    TOKEN,
    AsyncTwilioHttpClient,
    Client,
    Rig,
    Servers,
    TwilioRestException,
    wait_until,
)

ANA = "+12125550123"
BEN = "+12125550124"
SERVICE = "MG" + "0" * 32


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig.up() as rig:
        yield rig


@pytest.fixture
def servers(rig: Rig) -> Iterator[Servers]:
    with rig.serve() as servers:
        yield servers


def test_a_message_comes_back_as_twilio_writes_it(servers: Servers) -> None:
    message = servers.client().messages.create(to=ANA, from_=SENDER, body="Hello €" * 30)
    assert re.fullmatch(r"SM[0-9a-f]{32}", str(message.sid))
    assert (message.status, message.direction, message.num_segments) == ("queued", "outbound-api", "2")
    assert (message.to, message.from_, message.account_sid) == (ANA, SENDER, ACCOUNT)
    assert message.date_created is not None
    assert (message.date_sent, message.price, message.price_unit, message.error_code) == (None, None, "USD", None)
    assert message.messaging_service_sid is None
    assert message.uri == f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{message.sid}.json"


@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")  # the SDK's own, as the next
@pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning")
def test_the_async_client_sends_and_lists(servers: Servers) -> None:
    async def send() -> list[str | None]:
        async with AsyncTwilioHttpClient() as http:
            client = Client(ACCOUNT, TOKEN, http_client=http)
            client.api.base_url = f"{servers.url}/twilio"
            await asyncio.gather(
                *(client.messages.create_async(to=ANA, from_=SENDER, body=f"Text {n}") for n in range(20))
            )
            return [message.body for message in await client.messages.list_async(to=ANA, page_size=7)]

    assert sorted(map(str, asyncio.run(send()))) == sorted(f"Text {n}" for n in range(20))


def test_an_api_key_opens_the_account_too(servers: Servers) -> None:
    client = servers.client(API_KEY_SID, API_KEY_SECRET)
    assert client.messages.create(to=ANA, from_=SENDER, body="Hello").sid


def test_wrong_credentials_are_refused(servers: Servers) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        servers.client(password="wrong").messages.create(to=ANA, from_=SENDER, body="Hello")
    assert (refusal.value.status, refusal.value.code) == (401, 20003)
    anonymous = requests.get(f"{servers.url}/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json", timeout=60)
    assert anonymous.headers["WWW-Authenticate"] == 'Basic realm="Twilio API"'


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"From": SENDER, "Body": "x"}, 400, 21604),
        ({"To": ANA, "Body": "x"}, 400, 21603),
        ({"To": ANA, "From": SENDER}, 400, 21602),
        ({"To": ANA, "From": SENDER, "Body": "x" * 1_601}, 400, 21617),
        ({"To": "2125550123", "From": SENDER, "Body": "x"}, 400, 21211),
        ({"To": "+12125550195", "From": SENDER, "Body": "x"}, 400, 21211),
        ({"To": ANA, "From": "Union", "Body": "x"}, 400, 21212),
        ({"To": ANA, "From": "+12125550101", "Body": "x"}, 400, 21606),
        ({"To": SENDER, "From": SENDER, "Body": "x"}, 400, 21266),
        ({"To": ANA, "MessagingServiceSid": "MG1", "Body": "x"}, 404, 21701),
        ({"To": ANA, "From": SENDER, "Body": "x", "ValidityPeriod": "0"}, 400, 21624),
        ({"To": ANA, "From": SENDER, "Body": "x", "ValidityPeriod": "36001"}, 400, 21624),
        ({"To": ANA, "From": SENDER, "Body": "x", "StatusCallback": "http://my_host/x"}, 400, 21609),
        ({"To": ANA, "From": SENDER, "Body": "x", "StatusCallback": "/status"}, 400, 21609),
        ({"To": ANA, "From": SENDER, "Body": "x", "ScheduleType": "fixed"}, 400, 35118),
    ],
)
def test_a_bad_form_is_refused_with_twilios_code(
    servers: Servers, fields: dict[str, str], status: int, code: int
) -> None:
    url = f"{servers.url}/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    answer = requests.post(url, data=fields, auth=(ACCOUNT, TOKEN), timeout=60)
    assert answer.status_code == status
    assert answer.json().keys() == {"code", "message", "more_info", "status"}
    assert (answer.json()["code"], answer.json()["status"]) == (code, status)
    assert servers.get("/ui/ledger")["accepted"] == 0


def test_what_does_not_exist_is_not_found(servers: Servers) -> None:
    for look in (servers.client().messages("SM" + "0" * 32).fetch, servers.client().messages("SMx").fetch):
        with pytest.raises(TwilioRestException) as refusal:
            look()
        assert (refusal.value.status, refusal.value.code) == (404, 20404)


def test_a_message_can_be_fetched_until_it_is_delivered(servers: Servers) -> None:
    client = servers.client()
    sid = str(client.messages.create(to=ANA, from_=SENDER, body="Hello").sid)
    wait_until(lambda: client.messages(sid).fetch().status == "delivered")
    assert client.messages(sid).fetch().date_sent is not None


def test_an_undelivered_message_tells_why(servers: Servers) -> None:
    client = servers.client()
    sids = [str(client.messages.create(to=f"+121255501{n}", from_=SENDER, body="x").sid) for n in range(96, 100)]
    servers.wait_until_settled()
    found = [client.messages(sid).fetch() for sid in sids]
    assert [(one.status, one.error_code) for one in found] == [
        ("undelivered", code) for code in (30007, 30006, 30005, 30003)
    ]
    assert found[0].error_message == "Message filtered"


def test_a_list_is_paged_newest_first(servers: Servers) -> None:
    client = servers.client()
    sids = [client.messages.create(to=ANA, from_=SENDER, body=f"Text {n}").sid for n in range(7)]
    assert [message.sid for message in client.messages.list(page_size=3)] == sids[::-1]
    second = client.messages.page(page_size=3).next_page()
    assert second is not None
    assert [message.sid for message in second] == sids[3:0:-1]
    first = second.previous_page()
    assert first is not None
    assert [message.sid for message in first] == sids[6:3:-1]
    assert client.messages.list(limit=2)[0].sid == sids[6]


def test_a_list_is_filtered_by_both_ends(servers: Servers) -> None:
    servers.behave(senders=["+12125550101"])
    client = servers.client()
    client.messages.create(to=ANA, from_=SENDER, body="one")
    client.messages.create(to=BEN, from_="+12125550101", body="two")
    servers.post("/ui/phones/text", **{"from": ANA, "body": "Hi"})
    assert [message.body for message in client.messages.list(to=ANA)] == ["one"]
    assert [message.body for message in client.messages.list(from_="+12125550101")] == ["two"]
    assert [message.body for message in client.messages.list(from_=ANA)] == ["Hi"]
    assert [message.direction for message in client.messages.list(to=SENDER)] == ["inbound"]
    assert client.messages.list(to=ANA, from_="+12125550101") == []


def test_dates_filter_by_the_day_and_include_it(servers: Servers) -> None:
    client = servers.client()
    client.messages.create(to=ANA, from_=SENDER, body="x")
    servers.wait_until_settled()
    now, day = datetime.now(UTC), timedelta(days=1)
    late_today = now.replace(hour=23, minute=59, second=59)
    assert len(client.messages.list(date_sent_after=late_today)) == 1
    assert len(client.messages.list(date_sent_before=now.replace(hour=0, minute=0))) == 1
    assert len(client.messages.list(date_sent=now)) == 1
    assert client.messages.list(date_sent_after=now + day) == []
    assert client.messages.list(date_sent_before=now - day) == []


def test_what_waits_to_be_sent_is_listed_but_under_no_date(servers: Servers) -> None:
    client = servers.client()
    servers.behave(callback_latency_ms=60_000)
    client.messages.create(to=ANA, from_=SENDER, body="x")
    assert len(client.messages.list(to=ANA)) == 1
    assert client.messages.list(to=ANA, date_sent_after=datetime.now(UTC) - timedelta(days=1)) == []


@pytest.mark.parametrize("query", ["PageSize=x", "PageSize=" + "9" * 5_000, "PageToken=PA0", "DateSent=yesterday"])
def test_a_list_that_cannot_be_made_is_refused(servers: Servers, query: str) -> None:
    url = f"{servers.url}/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json?{query}"
    assert requests.get(url, auth=(ACCOUNT, TOKEN), timeout=60).json()["code"] == 20422


def test_a_service_has_not_chosen_its_sender_yet(servers: Servers) -> None:
    client = servers.client()
    message = client.messages.create(to=ANA, messaging_service_sid=SERVICE, body="Hello")
    assert (message.status, message.from_, message.num_segments) == ("accepted", None, "0")
    servers.wait_until_settled()
    later = client.messages(str(message.sid)).fetch()
    assert (later.status, later.from_, later.num_segments) == ("delivered", SENDER, "1")


def test_pictures_make_a_multimedia_message(servers: Servers) -> None:
    message = servers.client().messages.create(to=ANA, from_=SENDER, media_url=["https://example.org/a.png"])
    assert str(message.sid).startswith("MM")
    assert message.num_media == "1"


def test_a_scheduled_message_can_be_canceled_once(servers: Servers) -> None:
    client = servers.client()
    message = client.messages.create(
        to=ANA,
        messaging_service_sid=SERVICE,
        body="Later",
        schedule_type="fixed",
        send_at=datetime.now(UTC) + timedelta(hours=1),
        status_callback=f"{servers.product.url}/twilio/status",
    )
    assert message.status == "scheduled"
    assert message.update(status="canceled").status == "canceled"
    wait_until(lambda: servers.product.statuses() == ["canceled"])
    with pytest.raises(TwilioRestException):
        message.update(status="canceled")


def test_a_busy_number_is_refused_twice_and_then_accepted(servers: Servers) -> None:
    client = servers.client()
    for _ in range(2):
        with pytest.raises(TwilioRestException) as refusal:
            client.messages.create(to="+12125550194", from_=SENDER, body="Hello")
        assert (refusal.value.status, refusal.value.code) == (429, 20429)
    assert client.messages.create(to="+12125550194", from_=SENDER, body="Hello").sid


@pytest.mark.parametrize(("number", "accepted"), [("+12125550193", 1), ("+12125550188", 0)])
def test_a_500_tells_nothing_about_what_was_sent(servers: Servers, number: str, accepted: int) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        servers.client().messages.create(to=number, from_=SENDER, body="Hello")
    assert refusal.value.status == 500
    assert servers.get("/ui/ledger")["accepted"] == accepted


def test_a_silent_number_is_accepted_and_never_answered(servers: Servers) -> None:
    url = f"{servers.url}/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    fields = {"To": "+12125550192", "From": SENDER, "Body": "Hello"}
    with pytest.raises(requests.ReadTimeout):
        requests.post(url, data=fields, auth=(ACCOUNT, TOKEN), timeout=0.3)
    assert servers.get("/ui/ledger")["accepted"] == 1


@pytest.mark.parametrize(
    ("knob", "error", "accepted"),
    [
        ("silent", requests.ReadTimeout, 1),
        ("cut_after", (requests.ConnectionError, requests.exceptions.ChunkedEncodingError), 1),
        ("cut_before", (requests.ConnectionError, requests.exceptions.ChunkedEncodingError), 0),
    ],
)
def test_a_call_may_go_without_its_answer(
    servers: Servers, knob: str, error: type[Exception] | tuple[type[Exception], ...], accepted: int
) -> None:
    servers.behave(**{knob: 1.0})
    url = f"{servers.url}/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    fields = {"To": ANA, "From": SENDER, "Body": "Hello"}
    with pytest.raises(error):
        requests.post(url, data=fields, auth=(ACCOUNT, TOKEN), timeout=0.3)
    assert servers.get("/ui/ledger")["accepted"] == accepted


def test_a_client_that_leaves_half_way_has_sent_nothing(servers: Servers) -> None:
    host, port = servers.url.removeprefix("http://").split(":")
    credentials = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    head = (
        f"POST /twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: Basic {credentials}\r\nContent-Length: 100\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + b"To=%2B12125550123&From=%2B12125550100&Body=Hel")
    servers.client().messages.create(to=BEN, from_=SENDER, body="Hello")
    assert [row["to"] for row in servers.messages()] == [BEN]


@pytest.mark.alone
def test_answers_wait_for_the_latency_without_blocking_each_other(servers: Servers) -> None:
    servers.behave(latency_ms=300)
    started = time.monotonic()

    async def send() -> None:
        await asyncio.gather(*(asyncio.to_thread(_send, servers) for _ in range(8)))

    asyncio.run(send())
    assert 0.3 <= time.monotonic() - started < 8 * 0.3


def _send(servers: Servers) -> None:
    servers.client().messages.create(to=ANA, from_=SENDER, body="Hello")


def test_too_many_requests_at_once_are_refused(servers: Servers) -> None:
    servers.behave(latency_ms=200, max_concurrent_requests=2)

    async def send() -> list[object]:
        calls = (asyncio.to_thread(_send, servers) for _ in range(6))
        return await asyncio.gather(*calls, return_exceptions=True)

    refused = [one for one in asyncio.run(send()) if isinstance(one, TwilioRestException)]
    assert refused
    assert {one.code for one in refused} == {20429}


def test_the_account_and_its_numbers_can_be_looked_up(servers: Servers) -> None:
    client = servers.client()
    assert client.api.accounts(ACCOUNT).fetch().status == "active"
    numbers = client.incoming_phone_numbers.list()
    assert [(one.phone_number, one.sms_url) for one in numbers] == [(SENDER, f"{servers.product.url}/twilio/inbound")]
