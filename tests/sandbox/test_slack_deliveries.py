"""Deliveries to the bot: signatures, silence, retries, replays, and the same over a socket."""

import threading
from collections.abc import Iterator

import pytest
from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier

from tests.sandbox import slack_stage
from tests.sandbox.slack_stage import Json, Stage, modal, text_input, wait_for

ORGANIZER = "U0ORGANIZER"


@pytest.fixture
def stage() -> Iterator[Stage]:
    with slack_stage.running() as running:
        yield running


def bolt(stage: Stage) -> App:
    assert stage.bot.app is not None
    return stage.bot.app


def retry_numbers(stage: Stage) -> list[str | None]:
    return [headers.get("x-slack-retry-num") for headers, _ in stage.bot.received]


def test_a_delivery_carries_slacks_signature(stage: Stage) -> None:
    stage.bot.status = 200
    stage.act("command", user=ORGANIZER, channel="C0GENERAL", command="/blast", text="é & +")
    headers, body = stage.bot.received[0]
    assert SignatureVerifier("sandbox-signing-secret").is_valid_request(body, headers)
    assert not SignatureVerifier("another").is_valid_request(body, headers)


def test_an_event_that_nobody_takes_comes_three_times_more(stage: Stage) -> None:
    stage.bot.status = 500
    answer = stage.act("message", user=ORGANIZER, channel="C0REPLIES", text="hi")
    assert answer["status"] == 500
    wait_for(lambda: len(stage.bot.received) == 4)
    assert retry_numbers(stage) == [None, "1", "2", "3"]
    assert stage.bot.received[1][0]["x-slack-retry-reason"] == "http_error"
    assert len({body for _, body in stage.bot.received}) == 1


def test_an_event_that_was_taken_comes_again_on_demand(stage: Stage) -> None:
    stage.bot.status = 200
    stage.act("faults", retry_events=2)
    stage.act("message", user=ORGANIZER, channel="C0REPLIES", text="hi")
    wait_for(lambda: len(stage.bot.received) == 3)
    assert retry_numbers(stage) == [None, "1", "2"]
    stage.act("message", user=ORGANIZER, channel="C0REPLIES", text="again")
    assert retry_numbers(stage)[3:] == [None]


def test_a_replay_is_the_same_byte_for_byte(stage: Stage) -> None:
    stage.bot.status = 200
    stage.act("command", user=ORGANIZER, channel="C0GENERAL", command="/blast", text="")
    assert stage.act("replay")["status"] == 200
    assert stage.act("faults", replay_last=True)["replay_status"] == 200
    (first, first_body), (second, second_body), (third, _) = stage.bot.received
    assert first_body == second_body
    signature, timestamp = "x-slack-signature", "x-slack-request-timestamp"
    assert first[signature] == second[signature] == third[signature]
    assert first[timestamp] == second[timestamp]


def test_a_bot_that_keeps_silent_for_three_seconds_times_out(stage: Stage) -> None:
    over = threading.Event()
    view = modal(text_input("body", optional=True))

    @bolt(stage).command("/blast")
    def open_composer(ack: Ack, body: Json, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=view)
        ack()

    @bolt(stage).view("compose")
    def silent(ack: Ack) -> None:
        over.wait(10)
        ack()

    stage.act("command", user=ORGANIZER, channel="C0GENERAL", command="/blast", text="")
    answer = stage.act("submit", user=ORGANIZER, view_id=stage.view_of(ORGANIZER)["id"])
    over.set()
    assert (answer["status"], answer["error"]) == (0, "operation_timeout")
    assert len(stage.views_of(ORGANIZER)) == 1


def test_a_bot_that_is_not_there_is_a_failed_dispatch() -> None:
    with slack_stage.running() as stage:
        stage.stand_in._deliveries._url = "http://127.0.0.1:9/slack/events"
        answer = stage.act("command", user=ORGANIZER, channel="C0GENERAL", command="/blast", text="")
    assert (answer["status"], answer["error"]) == (0, "dispatch_failed")


def test_a_connected_socket_takes_all_deliveries(stage: Stage) -> None:
    app = App(client=stage.client, token="xoxb-sandbox")
    events: list[str] = []

    @app.command("/blast")
    def open_composer(ack: Ack, body: Json, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=modal(text_input("body")))
        ack()

    @app.view("compose")
    def submitted(ack: Ack) -> None:
        ack(response_action="errors", errors={"body": "No."})

    @app.event("message")
    def heard(event: Json) -> None:
        events.append(event["text"])

    with_app_token = WebClient(token="xoxb-sandbox", base_url=stage.client.base_url)
    handler = SocketModeHandler(app, app_token="xapp-sandbox", web_client=with_app_token, ping_interval=1)
    handler.client.connect()
    try:
        wait_for(lambda: stage.stand_in.snapshot()["is_socket_connected"])
        stage.act("command", user=ORGANIZER, channel="C0GENERAL", command="/blast", text="")
        view_id = stage.view_of(ORGANIZER)["id"]
        values = {"body": {"body": {"value": "Hi"}}}
        answer = stage.act("submit", user=ORGANIZER, view_id=view_id, values=values)
        assert (answer["status"], answer["errors"]) == (200, {"body": "No."})
        assert stage.act("message", user=ORGANIZER, channel="C0REPLIES", text="hi")["status"] == 200
        wait_for(lambda: events == ["hi"])
        assert stage.bot.received == []
        before = handler.client.current_session
        stage.act("faults", disconnect=True)
        # Closed while it connects anew, Slack's client leaves a socket behind.
        wait_for(lambda: handler.client.current_session not in (before, None) and handler.client.is_connected())
        wait_for(lambda: stage.stand_in.snapshot()["is_socket_connected"])
    finally:
        handler.client.close()


def test_a_socket_address_serves_once(stage: Stage) -> None:
    client = stage.client_with("xapp-sandbox")
    url = client.apps_connections_open(app_token="xapp-sandbox")["url"]
    assert url.startswith("ws://127.0.0.1:")
    path = url.partition("/slack")[2]
    address = url.partition("/slack")[0].replace("ws://", "http://")
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13",
               "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    statuses = [slack_stage.request(address, "GET", f"/slack{path}", **upgrade)[0] for _ in range(2)]
    assert statuses == [101, 403]
