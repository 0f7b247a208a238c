"""conversations.*."""

from sandbox.slack.api import pages
from sandbox.slack.calls import Call
from sandbox.slack.cast import Channel
from sandbox.slack.state import Slack
from sandbox.slack.wire import BOT_USER, Json, Refused


def describe(slack: Slack, call: Call) -> Json:
    """Return one channel."""
    return {"channel": slack.workspace.channel(call.text("channel")).as_json(slack.team_id)}


def list_all(slack: Slack, call: Call) -> Json:
    """Return the channels of the wanted types; public ones unless told otherwise."""
    wanted = {kind.strip() for kind in call.text("types", "public_channel").split(",")}
    unknown = wanted - {"public_channel", "private_channel", "mpim", "im"}
    if unknown:
        raise Refused("invalid_types")
    kinds = {"im" if kind == "im" else "channel" for kind in wanted & {"public_channel", "im"}}
    found = [channel for channel in slack.workspace.channels.values() if channel.kind in kinds]
    if call.flag("exclude_archived"):
        found = [channel for channel in found if not channel.is_archived]
    page, metadata = pages.cut(call, found, default=100)
    return {"channels": [channel.as_json(slack.team_id) for channel in page], "response_metadata": metadata}


def members(slack: Slack, call: Call) -> Json:
    """Return the ids of a channel's members."""
    channel = slack.workspace.channel(call.text("channel"))
    page, metadata = pages.cut(call, channel.members, default=100)
    return {"members": list(page), "response_metadata": metadata}


def open_direct(slack: Slack, call: Call) -> Json:
    """Open the direct message with one person."""
    channel_id = call.text("channel", "")
    if channel_id:
        channel = slack.workspace.channel(channel_id)
        return {"channel": channel.as_json(slack.team_id), "no_op": True, "already_open": True}
    users = [user.strip() for user in call.text("users").split(",") if user.strip()]
    if len(users) != 1:
        raise Refused("not_enough_users" if not users else "method_not_supported_for_channel_type")
    if users[0] == BOT_USER:
        raise Refused("cannot_dm_bot")
    person = slack.workspace.person(users[0])
    if person.deleted:
        raise Refused("user_disabled")
    channel = slack.workspace.direct(person.id)
    whole = call.flag("return_im")
    return {"channel": channel.as_json(slack.team_id) if whole else {"id": channel.id}}


def history(slack: Slack, call: Call) -> Json:
    """Return a channel's messages, newest first, without replies in threads."""
    channel = _readable(slack, call)
    oldest, latest = call.text("oldest", "0"), call.text("latest", "9999999999.999999")
    inclusive = call.flag("inclusive")
    inside = [
        message
        for ts, message in channel.messages.items()
        if (oldest < ts < latest or (inclusive and ts in (oldest, latest))) and message.get("thread_ts", ts) == ts
    ]
    page, metadata = pages.cut(call, inside[::-1], default=100)
    has_more = bool(metadata["next_cursor"])
    more = {"response_metadata": metadata} if has_more else {}
    return {"messages": list(page), "has_more": has_more, "pin_count": 0, **more}


def replies(slack: Slack, call: Call) -> Json:
    """Return a thread, its first message first."""
    channel, thread_ts = _readable(slack, call), call.text("ts")
    if thread_ts not in channel.messages:
        raise Refused("thread_not_found")
    thread = [message for ts, message in channel.messages.items() if thread_ts in (ts, message.get("thread_ts"))]
    page, metadata = pages.cut(call, thread, default=1_000)
    has_more = bool(metadata["next_cursor"])
    more = {"response_metadata": metadata} if has_more else {}
    return {"messages": list(page), "has_more": has_more, **more}


def _readable(slack: Slack, call: Call) -> Channel:
    channel = slack.workspace.channel(call.text("channel"))
    if BOT_USER not in channel.members:
        raise Refused("not_in_channel")
    return channel
