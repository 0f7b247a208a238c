"""What Slack hands out to be used within a time: trigger ids, and response URLs."""

import re
import secrets
from dataclasses import dataclass

from sandbox.slack.wire import Clock, Json, Refused, invalid_arguments

FORGET_SECONDS = 60 * 60.0  # after the end of their time; until then Slack says why they don't work
TRIGGER_SECONDS = 3.0
RESPONSE_SECONDS = 30 * 60.0
RESPONSE_USES = 5

_TRIGGER = re.compile(r"\d+\.\d+\.[0-9a-f]{32}")


@dataclass
class _Trigger:
    user_id: str
    expires_at: float
    is_used: bool = False


class Triggers:
    """Trigger ids: each opens one view of one person, within three seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._issued: dict[str, _Trigger] = {}

    def issue(self, user_id: str) -> str:
        """Return a new trigger id for something that this person just did."""
        _forget(self._issued, self._clock())
        trigger_id = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._issued[trigger_id] = _Trigger(user_id, self._clock() + TRIGGER_SECONDS)
        return trigger_id

    def exchange(self, trigger_id: str) -> str:
        """Use a trigger id up; return whose it was.

        Raises:
            Refused: it never was, was used before, or is older than three seconds.
        """
        if not _TRIGGER.fullmatch(trigger_id):
            raise invalid_arguments("invalid `trigger_id` [json-pointer:/trigger_id]")
        trigger = self._issued.get(trigger_id)
        if trigger is None:
            raise Refused("invalid_trigger_id")
        if trigger.is_used:
            raise Refused("exchanged_trigger_id")
        if self._clock() > trigger.expires_at:
            raise Refused("expired_trigger_id")
        trigger.is_used = True
        return trigger.user_id


@dataclass
class ResponseUrl:
    """Where an answer may be posted for half an hour: the channel, the person, and the message it came from."""

    user_id: str
    channel_id: str
    message_ts: str | None
    is_ephemeral: bool
    expires_at: float
    uses_left: int = RESPONSE_USES


class ResponseUrls:
    """Response URLs: five answers within thirty minutes, no token needed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._issued: dict[str, ResponseUrl] = {}

    def issue(self, origin: str, user_id: str, container: Json) -> str:
        """Return a new URL; `container` names the channel and, if there is one, the message."""
        _forget(self._issued, self._clock())
        name = secrets.token_urlsafe(18)
        self._issued[name] = ResponseUrl(
            user_id=user_id,
            channel_id=container["channel_id"],
            message_ts=container.get("message_ts"),
            is_ephemeral=container.get("is_ephemeral", True),
            expires_at=self._clock() + RESPONSE_SECONDS,
        )
        return f"{origin}/slack/respond/{name}"

    def use(self, name: str) -> ResponseUrl:
        """Count one use.

        Raises:
            Refused: it never was, is over thirty minutes old, or was used five times.
        """
        issued = self._issued.get(name)
        if issued is None:
            raise Refused("no_such_url")
        if self._clock() > issued.expires_at:
            raise Refused("expired_url")
        if issued.uses_left == 0:
            raise Refused("used_url")
        issued.uses_left -= 1
        return issued


def _forget(issued: dict[str, _Trigger] | dict[str, ResponseUrl], now: float) -> None:
    for name in [name for name, ticket in issued.items() if ticket.expires_at + FORGET_SECONDS < now]:
        del issued[name]
