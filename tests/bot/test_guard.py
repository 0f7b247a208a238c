"""What the bot's door does with requests that aren't Slack's, aren't fresh, aren't what they say, or come again."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import sqlalchemy as sa

from bot import guard
from core import db
from core.clock import utc_now
from core.models import Blast, OutboxEvent, SeenRequest
from core.usecases import requests
from core.usecases.requests import Seen
from tests import databases
from tests.bot.stage import ORGANIZER, Stage, command_body, populate, signed

FORM = "application/x-www-form-urlencoded"
EVENT = {
    "type": "event_callback",
    "team_id": "T0SANDBOX",
    "event_id": "Ev0TEST",
    "event": {"type": "app_home_opened", "user": ORGANIZER, "tab": "home", "channel": "D1"},
    "authorizations": [{"team_id": "T0SANDBOX", "user_id": "U0BOT", "is_bot": True}],
}


def count(table: Any) -> int:
    with db.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def nothing_happened() -> bool:
    return not (count(SeenRequest) or count(OutboxEvent) or count(Blast))


def interaction(**payload: Any) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


def test_a_signed_command_is_answered(stage: Stage) -> None:
    populate()
    status, text = stage.post_signed(command_body("audiences"), kind=FORM)
    assert (status, "tenants" in text) == (200, True)


def forged() -> list[dict[str, str]]:
    """Return headers that Slack would not send now; made when they are sent, since what is fresh changes."""
    now = int(time.time())
    nobodys = "v0=" + "0" * 64
    return [
        {},
        {"X_Slack_Signature": nobodys},
        {"X_Slack_Request_Timestamp": "soon", "X_Slack_Signature": nobodys},
        {"X_Slack_Request_Timestamp": "1e9", "X_Slack_Signature": nobodys},
        {"X_Slack_Request_Timestamp": "-1", "X_Slack_Signature": nobodys},
        {"X_Slack_Request_Timestamp": "9" * 400, "X_Slack_Signature": nobodys},
        {"X_Slack_Request_Timestamp": str(now), "X_Slack_Signature": "v0=é"},
        {"X_Slack_Request_Timestamp": str(now), "X_Slack_Signature": "v1=" + "0" * 64},
        {"X_Slack_Request_Timestamp": str(now), "X_Slack_Signature": nobodys},
        signed(command_body("other")),
        signed(command_body(), secret="another secret"),
        signed(command_body(), at=now - 301),
        signed(command_body(), at=now + 400),
    ]


@databases.on_sqlite
def test_what_slack_did_not_sign_just_now_is_refused(stage: Stage) -> None:
    answers = [stage.post(command_body(), **headers, content_type=FORM) for headers in forged()]
    assert {status for status, _ in answers} == {401}
    assert {text for _, text in answers} == {"not fresh", "not signed"}
    assert nothing_happened()


VIEW: dict[str, object] = {"id": "V1", "type": "modal", "callback_id": "blast.compose"}
MALFORMED: list[tuple[bytes, str]] = [
    (b"\xff\xfe", "application/json"),
    (b"{}", "application/json"),
    (b"[]", "application/json"),
    (b"null", "application/json"),
    (b"{", "application/json"),
    (b"[" * 100_000, "application/json"),
    (b'{"type":"event_callback"}', "application/json"),
    (json.dumps(EVENT | {"event": []}).encode(), "application/json"),
    (json.dumps(EVENT | {"event_id": ["x"]}).encode(), "application/json"),
    (json.dumps(EVENT | {"event_id": "x" * 500}).encode(), "application/json"),
    (json.dumps(EVENT | {"authorizations": "x"}).encode(), "application/json"),
    (json.dumps(EVENT | {"authorizations": ["x"]}).encode(), "application/json"),
    (json.dumps(EVENT | {"event_context": "\ud800"}).encode(), "application/json"),
    (json.dumps(EVENT | {"event_context": "\0"}).encode(), "application/json"),
    (json.dumps(EVENT).encode(), FORM),
    (json.dumps(EVENT).encode(), "text/plain"),
    (json.dumps(EVENT).encode(), ""),
    (command_body(), "application/json"),
    (b"command=%2Fblast&text=%ff&user_id=U1&team_id=T1", FORM),
    (b"command=%2Fblast&text=%00&user_id=U1&team_id=T1", FORM),
    (b"command=%2Fblast&user_id=U1&user_id=U2&team_id=T1", FORM),
    (b"command=blast&user_id=U1&team_id=T1", FORM),
    (b"text=help", FORM),
    (b"", FORM),
    (b"payload=", FORM),
    (b"payload=1", FORM),
    (interaction(type="block_actions", user={"id": ORGANIZER}), FORM),
    (interaction(type="block_actions", user=ORGANIZER, actions=[{}]), FORM),
    (interaction(type="block_actions", user={"id": ORGANIZER}, actions=["x"]), FORM),
    (interaction(type="view_submission", user={"id": ORGANIZER}, view="x"), FORM),
    (interaction(type="view_submission", user={"id": ORGANIZER}, view={}), FORM),
    (interaction(type="view_submission", user={"id": ORGANIZER}, view=VIEW | {"type": None}), FORM),
    (interaction(type="view_submission", user={"id": ORGANIZER}, view=VIEW | {"blocks": "x"}), FORM),
    (interaction(type="view_submission", user={"id": ORGANIZER}, view=VIEW | {"state": "x"}), FORM),
    (interaction(type="view_submission", user={"id": ORGANIZER}, view=VIEW | {"state": {"values": {"x": None}}}), FORM),
    (interaction(type="nonsense", user={"id": ORGANIZER}), FORM),
    (interaction(type="block_actions", user={"id": ORGANIZER}, actions=[{}], team="T1"), FORM),
]


@databases.on_sqlite
def test_a_signed_body_that_is_not_what_it_says_is_refused(stage: Stage) -> None:
    answers = {body[:80]: stage.post_signed(body, kind=kind) for body, kind in MALFORMED}
    assert {body: answer for body, answer in answers.items() if answer != (400, "malformed")} == {}
    assert nothing_happened()


@databases.on_sqlite
def test_a_body_of_more_than_a_megabyte_is_refused(stage: Stage) -> None:
    status, _ = stage.post_signed(b"text=" + b"x" * guard.LARGEST, kind=FORM)
    assert status == 413
    assert nothing_happened()


@databases.on_sqlite
def test_an_endless_body_is_refused_before_its_end(stage: Stage) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection((urlsplit(stage.bot_url).hostname, urlsplit(stage.bot_url).port), timeout=60) as line:
        line.sendall(b"POST /slack/events HTTP/1.1\r\nHost: bot\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(17):
            line.sendall(chunk)
        assert line.recv(100).startswith(b"HTTP/1.1 413")


@databases.on_sqlite
def test_nothing_of_a_rejected_body_is_logged(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    stage.post(b"text=our+secret+plan", content_type=FORM)
    stage.post_signed(b"text=our+secret+plan", kind=FORM)
    told = "".join(capfd.readouterr())
    assert "request.rejected" in told
    assert "secret" not in told.replace("signing_secret", "")


@databases.on_sqlite
def test_slacks_own_questions_are_answered(stage: Stage) -> None:
    challenge = json.dumps({"type": "url_verification", "challenge": "c0ffee", "token": "t"}).encode()
    status, text = stage.post_signed(challenge)
    assert (status, "c0ffee" in text) == (200, True)
    assert stage.post_signed(b"ssl_check=1&token=t", kind=FORM)[0] == 200


def test_a_replay_does_nothing(stage: Stage) -> None:
    populate()
    body = command_body("list")
    headers = signed(body)
    first = stage.post(body, **headers, content_type=FORM)
    again = stage.post(body, **headers, content_type=FORM)
    assert (first[0], again) == (200, (200, ""))
    assert "no blast" in first[1]


def test_a_replayed_submission_makes_one_blast(stage: Stage) -> None:
    populate()
    stage.compose()
    stage.act("replay")
    assert count(Blast) == 1


def test_an_event_that_comes_again_is_told_once(stage: Stage) -> None:
    populate()
    body = json.dumps(EVENT).encode()
    for attempt in range(3):
        # A retry is signed anew: only the event's own id is the same.
        status, _ = stage.post_signed(body, at=int(time.time()) - attempt)
        assert status == 200
    assert count(OutboxEvent) == 1


def test_an_event_that_failed_is_taken_up_when_it_comes_again(stage: Stage) -> None:
    populate()
    body = json.dumps(EVENT).encode()
    with db.transaction() as session:
        session.execute(sa.text("ALTER TABLE outbox RENAME TO away"))
    assert stage.post_signed(body) == (500, "")
    with db.transaction() as session:
        session.execute(sa.text("ALTER TABLE away RENAME TO outbox"))
    assert stage.post_signed(body)[0] == 200
    assert count(OutboxEvent) == 1


def test_without_a_database_slack_is_asked_to_come_again(stage: Stage) -> None:
    with db.transaction() as session:
        session.execute(sa.text("ALTER TABLE seen_requests RENAME TO away"))
    status, text = stage.post_signed(command_body(), kind=FORM)
    assert (status, text) == (503, "try again")


@databases.on_sqlite
def test_what_nobody_listens_to_is_taken_and_forgotten(stage: Stage) -> None:
    populate()
    event = EVENT | {"event": {"type": "reaction_added", "user": ORGANIZER}}
    assert stage.post_signed(json.dumps(event).encode())[0] == 200


def test_while_a_request_is_being_answered_its_retry_is_put_off(engine: sa.Engine) -> None:
    is_begun, may_end = threading.Event(), threading.Event()

    def slow() -> int:
        is_begun.set()
        may_end.wait(10)
        return 200

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(guard.once, "key", slow)
        is_begun.wait(10)
        assert guard.once("key", lambda: 200) is Seen.RUNNING
        may_end.set()
        assert first.result(10) is Seen.NEVER
    assert guard.once("key", lambda: 200) is Seen.DONE


def test_of_many_that_come_at_once_one_is_answered(engine: sa.Engine) -> None:
    answered: list[int] = []

    def answer() -> int:
        answered.append(1)
        return 200

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: guard.once("key", answer), range(8)))
    assert len(answered) == 1
    assert seen.count(Seen.NEVER) == 1


def test_a_request_whose_process_died_is_taken_up_again(engine: sa.Engine) -> None:
    now = utc_now()
    with db.transaction() as session:
        assert requests.begin(session, "key", now=now) is Seen.NEVER
        assert requests.begin(session, "key", now=now + timedelta(seconds=29)) is Seen.RUNNING
        assert requests.begin(session, "key", now=now + timedelta(seconds=31)) is Seen.NEVER


@databases.on_sqlite
def test_other_addresses_and_methods_are_not_there(stage: Stage) -> None:
    status, _ = stage.post_signed(command_body(), kind=FORM)
    assert status == 200
    for method, path, expected in (("GET", "/slack/events", 405), ("GET", "/", 404), ("GET", "/healthz", 200)):
        assert stage.get(method, path) == expected
