"""The way to Slack: the few Web API calls we make, with time-outs, and one kind of failure."""

import json
from collections.abc import Callable
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

from core.slack.blocks import Block, cut

_TIMEOUT_S = 10
# There is nothing to wait for: these come back the same however often one asks.
_LASTING = frozenset(
    {
        "account_inactive",
        "cant_delete_file",
        "cant_update_message",
        "channel_not_found",
        "edit_window_closed",
        "invalid_arguments",
        "invalid_auth",
        "invalid_blocks",
        "is_archived",
        "message_not_found",
        "missing_scope",
        "not_authed",
        "not_in_channel",
        "token_revoked",
        "user_not_found",
    }
)


# Somebody deleted it, or the workspace keeps messages for a while only.
_GONE = frozenset({"message_not_found", "thread_not_found"})


class SlackFailed(Exception):
    """Slack didn't do as asked. `code`: its word for it; `retry_after_s`: how long it wants to be left alone."""

    def __init__(self, method: str, code: str, *, retry_after_s: int = 0) -> None:
        super().__init__(f"{method}: {code}")
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def is_about_gone_message(self) -> bool:
        """Whether the message that was to be changed or answered isn't there any more."""
        return self.code in _GONE

    @property
    def is_lasting(self) -> bool:
        """Whether a person must change something before it can work."""
        return self.code in _LASTING


def web_client(token: str, base_url: str) -> WebClient:
    """Return a client that never waits long: whoever calls decides what to do about a failure."""
    return WebClient(token=token, base_url=base_url, timeout=_TIMEOUT_S)


class Gateway:
    """Slack as we use it; every message goes out without unfurled links.

    All methods raise SlackFailed; none waits for a rate limit to pass.
    """

    def __init__(self, client: WebClient) -> None:
        self._client = client

    def post(
        self, channel: str, text: str, *, blocks: list[Block] | None = None, thread_ts: str | None = None, **more: Any
    ) -> tuple[str, str]:
        """Post a message and return (channel, ts); a user's id as the channel makes it a direct message."""
        answer = self._call(
            "chat.postMessage",
            channel=channel,
            text=cut(text, 3000),
            blocks=blocks,
            thread_ts=thread_ts,
            unfurl_links=False,
            unfurl_media=False,
            **more,
        )
        return str(answer["channel"]), str(answer["ts"])

    def update(self, channel: str, ts: str, text: str, *, blocks: list[Block]) -> None:
        """Replace a message of ours. Without its blocks it would lose them."""
        self._call("chat.update", channel=channel, ts=ts, text=cut(text, 3000), blocks=blocks)

    def ephemeral(self, channel: str, user: str, text: str, *, thread_ts: str | None = None) -> None:
        """Tell one person in a channel something that nobody else sees."""
        self._call("chat.postEphemeral", channel=channel, user=user, text=cut(text, 3000), thread_ts=thread_ts)

    def open_view(self, trigger_id: str, view: Block) -> str:
        """Open a modal and return its id; the trigger lives three seconds."""
        answer = self._call("views.open", trigger_id=trigger_id, view=view)
        return str(answer["view"]["id"])

    def push_view(self, trigger_id: str, view: Block) -> None:
        """Put a modal on top of the open one."""
        self._call("views.push", trigger_id=trigger_id, view=view)

    def update_view(self, view_id: str, view: Block, *, seen_hash: str | None) -> None:
        """Replace an open modal unless it has changed since `seen_hash`: then a later change is on its way."""
        try:
            self._call("views.update", view_id=view_id, hash=seen_hash, view=view)
        except SlackFailed as failure:
            if failure.code not in ("hash_conflict", "not_found", "view_not_found"):
                raise

    def publish_home(self, user: str, view: Block) -> None:
        """Show a person their Home tab."""
        self._call("views.publish", user_id=user, view=view)

    def file(self, file_id: str) -> dict[str, Any]:
        """Return what Slack knows of a file: `name`, `size`, `url_private`, …"""
        answer = self._ask("files.info", lambda: self._client.files_info(file=file_id))
        return dict(answer["file"])

    def share_file(self, channel: str, name: str, content: bytes, *, thread_ts: str) -> str:
        """Put a file into a thread and return its id; it takes files:write, which not every workspace grants."""
        answer = self._ask(
            "files.completeUploadExternal",
            lambda: self._client.files_upload_v2(
                channel=channel, thread_ts=thread_ts, filename=name, title=name, content=content
            ),
        )
        return next((str(each["id"]) for each in answer.get("files") or ()), "")

    def delete_file(self, file_id: str) -> None:
        """Take a file of ours away; one that is gone already is fine."""
        try:
            self._ask("files.delete", lambda: self._client.files_delete(file=file_id))
        except SlackFailed as failure:
            if failure.code not in ("file_not_found", "file_deleted"):
                raise

    def _call(self, method: str, **arguments: Any) -> SlackResponse:
        given = {key: value for key, value in arguments.items() if value is not None}
        return self._ask(method, lambda: self._client.api_call(method, json=given))

    def _ask(self, method: str, call: Callable[[], SlackResponse]) -> SlackResponse:
        try:
            return call()
        except SlackApiError as failure:
            raise _failed(method, failure) from None
        # urllib raises OSErrors and HTTPExceptions as they come; ValueError is an answer that isn't JSON.
        except (SlackClientError, OSError, HTTPException, json.JSONDecodeError) as failure:
            raise SlackFailed(method, type(failure).__name__) from failure


def _failed(method: str, failure: SlackApiError) -> SlackFailed:
    answer = failure.response
    code = answer.get("error") if isinstance(answer.data, dict) else None
    wait = answer.headers.get("Retry-After") or answer.headers.get("retry-after") or "0"
    return SlackFailed(method, code or f"http {answer.status_code}", retry_after_s=int(wait) if wait.isdigit() else 0)
