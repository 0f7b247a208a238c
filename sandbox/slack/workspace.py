"""Everything that stands in the workspace's channels: messages, threads, edits, and what only one person sees."""

import copy
from typing import Any

from sandbox.slack import block_kit, cast
from sandbox.slack.cast import Channel, Person
from sandbox.slack.wire import APP_ID, BOT_ID, BOT_USER, Clock, Json, Refused, random_word
from sandbox.traffic import Feed

SHOWN = ("ts", "user", "text", "blocks", "edited", "files")


class Workspace:
    """The people, the channels and their messages; tells the feed of every change."""

    def __init__(self, team_id: str, feed: Feed, clock: Clock) -> None:
        self.team_id = team_id
        self.people = cast.people(team_id)
        self.channels = cast.channels()
        self.ephemerals: list[Json] = []
        self._feed = feed
        self._clock = clock
        self._last_microsecond = 0

    def new_ts(self) -> str:
        """Return a message timestamp that never was before."""
        self._last_microsecond = max(self._last_microsecond + 1, int(self._clock() * 1_000_000))
        return f"{self._last_microsecond // 1_000_000}.{self._last_microsecond % 1_000_000:06d}"

    def person(self, user_id: str) -> Person:
        """Return somebody, or refuse with user_not_found."""
        if user_id not in self.people:
            raise Refused("user_not_found")
        return self.people[user_id]

    def channel(self, reference: str) -> Channel:
        """Return a channel by id or name, or refuse with channel_not_found."""
        if reference in self.channels:
            return self.channels[reference]
        named = [channel for channel in self.channels.values() if channel.name == reference.removeprefix("#")]
        if not named:
            raise Refused("channel_not_found")
        return named[0]

    def writable(self, reference: str) -> Channel:
        """Return a channel that the bot may post to; a user's id stands for the direct message with them."""
        channel = self.direct(reference) if reference in self.people else self.channel(reference)
        if BOT_USER not in channel.members:
            raise Refused("not_in_channel")
        if channel.is_archived:
            raise Refused("is_archived")
        return channel

    def direct(self, user_id: str) -> Channel:
        """Return the direct message between the bot and somebody, opened if need be."""
        person = self.person(user_id)
        channel_id = "D" + person.id.removeprefix("U")
        if channel_id not in self.channels:
            self.channels[channel_id] = Channel(channel_id, person.name, [person.id, BOT_USER], direct_with=person.id)
        return self.channels[channel_id]

    def message(self, channel: Channel, ts: str) -> Json:
        """Return a message, or refuse with message_not_found."""
        if ts not in channel.messages:
            raise Refused("message_not_found")
        return channel.messages[ts]

    def post(self, channel: Channel, content: Json, *, by: str) -> Json:
        """Add a message; `content` is its text, blocks, thread_ts and the like."""
        message = {"type": "message", "user": by, "ts": self.new_ts(), "team": self.person(by).team_id, **content}
        if by == BOT_USER:
            message |= {"bot_id": BOT_ID, "app_id": APP_ID}
        channel.messages[message["ts"]] = message
        self._count_reply(channel, message)
        self._feed.publish("slack.message", {"channel": channel.id, "message": shown(message)})
        return message

    def edit(self, channel: Channel, message: Json, content: Json) -> None:
        """Change a message of the bot; blocks that aren't given again are gone."""
        message.pop("blocks", None)
        message.update(content, edited={"user": BOT_USER, "ts": self.new_ts()})
        self._feed.publish("slack.message_changed", {"channel": channel.id, "message": shown(message)})

    def changed(self, channel: Channel, message: Json) -> None:
        """Tell that a message looks different, without marking it as edited."""
        self._feed.publish("slack.message_changed", {"channel": channel.id, "message": shown(message)})

    def delete(self, channel: Channel, ts: str) -> None:
        """Take a message away."""
        del channel.messages[ts]
        self._feed.publish("slack.message_deleted", {"channel": channel.id, "ts": ts})

    def whisper(self, channel: Channel, user_id: str, content: Json, *, by: str = BOT_USER) -> Json:
        """Show somebody a message that nobody else sees."""
        message = {"user": user_id, "channel": channel.id, "ts": self.new_ts(), "bot_user": by, "blocks": [], **content}
        self.ephemerals.append(message)
        self._feed.publish("slack.ephemeral", dict(message))
        return message

    def change_whisper(self, ts: str, content: Json | None) -> None:
        """Replace what only one person sees, or take it away."""
        for message in [entry for entry in self.ephemerals if entry["ts"] == ts]:
            if content is None:
                self.ephemerals.remove(message)
                self._feed.publish("slack.ephemeral", {**message, "deleted": True})
            else:
                message.update({"blocks": [], **content})
                self._feed.publish("slack.ephemeral", dict(message))

    def archive(self, channel_ids: list[str]) -> None:
        """Archive these channels, and open all others again."""
        for channel in self.channels.values():
            channel.is_archived = channel.id in channel_ids

    def snapshot(self) -> Json:
        """Return all of it as the page reads it."""
        return {
            "users": [person.shown() for person in self.people.values()],
            "channels": [_shown_channel(channel) for channel in self.channels.values()],
            "ephemerals": copy.deepcopy(self.ephemerals),
        }

    def _count_reply(self, channel: Channel, message: Json) -> None:
        parent = channel.messages.get(message.get("thread_ts", ""))
        if parent is None:
            return
        parent["thread_ts"] = parent["ts"]
        parent["reply_count"] = parent.get("reply_count", 0) + 1
        parent["latest_reply"] = message["ts"]


def shown(message: Json) -> Json:
    """Return a message as the page reads it; only replies have a thread_ts there."""
    thread_ts = message.get("thread_ts")
    fields: Json = {name: copy.deepcopy(message.get(name)) for name in SHOWN}
    return {**fields, "thread_ts": thread_ts if thread_ts != message["ts"] else None}


def identified(blocks: list[Json]) -> list[Json]:
    """Return a copy in which every block and element has an id, as Slack makes them up."""
    blocks = copy.deepcopy(blocks)
    for block in blocks:
        block.setdefault("block_id", random_word())
        elements: list[dict[str, Any]] = block_kit.elements_of(block)
        for element in elements:
            if element.get("type") not in _WITHOUT_ACTION_ID and not str(element.get("type")).startswith("rich_text_"):
                element.setdefault("action_id", random_word())
    return blocks


_WITHOUT_ACTION_ID = frozenset({"image", "plain_text", "mrkdwn", "card"})


def _shown_channel(channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "is_ext_shared": channel.is_ext_shared,
        "is_im": channel.direct_with is not None,
        "members": list(channel.members),
        "messages": [shown(message) for message in channel.messages.values()],
    }
