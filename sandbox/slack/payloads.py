"""What Slack puts into the requests that it sends to an app."""

from sandbox.slack.cast import Channel, Person
from sandbox.slack.state import Slack
from sandbox.slack.views import View
from sandbox.slack.wire import APP_ID, BOT_USER, TEAM_DOMAIN, VERIFICATION_TOKEN, Json, random_id


def command(slack: Slack, person: Person, channel: Channel, text: str, name: str) -> Json:
    """Return the form of a slash command."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": slack.team_id,
        "team_domain": TEAM_DOMAIN,
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.direct_with else channel.name,
        "user_id": person.id,
        "user_name": person.name,
        "command": name,
        "text": text,
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": slack.response_urls.issue(slack.origin, person.id, {"channel_id": channel.id}),
        "trigger_id": slack.triggers.issue(person.id),
    }


def block_actions(slack: Slack, person: Person, place: Json, action: Json) -> Json:
    """Return what is sent when somebody uses an element; `place` comes from `in_view` or `in_message`."""
    acted = {**action, "action_ts": slack.workspace.new_ts()}
    return {
        "type": "block_actions",
        **_common(slack, person),
        "trigger_id": slack.triggers.issue(person.id),
        **place,
        "actions": [acted],
    }


def block_suggestion(slack: Slack, person: Person, place: Json, where: tuple[str, str], query: str) -> Json:
    """Return what is sent when somebody types into a menu whose options the app knows; `where` is block and action."""
    block_id, action_id = where
    asked = {"block_id": block_id, "action_id": action_id, "value": query}
    return {"type": "block_suggestion", **_common(slack, person), **asked, **place}


def view_submission(slack: Slack, person: Person, view: View) -> Json:
    """Return what is sent when somebody submits a modal."""
    return {
        "type": "view_submission",
        **_common(slack, person),
        "trigger_id": slack.triggers.issue(person.id),
        "view": view.as_json(),
        "response_urls": [],
    }


def view_closed(slack: Slack, person: Person, view: View, *, is_cleared: bool) -> Json:
    """Return what is sent when somebody closes a modal that asked to be told."""
    return {"type": "view_closed", **_common(slack, person), "view": view.as_json(), "is_cleared": is_cleared}


def in_view(view: View) -> Json:
    """Return the part of a payload that says it happened in a view."""
    return {"container": {"type": "view", "view_id": view.id}, "view": view.as_json()}


def in_message(slack: Slack, person: Person, channel: Channel, message: Json, state: Json) -> Json:
    """Return the part of a payload that says it happened in a message; a whispered one isn't repeated."""
    is_ephemeral = "bot_user" in message
    container = {
        "type": "message",
        "message_ts": message["ts"],
        "channel_id": channel.id,
        "is_ephemeral": is_ephemeral,
        **({"thread_ts": message["thread_ts"]} if message.get("thread_ts") else {}),
    }
    return {
        "container": container,
        "channel": {"id": channel.id, "name": "directmessage" if channel.direct_with else channel.name},
        **({} if is_ephemeral else {"message": message}),
        "state": {"values": state},
        "response_url": slack.response_urls.issue(slack.origin, person.id, container),
    }


def event(slack: Slack, content: Json, *, is_shared: bool = False) -> Json:
    """Return the envelope of an event."""
    authorization = {
        "enterprise_id": None, "team_id": slack.team_id, "user_id": BOT_USER, "is_bot": True,
        "is_enterprise_install": False,
    }  # fmt: skip
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": slack.team_id,
        "context_team_id": slack.team_id,
        "context_enterprise_id": None,
        "api_app_id": APP_ID,
        "event": content,
        "type": "event_callback",
        "event_id": random_id("Ev"),
        "event_time": int(slack.clock()),
        "authorizations": [authorization],
        "is_ext_shared_channel": is_shared,
        "event_context": random_id("4-"),
    }


def home_opened(slack: Slack, person: Person) -> Json:
    """Return the event that somebody looks at the app's Home tab."""
    view = slack.views.homes.get(person.id)
    content = {
        "type": "app_home_opened",
        "user": person.id,
        "channel": slack.workspace.direct(person.id).id,
        "tab": "home",
        "event_ts": slack.workspace.new_ts(),
        **({"view": view.as_json()} if view else {}),
    }
    return event(slack, content)


def message_posted(slack: Slack, person: Person, channel: Channel, message: Json) -> Json:
    """Return the event that somebody wrote something."""
    content = {
        "client_msg_id": random_id("", 24),
        "type": "message",
        "user": person.id,
        "text": message["text"],
        "ts": message["ts"],
        "team": person.team_id,
        "user_team": person.team_id,
        "channel": channel.id,
        "channel_type": channel.kind,
        "event_ts": message["ts"],
        **({"thread_ts": message["thread_ts"]} if message.get("thread_ts") else {}),
    }
    return event(slack, content, is_shared=channel.is_ext_shared)


def _common(slack: Slack, person: Person) -> Json:
    return {
        "team": {"id": slack.team_id, "domain": TEAM_DOMAIN},
        "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team_id},
        "api_app_id": APP_ID,
        "token": VERIFICATION_TOKEN,
        "enterprise": None,
        "is_enterprise_install": False,
    }
