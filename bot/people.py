"""Who is asking: looked up in Slack by the verified payload's user id, and refused unless all is as it should be."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from core.errors import NotAllowed

_KEPT_S = 60.0
_MOST = 2_000
_SILENT = "Slack can't tell me at the moment who you are, so I did nothing. Try again in a minute."
_SHARED = (
    "This channel is shared with people outside of your workspace, so I do nothing here. "
    "Use Blast in a channel of your own."
)
_UNSEEN = "I can't see this channel. Invite me to it, or use Blast in another one."


@dataclass(frozen=True, slots=True)
class Person:
    """A Slack user who may be heard; `tz` is the IANA name of their time zone."""

    id: str
    team_id: str
    tz: str


class Directory:
    """Slack's people and channels, each looked up at most once a minute; safe to use from many threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def require_person(self, client: WebClient, user_id: str | None, *, team_id: str | None) -> Person:
        """Return who is asking.

        Raises:
            NotAllowed: Slack doesn't know, or they are deleted, a bot, a guest, or of another workspace.
        """
        if not user_id or not team_id:
            raise NotAllowed(_SILENT)
        user = self._look_up(user_id, lambda: client.users_info(user=user_id)["user"])
        refusal = _refusal(user, user_id, team_id)
        if refusal:
            raise NotAllowed(refusal)
        return Person(user_id, team_id, str(user.get("tz") or "UTC"))

    def require_own_channel(self, client: WebClient, channel_id: str | None) -> None:
        """Refuse a channel that others than the workspace's own people can read.

        Raises:
            NotAllowed: it is shared, or can't be looked up.
        """
        # In a direct message only the person who asked sees our answers, and apps can't look into other people's.
        if not channel_id or channel_id.startswith("D"):
            return
        try:
            channel = self._look_up(channel_id, lambda: client.conversations_info(channel=channel_id)["channel"])
        except _NotThere:
            raise NotAllowed(_UNSEEN) from None
        if any(channel.get(flag) for flag in ("is_ext_shared", "is_pending_ext_shared", "is_org_shared")):
            raise NotAllowed(_SHARED)

    def _look_up(self, key: str, ask: Callable[[], Any]) -> Mapping[str, Any]:
        with self._lock:
            at, known = self._known.get(key, (-_KEPT_S, {}))
        if known and self._clock() - at < _KEPT_S:
            return known
        found = _answer(ask)
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = (self._clock(), found)
        return found


class _NotThere(Exception):
    """Slack says that there is no such thing, or none that we may see."""


def _answer(ask: Callable[[], Any]) -> Mapping[str, Any]:
    """Ask Slack; whatever goes wrong, nobody is let in."""
    try:
        found = ask()
    except SlackApiError as failure:
        if failure.response.get("error") == "channel_not_found":
            raise _NotThere from None
        raise NotAllowed(_SILENT) from failure
    except (SlackClientError, OSError, KeyError, ValueError) as failure:
        raise NotAllowed(_SILENT) from failure
    if not isinstance(found, dict) or not found:
        raise NotAllowed(_SILENT)
    return found


def _refusal(user: Mapping[str, Any], user_id: str, team_id: str) -> str | None:
    if user.get("id") != user_id or user.get("team_id") != team_id or user.get("is_stranger"):
        return "Only people of this workspace can use Blast."
    if user.get("deleted"):
        return "This account is deactivated, so it can't use Blast."
    if user.get("is_bot") or user.get("is_app_user") or user.get("is_workflow_bot"):
        return "Only people can use Blast."
    # Slack leaves these out for deleted users only: where they lack, it isn't known that somebody is a full member.
    if user.get("is_restricted", True) or user.get("is_ultra_restricted", True):
        return "Guests can't use Blast. Ask a full member of the workspace."
    return None
