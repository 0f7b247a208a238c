"""How what people do reaches the bot: signed over HTTP, or over its socket; retried, and replayed on demand."""

import asyncio
import hashlib
import hmac
import json
from collections import deque
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

import aiohttp

from sandbox.slack.socket_mode import SocketMode
from sandbox.slack.state import Slack
from sandbox.slack.wire import Json, readable
from sandbox.traffic import Exchange, Traffic

PATIENCE_SECONDS = 3.0
KEPT = 200
RETRY_DELAYS_S = (0.0, 60.0, 300.0)

Kind = Literal["slash_commands", "interactive", "events_api"]


@dataclass(frozen=True)
class Answer:
    """What the bot said; status 0 when it said nothing in time, with Slack's own name for that."""

    status: int
    body: str = ""
    failure: str = ""

    @property
    def is_ok(self) -> bool:
        """Say whether the bot took it."""
        return 200 <= self.status < 300

    def as_json(self) -> Json | None:
        """Return the body if it is a JSON object."""
        try:
            content = json.loads(self.body)
        except ValueError:
            return None
        return content if isinstance(content, dict) else None


@dataclass(frozen=True)
class _Sent:
    headers: dict[str, str]
    body: bytes


class Deliveries:
    """Delivers to the bot, and keeps the last 200 requests for replays."""

    def __init__(
        self, slack: Slack, traffic: Traffic, socket: SocketMode, retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S
    ) -> None:
        self._slack = slack
        self._traffic = traffic
        self._socket = socket
        self._retry_delays_s = retry_delays_s
        self._url = f"{slack.settings.bot_url}/slack/events"
        self._session: aiohttp.ClientSession | None = None
        self._sent: deque[_Sent] = deque(maxlen=KEPT)
        self._retrying: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open what requests are sent with."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS))

    async def stop(self) -> None:
        """Give up the retries, and close."""
        for task in self._retrying:
            task.cancel()
        await asyncio.gather(*self._retrying, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def command(self, form: Json) -> Answer:
        """Deliver a slash command."""
        if self._socket.is_connected:
            return await self._over_socket("slash_commands", form)
        return await self._over_http(
            _Sent(*self._signed(urlencode(form).encode(), "application/x-www-form-urlencoded"))
        )

    async def interact(self, payload: Json) -> Answer:
        """Deliver what somebody did with a block or a view."""
        if self._socket.is_connected:
            return await self._over_socket("interactive", payload)
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return await self._over_http(_Sent(*self._signed(body, "application/x-www-form-urlencoded")))

    async def event(self, payload: Json) -> Answer:
        """Deliver an event; what isn't taken is tried three times more, in the background."""
        answer = await self._event_once(payload, 0, "")
        wanted = self._slack.faults.take_retries()
        if wanted or not answer.is_ok:
            delays = (0.0,) * wanted if wanted else self._retry_delays_s
            task = asyncio.create_task(self._retry(payload, answer, delays, until_taken=not wanted))
            self._retrying.add(task)
            task.add_done_callback(self._retrying.discard)
        return answer

    async def replay(self, index: int = -1) -> Answer | None:
        """Send an earlier request again, byte for byte, with its old timestamp and signature."""
        try:
            sent = self._sent[index]
        except IndexError:
            return None
        return await self._post(sent)

    async def _retry(self, payload: Json, answer: Answer, delays: tuple[float, ...], *, until_taken: bool) -> None:
        for number, delay in enumerate(delays, start=1):
            await asyncio.sleep(delay)
            reason = answer.failure or ("http_error" if not answer.is_ok else "http_timeout")
            answer = await self._event_once(payload, number, reason)
            if until_taken and answer.is_ok:
                return

    async def _event_once(self, payload: Json, retry: int, reason: str) -> Answer:
        if self._socket.is_connected:
            more = {"retry_attempt": retry, "retry_reason": reason}
            return await self._over_socket("events_api", payload, more)
        headers, body = self._signed(json.dumps(payload).encode(), "application/json")
        if retry:
            headers |= {"x-slack-retry-num": str(retry), "x-slack-retry-reason": reason}
        return await self._over_http(_Sent(headers, body))

    async def _over_http(self, sent: _Sent) -> Answer:
        self._sent.append(sent)
        return await self._post(sent)

    async def _post(self, sent: _Sent) -> Answer:
        if self._session is None:
            raise RuntimeError("deliveries were not started")
        try:
            async with self._session.post(self._url, data=sent.body, headers=sent.headers) as response:
                answer = Answer(response.status, await response.text(errors="replace"))
        except TimeoutError:
            answer = Answer(0, failure="http_timeout")
        except aiohttp.ClientError:
            answer = Answer(0, failure="connection_failed")
        self._record("POST", self._url, readable(sent.body), answer)
        return answer

    async def _over_socket(self, kind: Kind, payload: Json, more: Json | None = None) -> Answer:
        envelope = {"accepts_response_payload": kind != "events_api", **(more or {})}
        try:
            answered = await self._socket.deliver(kind, payload, envelope, timeout_s=PATIENCE_SECONDS)
            answer = Answer(200, _body(answered))
        except TimeoutError:
            answer = Answer(0, failure="http_timeout")
        except ConnectionError:
            answer = Answer(0, failure="connection_failed")
        self._record("SOCKET", kind, json.dumps(payload), answer)
        return answer

    def _signed(self, body: bytes, content_type: str) -> tuple[dict[str, str], bytes]:
        timestamp = str(int(self._slack.clock()))
        secret = self._slack.settings.slack_signing_secret.encode()
        digest = hmac.new(secret, b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        headers = {
            "content-type": content_type,
            "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "x-slack-request-timestamp": timestamp,
            "x-slack-signature": f"v0={digest}",
        }
        return headers, body

    def _record(self, method: str, url: str, request: str, answer: Answer) -> None:
        self._traffic.add(
            Exchange(
                at=self._slack.clock(),
                direction="out",
                peer="slack",
                method=method,
                url=url,
                request=request,
                status=answer.status,
                response=answer.body or answer.failure,
            )
        )


def _body(answered: Json) -> str:
    return json.dumps(answered) if answered else ""
