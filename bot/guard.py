"""What stands in front of Bolt: nothing unsigned, stale, oversized or malformed gets through, and nothing twice.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from core import db
from core.clock import utc_now
from core.usecases import requests
from core.usecases.requests import Seen

LARGEST = 1_000_000  # bytes
_FRESH_S = 300
_TIMESTAMP = re.compile(r"[0-9]{1,11}", re.ASCII).fullmatch
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}", re.ASCII).fullmatch
_EVENT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}", re.ASCII).fullmatch
_INTERACTIONS = frozenset(
    {"block_actions", "view_submission", "view_closed", "block_suggestion", "shortcut", "message_action"}
)
# What Bolt reaches into without looking: each must be of this type where it is there at all.
_SHAPES: Mapping[str, type | tuple[type, ...]] = {
    "action_ts": str,
    "actions": list,
    "authorizations": list,
    "authed_users": list,
    "bot_access_token": str,
    "channel": dict,
    "container": dict,
    "enterprise": dict,
    "event": dict,
    "function_data": dict,
    "is_enterprise_install": (bool, str),
    "message": dict,
    "response_urls": list,
    "team": dict,
    "user": dict,
    "view": dict,
}


class Refused(Exception):
    """A request that isn't answered, with the status that says why; its body is never logged."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request that came from Slack. `key` tells it from all others, and is the same when it comes again."""

    body: str
    key: str
    is_event: bool


async def read(request: Request) -> bytes:
    """Return the body, if it isn't too large.

    Raises:
        Refused: 413 when it is, without reading it all; 400 when it broke off.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > LARGEST:
        raise Refused(413, "too large")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST:
                raise Refused(413, "too large")
    except ClientDisconnect:
        raise Refused(400, "broken off") from None
    return bytes(body)


def check(headers: Mapping[str, str], body: bytes, *, secret: str, now: datetime) -> Envelope:
    """Verify who signed a request, and only then look at what it says.

    Raises:
        Refused: 401 when it isn't Slack's or isn't fresh, 400 when it isn't what it says.
    """
    stamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
    _require_signature(stamp, signature, body, secret=secret, now=now)
    try:
        text = body.decode()
        payload = _payload(headers.get("content-type", ""), text)
    except (UnicodeError, ValueError, RecursionError):
        raise Refused(400, "malformed") from None
    is_event = payload.get("type") == "event_callback"
    return Envelope(text, f"event:{payload['event_id']}" if is_event else f"{stamp}:{signature}", is_event)


def once(key: str, answer: Callable[[], int], *, now: Callable[[], datetime] = utc_now) -> Seen:
    """Let `answer` do a request, unless it was done; it returns an HTTP status, and has failed if that is 5xx.

    A request that failed, or whose process died, is forgotten: when it comes again, it is done.
    """
    with db.transaction() as session:
        seen = requests.begin(session, key, now=now())
    if seen is not Seen.NEVER:
        return seen
    has_failed = True
    try:
        has_failed = answer() >= 500
    finally:
        with db.transaction() as session:
            if has_failed:
                requests.forget(session, key)
            else:
                requests.finish(session, key, now=now())
    return seen


def _require_signature(stamp: str, signature: str, body: bytes, *, secret: str, now: datetime) -> None:
    if not _TIMESTAMP(stamp) or abs(now.timestamp() - int(stamp)) > _FRESH_S:
        raise Refused(401, "not fresh")
    signed = b":".join((b"v0", stamp.encode(), body))
    expected = f"v0={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
    if not _SIGNATURE(signature) or not hmac.compare_digest(expected, signature):
        raise Refused(401, "not signed")


def _payload(content_type: str, text: str) -> Mapping[str, Any]:
    """Return what a body says.

    Raises:
        ValueError: it isn't of its type, or isn't anything that Slack sends.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return _event(_json(text))
    if kind != "application/x-www-form-urlencoded":
        raise ValueError("unknown content type")
    fields = parse_qsl(text, keep_blank_values=True, errors="strict")
    form = dict(fields)
    if len(form) != len(fields) or "\0" in "".join(form.values()):
        raise ValueError("a field comes twice, or can't be stored")
    if "payload" in form:
        return _interaction(_json(form["payload"]))
    is_command = form.get("command", "").startswith("/") and form.get("user_id") and form.get("team_id")
    if not is_command and form.get("ssl_check") != "1":
        raise ValueError("neither a command nor an interaction")
    return form


def _event(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    if payload.get("type") == "url_verification":
        _require(isinstance(payload.get("challenge"), str))
        return payload
    if payload.get("type") == "event_callback":
        event, event_id = payload.get("event"), payload.get("event_id")
        _require(isinstance(event, dict) and isinstance(event.get("type"), str))
        _require(isinstance(event_id, str) and bool(_EVENT_ID(event_id)))
        return payload
    # Of everything else, only that the app was rate limited may come.
    _require(payload.get("type") == "app_rate_limited")
    return payload


def _interaction(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    kind, user = payload.get("type"), payload.get("user")
    _require(kind in _INTERACTIONS and isinstance(user, dict) and isinstance(user.get("id"), str))
    if kind == "block_actions":
        actions = payload.get("actions")
        _require(isinstance(actions, list) and bool(actions) and _are_dicts(actions))
    if kind in ("view_submission", "view_closed"):
        _require_view(payload.get("view"))
    return payload


def _require_view(view: Any) -> None:
    _require(isinstance(view, dict) and all(isinstance(view.get(name), str) for name in ("id", "type", "callback_id")))
    state = view.get("state") or {}
    _require(isinstance(state, dict) and isinstance(view.get("blocks") or [], list))
    values = state.get("values") or {}
    _require(isinstance(values, dict) and _are_dicts(values.values()) and _are_dicts(view.get("blocks") or []))
    _require(all(_are_dicts(actions.values()) for actions in values.values()))


def _are_dicts(items: Iterable[Any]) -> bool:
    return all(isinstance(item, dict) for item in items)


def _json(text: str) -> Mapping[str, Any]:
    payload = json.loads(text)
    _require(isinstance(payload, dict))
    # Neither database stores what can't be written in UTF-8, nor NUL.
    written = json.dumps(payload, ensure_ascii=False)
    written.encode()
    _require("\\u0000" not in written)
    for name, shape in _SHAPES.items():
        _require(payload.get(name) is None or isinstance(payload[name], shape))
    _require(_are_dicts(payload.get("authorizations") or ()))
    return dict(payload)


def _require(is_so: bool) -> None:  # noqa: FBT001  # a condition is all that it takes
    if not is_so:
        raise ValueError("not what it says")
