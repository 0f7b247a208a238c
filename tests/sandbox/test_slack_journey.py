"""A whole story between people, the stand-in and a Bolt app: command, modal, message, button, update."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from tests.sandbox import slack_stage
from tests.sandbox.slack_stage import Json, Stage, button, modal, plain, section, text_input, wait_for

ORGANIZER, APPROVER = "U0ORGANIZER", "U0APPROVER"


@pytest.fixture
def stage() -> Iterator[Stage]:
    with slack_stage.running() as running:
        yield running


def bolt(stage: Stage) -> App:
    assert stage.bot.app is not None
    return stage.bot.app


def composing(stage: Stage, *blocks: Json, **more: object) -> None:
    """Let the bot open a modal on /blast."""

    @bolt(stage).command("/blast")
    def open_composer(ack: Ack, body: Json, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=modal(*blocks, **more))
        ack()


def composer(stage: Stage) -> Json:
    """Type /blast; return the modal."""
    answer = stage.act("command", user=ORGANIZER, channel="C0GENERAL", command="/blast", text="")
    assert answer["status"] == 200, answer
    return stage.view_of(ORGANIZER)


def test_a_command_leads_to_a_modal_a_card_and_its_changed_self(stage: Stage) -> None:
    composing(stage, text_input("body"))

    @bolt(stage).view("compose")
    def submitted(ack: Ack, view: Json, client: WebClient) -> None:
        text = view["state"]["values"]["body"]["body"]["value"]
        actions = {"type": "actions", "elements": [button("blast.approve", "b1:1")]}
        client.chat_postMessage(channel="C0APPROVALS", text=text, blocks=[section(text), actions])
        ack()

    @bolt(stage).action("blast.approve")
    def approved(ack: Ack, body: Json, action: Json, client: WebClient) -> None:
        assert action["value"] == "b1:1"
        ts, by = body["message"]["ts"], body["user"]["id"]
        client.chat_update(channel=body["channel"]["id"], ts=ts, text="Approved", blocks=[section(f"By <@{by}>")])
        ack()

    view = composer(stage)
    assert stage.act("input", user=ORGANIZER, view_id=view["id"], block_id="body", action_id="body", value="Hi *all*")
    answer = stage.act("submit", user=ORGANIZER, view_id=view["id"])
    assert (answer["status"], answer["response_action"]) == (200, None)
    assert stage.views_of(ORGANIZER) == []
    (card,) = stage.messages_in("C0APPROVALS")
    assert card["text"] == "Hi *all*"
    pressed = stage.act("action", user=APPROVER, channel="C0APPROVALS", ts=card["ts"], action_id="blast.approve")
    assert pressed["status"] == 200
    (card,) = stage.messages_in("C0APPROVALS")
    assert (card["text"], card["blocks"][0]["text"]["text"]) == ("Approved", "By <@U0APPROVER>")
    assert card["edited"]


def test_field_errors_of_the_bot_are_shown_and_the_modal_stays(stage: Stage) -> None:
    composing(stage, text_input("body"))
    bolt(stage).view("compose")(lambda ack: ack(response_action="errors", errors={"body": "Too rude."}))
    view = composer(stage)
    answer = stage.act("submit", user=ORGANIZER, view_id=view["id"], values={"body": {"body": {"value": "Go away"}}})
    assert answer == {"status": 200, "response_action": "errors", "errors": {"body": "Too rude."}}
    assert stage.view_of(ORGANIZER)["state"]["values"]["body"]["body"]["value"] == "Go away"


def test_errors_for_a_block_that_is_no_input_are_trouble_for_the_person(stage: Stage) -> None:
    composing(stage, text_input("body"))
    bolt(stage).view("compose")(lambda ack: ack(response_action="errors", errors={"other": "No."}))
    view = composer(stage)
    answer = stage.act("submit", user=ORGANIZER, view_id=view["id"], values={"body": {"body": {"value": "Hi"}}})
    assert "trouble connecting" in answer["error"]


def test_a_required_input_left_empty_never_reaches_the_bot(stage: Stage) -> None:
    composing(stage, text_input("body"))
    view = composer(stage)
    before = len(stage.bot.received)
    answer = stage.act("submit", user=ORGANIZER, view_id=view["id"])
    assert answer["errors"] == {"body": "Please complete this required field."}
    assert len(stage.bot.received) == before


@pytest.mark.parametrize(("action", "titles"), [("update", ["Next"]), ("push", ["Title", "Next"]), ("clear", [])])
def test_a_submission_may_update_push_or_clear(stage: Stage, action: str, titles: list[str]) -> None:
    composing(stage, text_input("body"))
    following = modal(section("More"), title=plain("Next"))

    @bolt(stage).view("compose")
    def submitted(ack: Ack) -> None:
        if action == "clear":
            ack(response_action="clear")
        else:
            ack(response_action=action, view=following)

    view = composer(stage)
    answer = stage.act("submit", user=ORGANIZER, view_id=view["id"], values={"body": {"body": {"value": "Hi"}}})
    assert answer["response_action"] == action
    assert [entry["title"]["text"] for entry in stage.views_of(ORGANIZER)] == titles


def test_a_view_that_slack_would_refuse_is_trouble_for_the_person(stage: Stage) -> None:
    composing(stage, text_input("body"))
    bolt(stage).view("compose")(lambda ack: ack(response_action="update", view=modal(section(""))))
    view = composer(stage)
    answer = stage.act("submit", user=ORGANIZER, view_id=view["id"], values={"body": {"body": {"value": "Hi"}}})
    assert "trouble connecting" in answer["error"]
    assert answer["refused"]["error"] == "invalid_arguments"


def test_a_command_that_fails_is_told_to_the_person_alone(stage: Stage) -> None:
    stage.bot.status = 500
    answer = stage.act("command", user=ORGANIZER, channel="C0GENERAL", command="/blast", text="")
    assert answer["error"] == "dispatch_failed"
    (whisper,) = stage.whispers_to(ORGANIZER)
    assert "dispatch_failed" in whisper["text"]
    assert stage.whispers_to(APPROVER) == []


def test_what_a_command_is_answered_with_is_whispered_unless_it_is_for_all(stage: Stage) -> None:
    @bolt(stage).command("/blast")
    def answer(ack: Ack, command: Json) -> None:
        ack(text="for you" if command["text"] == "help" else "for all",
            response_type="ephemeral" if command["text"] == "help" else "in_channel")  # fmt: skip

    stage.act("command", user=ORGANIZER, channel="C0GENERAL", command="/blast", text="help")
    stage.act("command", user=ORGANIZER, channel="C0GENERAL", command="/blast", text="list")
    assert [entry["text"] for entry in stage.whispers_to(ORGANIZER)] == ["for you"]
    assert [entry["text"] for entry in stage.messages_in("C0GENERAL")] == ["for all"]


def test_a_live_preview_keeps_what_was_typed(stage: Stage) -> None:
    composing(stage, text_input("body", dispatch_action=True), text_input("name"))
    seen: list[str] = []

    @bolt(stage).action("body")
    def preview(ack: Ack, body: Json, client: WebClient) -> None:
        view = body["view"]
        seen.append(view["state"]["values"]["body"]["body"]["value"])
        blocks = [text_input("body", dispatch_action=True), text_input("name"), section("2 segments")]
        client.views_update(view_id=view["id"], hash=view["hash"], view=modal(*blocks))
        ack()

    view = composer(stage)
    stage.act("input", user=ORGANIZER, view_id=view["id"], block_id="name", action_id="name", value="Rent strike")
    answer = stage.act("input", user=ORGANIZER, view_id=view["id"], block_id="body", action_id="body", value="Hello")
    assert answer["status"] == 200
    after = stage.view_of(ORGANIZER)
    assert seen == ["Hello"]
    assert after["hash"] != view["hash"]
    assert after["blocks"][-1]["text"]["text"] == "2 segments"
    assert after["state"]["values"] == {
        "body": {"body": {"type": "plain_text_input", "value": "Hello"}},
        "name": {"name": {"type": "plain_text_input", "value": "Rent strike"}},
    }


def test_a_menu_of_the_bots_own_options_is_asked_chosen_from_and_submitted(stage: Stage) -> None:
    menu = {"type": "multi_external_select", "action_id": "audiences", "min_query_length": 0}
    composing(stage, {"type": "input", "block_id": "audiences", "label": plain("To"), "element": menu})
    chosen: list[Any] = []

    @bolt(stage).options("audiences")
    def offer(ack: Ack, payload: Json) -> None:
        ack(options=[{"text": plain(f"{payload['value']} {n}"), "value": str(n)} for n in range(3)])

    @bolt(stage).view("compose")
    def submitted(ack: Ack, view: Json) -> None:
        chosen.extend(view["state"]["values"]["audiences"]["audiences"]["selected_options"])
        ack()

    view = composer(stage)
    where = {"user": ORGANIZER, "view_id": view["id"], "block_id": "audiences", "action_id": "audiences"}
    offered = stage.act("options", **where, query="ten")
    assert [option["text"]["text"] for option in offered["options"]] == ["ten 0", "ten 1", "ten 2"]
    stage.act("input", **where, selected_options=["0", "2"])
    stage.act("submit", user=ORGANIZER, view_id=view["id"])
    assert [option["value"] for option in chosen] == ["0", "2"]


def test_a_closed_modal_is_told_to_the_bot_that_asked_for_it(stage: Stage) -> None:
    composing(stage, section("Hi"), notify_on_close=True)
    told: list[bool] = []

    @bolt(stage).view_closed("compose")
    def closed(ack: Ack, body: Json) -> None:
        told.append(body["is_cleared"])
        ack()

    view = composer(stage)
    assert stage.act("close", user=ORGANIZER, view_id=view["id"])["status"] == 200
    assert told == [False]
    assert stage.views_of(ORGANIZER) == []


def test_a_home_tab_is_published_when_it_is_opened(stage: Stage) -> None:
    @bolt(stage).event("app_home_opened")
    def opened(event: Json, client: WebClient) -> None:
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section("Welcome")]})

    assert stage.act("home", user=ORGANIZER)["status"] == 200
    wait_for(lambda: stage.stand_in.snapshot()["homes"])
    home = stage.stand_in.snapshot()["homes"][ORGANIZER]
    assert home["blocks"][0]["text"]["text"] == "Welcome"


def test_a_message_in_a_thread_reaches_the_bot_with_its_thread(stage: Stage) -> None:
    events: list[Json] = []

    @bolt(stage).event("message")
    def heard(event: Json) -> None:
        events.append(event)

    parent = stage.client.chat_postMessage(channel="C0REPLIES", text="A member wrote")["ts"]
    stage.act("message", user=ORGANIZER, channel="C0REPLIES", text="I'll answer", thread_ts=parent)
    wait_for(lambda: events)
    assert (events[0]["text"], events[0]["thread_ts"], events[0]["user"]) == ("I'll answer", parent, ORGANIZER)
    replies = stage.client.conversations_replies(channel="C0REPLIES", ts=parent)["messages"]
    assert [entry["text"] for entry in replies] == ["A member wrote", "I'll answer"]
    assert len(stage.client.conversations_history(channel="C0REPLIES")["messages"]) == 1


def test_a_whispered_button_is_for_its_person_and_may_be_replaced(stage: Stage) -> None:
    actions = {"type": "actions", "elements": [button("again")]}
    stage.client.chat_postEphemeral(channel="C0GENERAL", user=ORGANIZER, text="Sure?", blocks=[actions])

    @bolt(stage).action("again")
    def again(ack: Ack, respond: Any, context: BoltContext) -> None:
        ack()
        respond(text="Done", replace_original=True)

    (whisper,) = stage.whispers_to(ORGANIZER)
    where = {"channel": "C0GENERAL", "ts": whisper["ts"], "action_id": "again"}
    status, answer = stage.try_to("action", user=APPROVER, **where)
    assert (status, "no such message" in answer["error"]) == (400, True)
    assert stage.act("action", user=ORGANIZER, **where)["status"] == 200
    wait_for(lambda: stage.whispers_to(ORGANIZER)[0]["text"] == "Done")


def test_a_file_chosen_in_a_modal_can_be_downloaded_with_the_bots_token_only(stage: Stage) -> None:
    element = {"type": "file_input", "action_id": "csv", "filetypes": ["csv"], "max_files": 1}
    composing(stage, {"type": "input", "block_id": "csv", "label": plain("File"), "element": element})
    view = composer(stage)
    where = {"user": ORGANIZER, "view_id": view["id"], "block_id": "csv", "action_id": "csv"}
    status, _ = stage.try_to("upload", **where, filename="list.txt", content="phone")
    assert status == 400
    file = stage.act("upload", **where, filename="list.csv", content="phone\n+12125550123\n")["file"]
    assert stage.view_of(ORGANIZER)["state"]["values"]["csv"]["csv"]["files"][0]["id"] == file["id"]
    path = file["url_private"].removeprefix(stage.address)
    _, text, _ = slack_stage.request(stage.address, "GET", path, authorization="Bearer xoxb-sandbox")
    assert text == "phone\n+12125550123\n"
    status, page, headers = slack_stage.request(stage.address, "GET", path, authorization="Bearer xoxb-wrong")
    assert (status, headers["content-type"].startswith("text/html")) == (200, True)
    assert "+12125550123" not in page


def test_every_delivery_is_signed_and_recorded_without_credentials(stage: Stage) -> None:
    composing(stage, text_input("body"))
    composer(stage)
    headers, body = stage.bot.received[-1]
    assert headers["x-slack-signature"].startswith("v0=")
    assert b"command=%2Fblast" in body
    rows = json.dumps([exchange.__dict__ for exchange in stage.traffic.latest()])
    assert "views.open" in rows
    assert "xoxb-" not in rows
