"""What isn't Twilio's, or can't be read, is refused with the right status; nothing of it is stored."""

from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # ships no annotations

from core import db
from core.models import Inbound, IncomingCall, Receipt
from tests import databases
from tests.webhooks.conftest import ACCOUNT, OLD_TOKEN, PUBLIC_URL, SENDER, Answer, Door

pytestmark = databases.on_sqlite

STATUS = {"AccountSid": ACCOUNT, "MessageSid": "SM" + "1" * 32, "MessageStatus": "sent"}
TEXT = {"AccountSid": ACCOUNT, "MessageSid": "SM" + "1" * 32, "From": "+12125550123", "To": SENDER, "Body": "STOP"}
CALL = {"AccountSid": ACCOUNT, "CallSid": "CA" + "1" * 32, "From": "+12125550123", "To": SENDER, "Digits": "9"}
RECORDED = CALL | {
    "RecordingSid": "RE" + "1" * 32,
    "RecordingUrl": "https://api.twilio.com/1/RE1",
    "RecordingDuration": "9",
}
OF_MESSAGES = [("/twilio/status", STATUS, "MessageSid"), ("/twilio/inbound", TEXT, "MessageSid")]
OF_CALLS = [
    ("/twilio/voice", CALL, "CallSid"),
    ("/twilio/voice/key", CALL, "CallSid"),
    ("/twilio/voice/ended", CALL, "CallSid"),
    ("/twilio/voice/recorded", RECORDED, "CallSid"),
    ("/twilio/voice/recording", RECORDED, "RecordingSid"),
]
WITH_IDS = pytest.mark.parametrize(("path", "params", "named"), OF_MESSAGES + OF_CALLS)
DOORS = pytest.mark.parametrize(("path", "params"), [each[:2] for each in OF_MESSAGES + OF_CALLS])
TABLES = (Receipt, Inbound, IncomingCall)


def is_empty(door: Door) -> bool:
    with db.reading(door.engine) as session:
        counts = [session.scalar(sa.select(sa.func.count()).select_from(table)) for table in TABLES]
    return not any(counts)


def is_refused(door: Door, answer: Answer, status: int) -> bool:
    assert "Traceback" not in answer.text
    assert len(answer.text) < 100
    assert is_empty(door)
    return answer.status == status


@DOORS
def test_an_unsigned_request_is_refused(door: Door, path: str, params: dict[str, str]) -> None:
    assert is_refused(door, door.request("POST", path, urlencode(params).encode(), door.headers), 403)


@DOORS
def test_a_tampered_request_is_refused(door: Door, path: str, params: dict[str, str]) -> None:
    body = urlencode(params | {"From": "+12125550199"}).encode()
    assert is_refused(door, door.request("POST", path, body, door.signed(path, params)), 403)


@DOORS
def test_a_changed_query_is_refused(door: Door, path: str, params: dict[str, str]) -> None:
    body = urlencode(params).encode()
    assert is_refused(door, door.request("POST", f"{path}?delivery=7", body, door.signed(path, params)), 403)


@DOORS
def test_a_strangers_signature_is_refused(door: Door, path: str, params: dict[str, str]) -> None:
    assert is_refused(door, door.post(path, params, token="a stranger's"), 403)


@DOORS
def test_another_accounts_request_is_refused(door: Door, path: str, params: dict[str, str]) -> None:
    assert is_refused(door, door.post(path, params | {"AccountSid": "AC" + "9" * 32}), 403)


@DOORS
def test_a_signature_that_is_not_ascii_is_refused(door: Door, path: str, params: dict[str, str]) -> None:
    body = urlencode(params).encode()
    assert is_refused(door, door.request("POST", path, body, door.headers | {"X-Twilio-Signature": "ünsigned"}), 403)


@DOORS
def test_a_body_that_is_not_utf_8_is_refused(door: Door, path: str, params: dict[str, str]) -> None:
    for body in (b"Body=\xff\xfe", b"Body=%ff%fe", b"Body=%ed%a0%80"):
        assert is_refused(door, door.request("POST", path, body, door.signed(path, params)), 400)


@DOORS
def test_a_body_of_thousands_of_fields_is_refused(door: Door, path: str, params: dict[str, str]) -> None:
    assert is_refused(door, door.request("POST", path, b"a&" * 5000, door.signed(path, params)), 400)


@DOORS
def test_an_oversized_body_is_refused(door: Door, path: str, params: dict[str, str]) -> None:
    body = urlencode(params | {"Body": "x" * 70_000}).encode()
    assert is_refused(door, door.request("POST", path, body, door.signed(path, params)), 413)


@DOORS
def test_an_oversized_body_of_undeclared_length_is_refused(door: Door, path: str, params: dict[str, str]) -> None:
    chunked = door.signed(path, params) | {"Transfer-Encoding": "chunked"}
    body = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    assert is_refused(door, door.request("POST", path, body * 20 + b"0\r\n\r\n", chunked), 413)


@WITH_IDS
@pytest.mark.parametrize("sid", ["", "SM 1", "S" * 65, "SM'1"])
def test_a_signed_request_without_a_usable_sid_is_malformed(
    door: Door, path: str, params: dict[str, str], named: str, sid: str
) -> None:
    assert is_refused(door, door.post(path, params | {named: sid}), 400)


def test_a_receipt_without_a_status_is_malformed(door: Door) -> None:
    assert is_refused(door, door.post("/twilio/status", STATUS | {"MessageStatus": ""}), 400)


def test_a_text_without_a_sender_is_malformed(door: Door) -> None:
    assert is_refused(door, door.post("/twilio/inbound", TEXT | {"From": " "}), 400)
    assert is_refused(door, door.post("/twilio/inbound", TEXT | {"From": "+" * 400}), 400)


@DOORS
def test_only_posts_are_taken(door: Door, path: str, params: dict[str, str]) -> None:
    assert is_refused(door, door.request("GET", path), 405)


def test_there_is_nothing_else(door: Door) -> None:
    assert is_refused(door, door.request("POST", "/twilio/other"), 404)


@DOORS
def test_the_token_before_is_good_during_rotation(door: Door, path: str, params: dict[str, str]) -> None:
    assert door.post(path, params, token=OLD_TOKEN).status < 300


@DOORS
def test_a_sha_256_signature_is_good(door: Door, path: str, params: dict[str, str]) -> None:
    signature = RequestValidator(OLD_TOKEN).compute_signature(PUBLIC_URL + path, params, "HMAC_SHA256")
    signed = {
        "X-Twilio-Signature": signature,
        "X-Twilio-Webhooks-Signature-Settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256",
    }
    assert door.request("POST", path, urlencode(params).encode(), door.headers | signed).status < 300


def test_a_replayed_text_changes_nothing(door: Door) -> None:
    body, headers = urlencode(TEXT).encode(), door.signed("/twilio/inbound", TEXT)
    assert [door.request("POST", "/twilio/inbound", body, headers).status for _ in range(3)] == [200] * 3
    with db.reading(door.engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Inbound)) == 1
