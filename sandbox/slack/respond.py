"""What happens when the bot posts to a response URL: a new message, or the replaced or deleted old one."""

from sandbox.slack.api import chat
from sandbox.slack.state import Slack
from sandbox.slack.tickets import ResponseUrl
from sandbox.slack.wire import BOT_USER, Json


def answer(slack: Slack, name: str, body: Json) -> None:
    """Do what the body asks for.

    Raises:
        Refused: the URL is used up or too old, or Slack would refuse the message.
    """
    url = slack.response_urls.use(name)
    if body.get("delete_original"):
        _replace(slack, url, None)
        return
    content = chat.message_content(body)
    if body.get("replace_original") and url.message_ts:
        _replace(slack, url, content)
    else:
        say(slack, url, body.get("response_type", "ephemeral"), content)


def say(slack: Slack, url: ResponseUrl, response_type: str, content: Json) -> None:
    """Post to the channel, or whisper to the person."""
    channel = slack.workspace.channel(url.channel_id)
    if response_type == "in_channel":
        slack.workspace.post(channel, content, by=BOT_USER)
    else:
        slack.workspace.whisper(channel, url.user_id, content)


def _replace(slack: Slack, url: ResponseUrl, content: Json | None) -> None:
    if url.message_ts is None:
        return
    if url.is_ephemeral:
        slack.workspace.change_whisper(url.message_ts, content)
        return
    channel = slack.workspace.channel(url.channel_id)
    message = slack.workspace.message(channel, url.message_ts)
    if content is None:
        slack.workspace.delete(channel, message["ts"])
    else:
        slack.workspace.edit(channel, message, content)
