"""files.*: what is known of a file, and uploads in three steps."""

from sandbox.slack.api import chat
from sandbox.slack.calls import Call
from sandbox.slack.state import Slack
from sandbox.slack.wire import BOT_USER, Json, Refused, invalid_arguments


def describe(slack: Slack, call: Call) -> Json:
    """Return one file."""
    return {"file": slack.files.get(call.text("file")).as_json(slack.origin), "comments": []}


def delete(slack: Slack, call: Call) -> Json:
    """Take a file of the bot's away; where it was shared only its id is left."""
    file = slack.files.get(call.text("file"))
    if file.user_id != BOT_USER:
        raise Refused("cant_delete_file")
    slack.files.delete(file.id)
    for channel in slack.workspace.channels.values():
        for message in channel.messages.values():
            shared = message.get("files", [])
            if any(each["id"] == file.id for each in shared):
                gone = {"id": file.id, "mode": "tombstone"}
                message["files"] = [gone if each["id"] == file.id else each for each in shared]
                slack.workspace.changed(channel, message)
    return {}


def get_upload_url(slack: Slack, call: Call) -> Json:
    """Say where the bytes of a new file go."""
    name, length = call.text("filename"), call.number("length", 0)
    if length < 1:
        raise invalid_arguments("must be greater than 0 [json-pointer:/length]")
    file = slack.files.announce(name, length, by=BOT_USER)
    return {"upload_url": f"{slack.origin}/slack/upload/{file.id}", "file_id": file.id}


def complete_upload(slack: Slack, call: Call) -> Json:
    """Share uploaded files, in a channel with a comment if one is named."""
    wanted = call.arguments.get("files")
    if not isinstance(wanted, list) or not wanted or not all(isinstance(entry, dict) for entry in wanted):
        raise invalid_arguments("must be an array of objects [json-pointer:/files]")
    files = [slack.files.get(str(entry.get("id"))) for entry in wanted]
    for file, entry in zip(files, wanted, strict=True):
        if file.content is None:
            raise Refused("file_not_found")
        file.title = entry.get("title") or file.name
    references = call.text("channel_id", "") or call.text("channels", "")
    for reference in filter(None, references.split(",")):
        channel = slack.workspace.writable(reference)
        content = {**call.arguments, "text": call.text("initial_comment", ""), "files": wanted}
        for file in files:
            file.channels = (*file.channels, channel.id)
        shared = [file.as_json(slack.origin) for file in files]
        message = {**chat.message_content(content), "files": shared, "upload": True}
        slack.workspace.post(channel, message, by=BOT_USER)
    return {"files": [file.as_json(slack.origin) for file in files]}
