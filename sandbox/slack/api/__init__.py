"""The Web API: every method that the stand-in knows, with what it takes to call it."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.slack.api import chat, conversations, files, people, views
from sandbox.slack.calls import Call
from sandbox.slack.state import Slack
from sandbox.slack.wire import Json


@dataclass(frozen=True)
class Method:
    """What answers a call, and the scopes of which the token needs at least one (none: any token will do)."""

    answer: Callable[[Slack, Call], Json]
    scopes: tuple[str, ...] = ()


_READ = ("channels:read", "groups:read", "mpim:read", "im:read")
_HISTORY = ("channels:history", "groups:history", "mpim:history", "im:history")

METHODS: dict[str, Method] = {
    "auth.test": Method(people.auth_test),
    "users.info": Method(people.users_info, ("users:read",)),
    "users.list": Method(people.users_list, ("users:read",)),
    "chat.postMessage": Method(chat.post_message, ("chat:write",)),
    "chat.postEphemeral": Method(chat.post_ephemeral, ("chat:write",)),
    "chat.update": Method(chat.update, ("chat:write",)),
    "chat.delete": Method(chat.delete, ("chat:write",)),
    "chat.getPermalink": Method(chat.get_permalink),
    "reactions.add": Method(chat.add_reaction, ("reactions:write",)),
    "conversations.info": Method(conversations.describe, _READ),
    "conversations.list": Method(conversations.list_all, _READ),
    "conversations.members": Method(conversations.members, _READ),
    "conversations.open": Method(conversations.open_direct, ("im:write", "mpim:write")),
    "conversations.history": Method(conversations.history, _HISTORY),
    "conversations.replies": Method(conversations.replies, _HISTORY),
    "files.info": Method(files.describe, ("files:read",)),
    "files.delete": Method(files.delete, ("files:write",)),
    "files.getUploadURLExternal": Method(files.get_upload_url, ("files:write",)),
    "files.completeUploadExternal": Method(files.complete_upload, ("files:write",)),
    "views.open": Method(views.open_modal),
    "views.push": Method(views.push),
    "views.update": Method(views.update),
    "views.publish": Method(views.publish),
}
