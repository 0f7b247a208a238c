"""The Web API refuses what Slack refuses, with Slack's words, through Slack's own client."""

from collections.abc import Callable, Iterator

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.sandbox import slack_stage
from tests.sandbox.slack_stage import Json, Stage, button, error_of, modal, section, text_input


@pytest.fixture(scope="module")
def _running() -> Iterator[Stage]:
    with slack_stage.running() as running:
        yield running


@pytest.fixture
def stage(_running: Stage) -> Stage:
    _running.bot.status = 200
    _running.act("faults", rate_limit={}, errors={}, standing_limits=False, archived=[])
    return _running


def trigger(stage: Stage) -> str:
    """Type a command; return the trigger id that the bot got."""
    stage.act("command", user="U0ORGANIZER", channel="C0GENERAL", command="/blast", text="")
    form = dict(pair.split("=", 1) for pair in stage.bot.received[-1][1].decode().split("&"))
    return form["trigger_id"]


def test_a_token_is_needed_and_must_be_the_right_one(stage: Stage) -> None:
    status, text, _ = slack_stage.request(stage.address, "POST", "/slack/api/auth.test")
    assert (status, '"not_authed"' in text) == (200, True)
    assert error_of(stage.client_with("xoxb-wrong").auth_test)["error"] == "invalid_auth"
    assert error_of(stage.client_with("xapp-sandbox").auth_test)["error"] == "not_allowed_token_type"
    wanted = {"app_token": "xoxb-sandbox"}
    assert error_of(lambda: stage.client.apps_connections_open(**wanted))["error"] == "not_allowed_token_type"
    assert stage.client.auth_test()["bot_id"] == "B0SANDBOX"


def test_a_scope_that_was_not_granted_is_missed_by_name(stage: Stage) -> None:
    granted = stage.client.auth_test().headers["x-oauth-scopes"].split(",")
    stage.act("faults", scopes=["commands"])
    answer = error_of(lambda: stage.client.users_info(user="U0ADMIN"))
    assert (answer["error"], answer["needed"], answer["provided"]) == ("missing_scope", "users:read", "commands")
    stage.act("faults", scopes=granted)
    assert stage.client.users_info(user="U0ADMIN")["user"]["is_admin"]


CALLS: list[tuple[str, str, Callable[[WebClient], object]]] = [
    ("unknown channel", "channel_not_found", lambda c: c.chat_postMessage(channel="C0NOWHERE", text="x")),
    ("not a member", "not_in_channel", lambda c: c.chat_postMessage(channel="C0OUTSIDE", text="x")),
    ("nothing to say", "no_text", lambda c: c.api_call("chat.postMessage", params={"channel": "C0GENERAL"})),
    ("too long", "msg_too_long", lambda c: c.chat_postMessage(channel="C0GENERAL", text="x" * 40_001)),
    (
        "too long in blocks",
        "msg_blocks_too_long",
        lambda c: c.chat_postMessage(channel="C0GENERAL", text="x", blocks=[section("x" * 2_700)] * 5),
    ),
    (
        "unknown thread",
        "thread_not_found",
        lambda c: c.chat_postMessage(channel="C0GENERAL", text="x", thread_ts="1.2"),
    ),
    (
        "blocks as text",
        "invalid_blocks_format",
        lambda c: c.chat_postMessage(channel="C0GENERAL", text="x", blocks="[{"),
    ),
    ("nobody", "user_not_found", lambda c: c.users_info(user="U0NOBODY")),
    ("unknown message", "message_not_found", lambda c: c.chat_update(channel="C0GENERAL", ts="1.2", text="x")),
    (
        "whisper to a stranger",
        "user_not_in_channel",
        lambda c: c.chat_postEphemeral(channel="C0GENERAL", user="U0STRANGER", text="x"),
    ),
    ("unknown file", "file_not_found", lambda c: c.files_info(file="F0")),
    ("unknown method", "unknown_method", lambda c: c.api_call("chat.shout")),
    ("missing argument", "invalid_arguments", lambda c: c.api_call("chat.postMessage", params={"text": "x"})),
    ("unknown view", "not_found", lambda c: c.views_update(view_id="V0", view=modal(section("x")))),
    ("no trigger", "invalid_arguments", lambda c: c.views_open(trigger_id="x", view=modal(section("x")))),
    (
        "unknown trigger",
        "invalid_trigger_id",
        lambda c: c.views_open(trigger_id=f"1.2.{'0' * 32}", view=modal(section("x"))),
    ),
]


@pytest.mark.parametrize(("name", "error", "call"), CALLS, ids=[name for name, _, _ in CALLS])
def test_what_slack_refuses_is_refused(
    stage: Stage, name: str, error: str, call: Callable[[WebClient], object]
) -> None:
    assert error_of(lambda: call(stage.client))["error"] == error, name


def test_invalid_blocks_are_named_with_their_place(stage: Stage) -> None:
    answer = error_of(lambda: stage.client.chat_postMessage(channel="C0GENERAL", text="x", blocks=[section("")]))
    problem = "must be more than 0 characters [json-pointer:/blocks/0/text/text]"
    assert answer["error"] == "invalid_blocks"
    assert answer["errors"] == [problem]
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {problem}"]


def test_a_refused_view_leaves_its_trigger_unused(stage: Stage) -> None:
    pulled = trigger(stage)
    answer = error_of(lambda: stage.client.views_open(trigger_id=pulled, view=modal(text_input("a"), submit="Go")))
    assert answer["response_metadata"]["messages"] == ["[ERROR] must be an object [json-pointer:/view/submit]"]
    assert stage.client.views_open(trigger_id=pulled, view=modal(text_input("a")))["ok"]


def test_a_trigger_opens_one_view_within_three_seconds(stage: Stage) -> None:
    pulled = trigger(stage)
    stage.client.views_open(trigger_id=pulled, view=modal(section("x")))
    again = error_of(lambda: stage.client.views_open(trigger_id=pulled, view=modal(section("x"))))
    assert again["error"] == "exchanged_trigger_id"
    late = trigger(stage)
    stage.clock.forward(3.1)
    assert (
        error_of(lambda: stage.client.views_open(trigger_id=late, view=modal(section("x"))))["error"]
        == "expired_trigger_id"
    )


def test_at_most_three_views_are_stacked(stage: Stage) -> None:
    stage.client.views_open(trigger_id=trigger(stage), view=modal(section("x")))
    for _ in range(2):
        stage.client.views_push(trigger_id=trigger(stage), view=modal(section("x")))
    pulled = trigger(stage)
    assert (
        error_of(lambda: stage.client.views_push(trigger_id=pulled, view=modal(section("x"))))["error"]
        == "push_limit_reached"
    )
    lowest, middle, top = stage.views_of("U0ORGANIZER")
    assert (middle["previous_view_id"], top["root_view_id"]) == (lowest["id"], lowest["id"])


def test_an_update_of_a_view_seen_too_early_conflicts(stage: Stage) -> None:
    view = stage.client.views_open(trigger_id=trigger(stage), view=modal(section("1"), external_id="own"))["view"]
    stage.client.views_update(external_id="own", hash=view["hash"], view=modal(section("2"), external_id="own"))
    late = error_of(lambda: stage.client.views_update(view_id=view["id"], hash=view["hash"], view=modal(section("3"))))
    assert late["error"] == "hash_conflict"
    assert stage.client.views_update(view_id=view["id"], view=modal(section("3")))["ok"]


def test_a_view_of_more_than_250_kb_is_too_large(stage: Stage) -> None:
    huge = modal(*(section("☎" * 3_000) for _ in range(30)))
    assert error_of(lambda: stage.client.views_open(trigger_id=trigger(stage), view=huge))["error"] == "view_too_large"


def test_only_the_bots_own_messages_can_be_changed(stage: Stage) -> None:
    ts = stage.act("message", user="U0ADMIN", channel="C0GENERAL", text="mine")["ts"]
    assert (
        error_of(lambda: stage.client.chat_update(channel="C0GENERAL", ts=ts, text="x"))["error"]
        == "cant_update_message"
    )
    assert error_of(lambda: stage.client.chat_delete(channel="C0GENERAL", ts=ts))["error"] == "cant_delete_message"


def test_an_update_with_text_alone_takes_the_blocks_away(stage: Stage) -> None:
    actions = {"type": "actions", "elements": [button("a")]}
    ts = stage.client.chat_postMessage(channel="C0GENERAL", text="x", blocks=[actions])["ts"]
    assert "blocks" not in stage.client.chat_update(channel="C0GENERAL", ts=ts, text="y")["message"]


def test_nothing_can_be_posted_to_an_archived_channel(stage: Stage) -> None:
    stage.act("faults", archived=["C0GENERAL"])
    assert error_of(lambda: stage.client.chat_postMessage(channel="C0GENERAL", text="x"))["error"] == "is_archived"


def test_rate_limits_come_on_demand_and_standing(stage: Stage) -> None:
    stage.act("faults", rate_limit={"chat.postMessage": 1})
    with pytest.raises(SlackApiError) as limited:
        stage.client.chat_postMessage(channel="C0GENERAL", text="x")
    assert (limited.value.response.status_code, limited.value.response.headers["retry-after"]) == (429, "1")
    stage.act("faults", standing_limits=True)
    ts = stage.client.chat_postMessage(channel="C0GENERAL", text="x")["ts"]
    for _ in range(50):
        stage.client.chat_update(channel="C0GENERAL", ts=ts, text="x")
    assert error_of(lambda: stage.client.chat_update(channel="C0GENERAL", ts=ts, text="x"))["error"] == "ratelimited"
    stage.clock.forward(61)
    assert stage.client.chat_update(channel="C0GENERAL", ts=ts, text="x")["ok"]


def test_people_are_told_apart(stage: Stage) -> None:
    def flags(user: str) -> Json:
        found: Json = stage.client.users_info(user=user)["user"]
        return found

    assert flags("U0GUEST")["is_restricted"]
    assert flags("U0STRANGER")["is_stranger"]
    assert flags("U0STRANGER")["team_id"] != flags("U0ADMIN")["team_id"]
    assert flags("U0DELETED")["deleted"]
    assert flags("U0BOT")["is_bot"]
    assert "email" not in flags("U0ADMIN")["profile"]


def test_lists_come_in_pages(stage: Stage) -> None:
    names = [entry["name"] for page in stage.client.users_list(limit=4) for entry in page["members"]]
    assert len(names) == len(set(names)) == 8
    channels = stage.client.conversations_list(types="public_channel,private_channel", limit=200)["channels"]
    assert {entry["id"]: entry["is_member"] for entry in channels}["C0OUTSIDE"] is False
    assert stage.client.conversations_info(channel="C0SHARED")["channel"]["is_ext_shared"]
    assert "U0BOT" in stage.client.conversations_members(channel="C0APPROVALS")["members"]


def test_a_direct_message_is_opened_and_posted_to(stage: Stage) -> None:
    channel = stage.client.conversations_open(users=["U0APPROVER"])["channel"]["id"]
    stage.client.chat_postMessage(channel="U0APPROVER", text="for you")
    assert stage.messages_in(channel)[-1]["text"] == "for you"


def test_a_file_is_uploaded_in_three_steps_by_slacks_own_client(stage: Stage) -> None:
    answer = stage.client.files_upload_v2(
        channel="C0GENERAL", content="a,b\n", filename="report.csv", title="Report", initial_comment="Here"
    )
    file = stage.client.files_info(file=answer["file"]["id"])["file"]
    assert (file["size"], file["title"], file["mimetype"]) == (4, "Report", "text/csv")
    message = stage.messages_in("C0GENERAL")[-1]
    assert (message["text"], message["files"][0]["id"]) == ("Here", file["id"])


def test_a_file_of_the_bots_can_be_deleted_and_nobody_elses(stage: Stage) -> None:
    answer = stage.client.files_upload_v2(channel="C0GENERAL", content="a", filename="a.csv")
    file_id = answer["file"]["id"]
    stage.client.files_delete(file=file_id)
    assert stage.messages_in("C0GENERAL")[-1]["files"] == [{"id": file_id, "mode": "tombstone"}]
    assert error_of(lambda: stage.client.files_delete(file=file_id))["error"] == "file_not_found"
    other = stage.stand_in._slack.files.add("b.csv", b"b", by="U0ADMIN")
    assert error_of(lambda: stage.client.files_delete(file=other.id))["error"] == "cant_delete_file"


def test_a_reaction_counts_once(stage: Stage) -> None:
    ts = stage.client.chat_postMessage(channel="C0GENERAL", text="x")["ts"]
    stage.client.reactions_add(channel="C0GENERAL", timestamp=ts, name="eyes")
    again = error_of(lambda: stage.client.reactions_add(channel="C0GENERAL", timestamp=ts, name="eyes"))
    assert again["error"] == "already_reacted"
    assert ts.replace(".", "") in stage.client.chat_getPermalink(channel="C0GENERAL", message_ts=ts)["permalink"]


def test_a_response_url_serves_five_times_in_half_an_hour(stage: Stage) -> None:
    def respond(path: str) -> tuple[int, str]:
        return slack_stage.request(stage.address, "POST", path, '{"text": "hi"}')[:2]

    def url() -> str:
        trigger(stage)
        body = stage.bot.received[-1][1].decode()
        return body.partition("response_url=")[2].partition("&")[0].rpartition("%2F")[2]

    path = f"/slack/respond/{url()}"
    assert [respond(path)[0] for _ in range(6)] == [200] * 5 + [404]
    late = f"/slack/respond/{url()}"
    stage.clock.forward(30 * 60 + 1)
    assert respond(late) == (404, "expired_url")
