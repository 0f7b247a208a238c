"""A refusal appears where somebody pressed: in the thread, when the message has one."""

from typing import Any

import pytest
from slack_sdk import WebClient

from bot import refusals
from core.errors import NotAllowed
from core.slack.gateway import Gateway


class Whispers(Gateway):
    """Keeps into which thread something was whispered."""

    def __init__(self) -> None:
        super().__init__(WebClient())
        self.threads: list[str | None] = []

    def ephemeral(self, channel: str, user: str, text: str, *, thread_ts: str | None = None) -> None:
        self.threads.append(thread_ts)


@pytest.mark.parametrize(
    ("container", "message", "thread_ts"),
    [
        ({"thread_ts": "1.0", "message_ts": "2.0"}, {"ts": "2.0", "thread_ts": "1.0"}, "1.0"),
        ({"message_ts": "1.0"}, {"ts": "1.0", "thread_ts": "1.0"}, "1.0"),
        ({"message_ts": "1.0"}, {"ts": "1.0"}, None),
        ({"message_ts": "1.0", "is_ephemeral": True}, None, None),
    ],
)
def test_a_refusal_is_told_in_the_thread_of_what_was_pressed(
    container: dict[str, Any], message: dict[str, Any] | None, thread_ts: str | None
) -> None:
    heard = Whispers()
    pressed = {"type": "block_actions", "user": {"id": "U1"}, "container": {"channel_id": "C1", **container}}
    body = {**pressed, **({"message": message} if message else {})}
    refusals.answer(NotAllowed("Not you."), body, heard, ref="r1")
    assert heard.threads == [thread_ts]
