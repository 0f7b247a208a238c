"""Forged, stale, replayed, oversized and garbled requests to both servers: refused, and nothing is stored."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from sandbox.settings import SANDBOX_CREDENTIALS
from sandbox.story import preparing
from sandbox.story.command import CommandLine
from sandbox.story.stand_ins import ORGANIZER
from tests.journeys import wire
from tests.journeys.conftest import SETTINGS
from tests.journeys.house import House, opened

pytestmark = pytest.mark.journey

EVENTS, INBOUND, STATUS = "/slack/events", "/twilio/inbound", "/twilio/status?delivery=1&attempt=1"
OVERSIZED = 2_000_000
SHE = "+12125550123"
TEXT = {
    "MessageSid": "SM" + "1" * 32,
    "AccountSid": SANDBOX_CREDENTIALS["TWILIO_ACCOUNT_SID"],
    "From": SHE,
    "To": SANDBOX_CREDENTIALS["TWILIO_FROM_NUMBER"],
    "Body": "STOP",
}
RECEIPT = {
    "MessageSid": "SM" + "2" * 32,
    "AccountSid": SANDBOX_CREDENTIALS["TWILIO_ACCOUNT_SID"],
    "MessageStatus": "delivered",
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all of them, since nothing may leave a trace."""
    folder: Path = tmp_path_factory.mktemp("hostile")
    with opened(folder, f"sqlite:///{folder / 'blast.db'}", **SETTINGS) as up:
        preparing.add_staff(CommandLine(up.env), ORGANIZER, "organizer")
        up.stop("worker", "clock")  # what they write would be taken for a trace
        yield up
        for name in ("bot", "webhooks"):
            assert "Traceback" not in up.log(name)


@pytest.fixture(autouse=True)
def _nothing_is_stored(request: pytest.FixtureRequest, hostile: House) -> Iterator[None]:
    before = wire.stored(hostile)
    yield
    if "stores_once" not in request.fixturenames:
        assert wire.stored(hostile) == before


@pytest.fixture
def stores_once() -> None:
    """Marks a test whose first request is genuine."""


def refused(answer: tuple[int, str], status: int) -> bool:
    code, text = answer
    assert "Traceback" not in text
    assert "File " not in text
    return code == status


def test_slack_requests_without_a_signature_are_refused(hostile: House) -> None:
    assert refused(wire.post(hostile, "bot", EVENTS, wire.command("list"), {}), 401)


def test_a_slack_request_that_was_changed_is_refused(hostile: House) -> None:
    headers = wire.slack_headers(wire.command("list"))
    assert refused(wire.post(hostile, "bot", EVENTS, wire.command("cancel x"), headers), 401)


@pytest.mark.parametrize("age_s", [301, -301, 86_400])
def test_a_slack_request_of_another_time_is_refused(hostile: House, age_s: int) -> None:
    body = wire.command("list")
    headers = wire.slack_headers(body, at=time.time() - age_s)
    assert refused(wire.post(hostile, "bot", EVENTS, body, headers), 401)


@pytest.mark.parametrize("stamp", ["", "soon", "1e9", "١٢٣", "9" * 40])
def test_a_slack_request_with_no_time_is_refused(hostile: House, stamp: str) -> None:
    body = wire.command("list")
    headers = {**wire.slack_headers(body), "X-Slack-Request-Timestamp": stamp.encode().decode("latin-1")}
    assert refused(wire.post(hostile, "bot", EVENTS, body, headers), 401)


def test_a_slack_request_that_is_too_large_is_refused(hostile: House) -> None:
    body = wire.command("list") + b"&more=" + b"x" * OVERSIZED
    assert refused(wire.post(hostile, "bot", EVENTS, body, wire.slack_headers(body)), 413)


@pytest.mark.parametrize(
    "body", [b"command=/blast&text=\xff\xfe", b"payload={", b"payload=[]", b"payload=%7B%22type%22%3A1%7D", b"\x00" * 9]
)
def test_a_signed_slack_request_that_cannot_be_read_is_refused(hostile: House, body: bytes) -> None:
    assert refused(wire.post(hostile, "bot", EVENTS, body, wire.slack_headers(body)), 400)


def test_a_slack_command_that_is_replayed_is_done_once(hostile: House, stores_once: None) -> None:
    body = wire.command("list")
    headers = wire.slack_headers(body)
    status, first = wire.post(hostile, "bot", EVENTS, body, headers)
    after_first = wire.stored(hostile)
    assert (status, bool(first)) == (200, True)
    assert wire.post(hostile, "bot", EVENTS, body, headers) == (200, "")
    assert wire.stored(hostile) == after_first


@pytest.mark.parametrize("path", [INBOUND, STATUS])
def test_twilio_requests_without_a_signature_are_refused(hostile: House, path: str) -> None:
    assert refused(wire.post(hostile, "webhooks", path, urlencode(TEXT).encode(), {}), 403)


@pytest.mark.parametrize(("path", "fields"), [(INBOUND, TEXT), (STATUS, RECEIPT)])
def test_a_twilio_request_that_was_changed_is_refused(hostile: House, path: str, fields: dict[str, str]) -> None:
    headers = wire.twilio_headers(hostile, path, fields)
    changed = urlencode({**fields, "MessageSid": "SM" + "3" * 32}).encode()
    assert refused(wire.post(hostile, "webhooks", path, changed, headers), 403)


def test_a_receipt_for_another_delivery_is_refused(hostile: House) -> None:
    headers = wire.twilio_headers(hostile, STATUS, RECEIPT)
    other = STATUS.replace("delivery=1", "delivery=2")
    assert refused(wire.post(hostile, "webhooks", other, urlencode(RECEIPT).encode(), headers), 403)


def test_a_request_of_another_twilio_account_is_refused(hostile: House) -> None:
    fields = {**TEXT, "AccountSid": "AC" + "9" * 32}
    headers = wire.twilio_headers(hostile, INBOUND, fields)
    assert refused(wire.post(hostile, "webhooks", INBOUND, urlencode(fields).encode(), headers), 403)


@pytest.mark.parametrize("path", [INBOUND, STATUS])
def test_a_twilio_request_that_is_too_large_is_refused(hostile: House, path: str) -> None:
    fields = {**TEXT, "More": "x" * OVERSIZED}
    headers = wire.twilio_headers(hostile, path, fields)
    assert refused(wire.post(hostile, "webhooks", path, urlencode(fields).encode(), headers), 413)


@pytest.mark.parametrize("path", [INBOUND, STATUS])
def test_a_twilio_request_that_is_no_text_is_refused(hostile: House, path: str) -> None:
    headers = wire.twilio_headers(hostile, path, {})
    assert refused(wire.post(hostile, "webhooks", path, b"Body=\xff\xfe&From=\xc3", headers), 400)


def test_a_text_that_is_replayed_is_taken_once(hostile: House, stores_once: None) -> None:
    headers = wire.twilio_headers(hostile, INBOUND, TEXT)
    body = urlencode(TEXT).encode()
    assert wire.post(hostile, "webhooks", INBOUND, body, headers)[0] == 200
    after_first = wire.stored(hostile)
    assert wire.post(hostile, "webhooks", INBOUND, body, headers)[0] == 200
    assert wire.stored(hostile) == after_first


def test_a_receipt_that_is_replayed_is_kept_once(hostile: House, stores_once: None) -> None:
    headers = wire.twilio_headers(hostile, STATUS, RECEIPT)
    body = urlencode(RECEIPT).encode()
    assert wire.post(hostile, "webhooks", STATUS, body, headers)[0] == 204
    after_first = wire.stored(hostile)
    assert wire.post(hostile, "webhooks", STATUS, body, headers)[0] == 204
    assert wire.stored(hostile) == after_first
