"""chat.* and reactions.add."""

from sandbox.slack import block_kit
from sandbox.slack.calls import Call
from sandbox.slack.cast import Channel
from sandbox.slack.charts import text_length
from sandbox.slack.state import Slack
from sandbox.slack.wire import APP_ID, BOT_ID, BOT_USER, Json, Refused, invalid_arguments
from sandbox.slack.workspace import identified

LONGEST_TEXT = 40_000
LONGEST_BLOCKS = 13_000  # characters in all blocks of a message; found by trying, not documented


def post_message(slack: Slack, call: Call) -> Json:
    """Post to a channel, a thread, or somebody's direct messages."""
    channel = slack.workspace.writable(call.text("channel"))
    content = message_content(call.arguments)
    _refuse_strange_thread(channel, call)
    message = slack.workspace.post(channel, content, by=BOT_USER)
    return {"channel": channel.id, "ts": message["ts"], "message": _answered(message)}


def post_ephemeral(slack: Slack, call: Call) -> Json:
    """Show a message to one member of a channel."""
    channel = slack.workspace.writable(call.text("channel"))
    user_id = call.text("user")
    if user_id not in channel.members:
        raise Refused("user_not_in_channel")
    message = slack.workspace.whisper(channel, user_id, message_content(call.arguments))
    return {"message_ts": message["ts"]}


def update(slack: Slack, call: Call) -> Json:
    """Change a message of the bot's own."""
    channel = slack.workspace.channel(call.text("channel"))
    message = slack.workspace.message(channel, call.text("ts"))
    if message["user"] != BOT_USER:
        raise Refused("cant_update_message")
    if channel.is_archived:
        raise Refused("is_archived")
    content = message_content(call.arguments)
    content.pop("thread_ts", None)
    slack.workspace.edit(channel, message, content)
    return {"channel": channel.id, "ts": message["ts"], "text": message["text"], "message": _answered(message)}


def delete(slack: Slack, call: Call) -> Json:
    """Take back a message of the bot's own."""
    channel = slack.workspace.channel(call.text("channel"))
    message = slack.workspace.message(channel, call.text("ts"))
    if message["user"] != BOT_USER:
        raise Refused("cant_delete_message")
    slack.workspace.delete(channel, message["ts"])
    return {"channel": channel.id, "ts": message["ts"]}


def get_permalink(slack: Slack, call: Call) -> Json:
    """Return a message's address."""
    channel = slack.workspace.channel(call.text("channel"))
    message = slack.workspace.message(channel, call.text("message_ts"))
    address = f"{slack.origin}/archives/{channel.id}/p{message['ts'].replace('.', '')}"
    return {"channel": channel.id, "permalink": address}


def add_reaction(slack: Slack, call: Call) -> Json:
    """React to a message as the bot."""
    channel = slack.workspace.writable(call.text("channel"))
    message = slack.workspace.message(channel, call.text("timestamp"))
    name = call.text("name").strip(":")
    reactions = message.setdefault("reactions", [])
    same = next((reaction for reaction in reactions if reaction["name"] == name), None)
    if same is None:
        reactions.append({"name": name, "users": [BOT_USER], "count": 1})
    elif BOT_USER in same["users"]:
        raise Refused("already_reacted")
    else:
        same["users"].append(BOT_USER)
        same["count"] += 1
    slack.workspace.changed(channel, message)
    return {}


def message_content(arguments: Json) -> Json:
    """Return what a message consists of, out of the arguments of a call or the body of a response URL.

    Raises:
        Refused: there is nothing to say, or Slack would refuse the text or the blocks.
    """
    text, blocks = arguments.get("text") or "", arguments.get("blocks")
    if not (text or blocks or arguments.get("attachments") or arguments.get("files")):
        raise Refused("no_text")
    if not isinstance(text, str):
        raise invalid_arguments("must be a string [json-pointer:/text]")
    if len(text) > LONGEST_TEXT:
        raise Refused("msg_too_long")
    optional = {name: arguments[name] for name in ("attachments", "metadata") if arguments.get(name)}
    if arguments.get("thread_ts"):
        optional["thread_ts"] = str(arguments["thread_ts"])
    return {"text": text, **optional, **({"blocks": _checked(blocks)} if blocks else {})}


def _checked(blocks: object) -> list[Json]:
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format")
    found = block_kit.problems(blocks, "message")
    if found:
        messages = [f"[ERROR] {problem}" for problem in found]
        raise Refused("invalid_blocks", errors=found, response_metadata={"messages": messages})
    if text_length(blocks) > LONGEST_BLOCKS:
        raise Refused("msg_blocks_too_long")
    return identified(blocks)


def _refuse_strange_thread(channel: Channel, call: Call) -> None:
    thread_ts = call.text("thread_ts", "")
    if thread_ts and thread_ts not in channel.messages:
        raise Refused("thread_not_found")


def _answered(message: Json) -> Json:
    profile = {"id": BOT_ID, "app_id": APP_ID, "name": "Blast", "deleted": False, "team_id": message["team"]}
    return {**message, "bot_profile": profile}
