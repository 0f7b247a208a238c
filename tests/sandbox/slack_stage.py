"""A stage for tests of the Slack stand-in: it and a small Bolt app, both over real HTTP, and hands to act with."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from slack_bolt import App
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.settings import SandboxSettings
from sandbox.slack import SlackStandIn
from sandbox.traffic import Feed, Traffic

Json = dict[str, Any]


class Clock:
    """Real time, until it is put forward."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self._ahead_s

    def forward(self, seconds: float) -> None:
        """Let time pass for the stand-in."""
        self._ahead_s += seconds


@dataclass
class Stage:
    """The stand-in, its workspace as people see it, and what the bot was sent."""

    address: str
    stand_in: SlackStandIn
    traffic: Traffic
    clock: Clock
    bot: "Bot"
    client: WebClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.client_with("xoxb-sandbox")

    def client_with(self, token: str) -> WebClient:
        """Return Slack's own client with some token."""
        return WebClient(token=token, base_url=f"{self.address}/slack/api/", timeout=60)

    def act(self, name: str, **body: object) -> Json:
        """Do something as somebody, as the page does; return the answer, or fail with its sentence."""
        status, answer = self.try_to(name, **body)
        assert status == 200, answer
        return answer

    def try_to(self, name: str, **body: object) -> tuple[int, Json]:
        """Do something that may be refused; return the status and the answer."""
        status, text, _ = request(self.address, "POST", f"/ui/slack/{name}", json.dumps(body))
        answer: Json = json.loads(text)
        return status, answer

    def view_of(self, user: str) -> Json:
        """Return the topmost modal of somebody."""
        stack: list[Json] = self.stand_in.snapshot()["views"][user]
        return stack[-1]

    def views_of(self, user: str) -> list[Json]:
        """Return all modals of somebody."""
        stack: list[Json] = self.stand_in.snapshot()["views"].get(user, [])
        return stack

    def messages_in(self, channel: str) -> list[Json]:
        """Return what stands in a channel."""
        channels = {entry["id"]: entry for entry in self.stand_in.snapshot()["channels"]}
        messages: list[Json] = channels[channel]["messages"]
        return messages

    def whispers_to(self, user: str) -> list[Json]:
        """Return what only this person sees."""
        return [entry for entry in self.stand_in.snapshot()["ephemerals"] if entry["user"] == user]


class Bot:
    """A small Bolt app, with all that it was sent."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.app: App | None = None
        self.status: int | None = None

    def asgi(self) -> Starlette:
        """Return the app that serves it."""
        return Starlette(routes=[Route("/slack/events", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        self.received.append((dict(request.headers), body))
        if self.status is not None:
            return Response(status_code=self.status)
        assert self.app is not None
        return to_starlette_response(await run_in_threadpool(self.app.dispatch, to_bolt_request(request, body)))


def wait_for(condition: Callable[[], object], within_s: float = 60.0) -> None:
    """Wait until something is so; fail after a while."""
    deadline = time.monotonic() + within_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        pause.wait(0.01)


def error_of(call: Callable[[], object]) -> Json:
    """Return Slack's answer to a call that it refuses."""
    try:
        call()
    except SlackApiError as error:
        answer: Json = error.response.data
        return answer
    raise AssertionError("Slack took it")


def request(address: str, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str, dict[str, str]]:
    """Send one HTTP request; return status, body and headers."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    try:
        kind = {"content-type": "application/json"}
        connection.request(method, path, body.encode(), kind | {k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        return response.status, response.read().decode(), {k.lower(): v for k, v in response.getheaders()}
    finally:
        connection.close()


@contextlib.contextmanager
def serving(app: Starlette, listener: socket.socket) -> Iterator[None]:
    """Serve an app on a socket, in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        listener.close()


@contextlib.contextmanager
def running(retry_delays_s: tuple[float, ...] = (0.0, 0.05, 0.1)) -> Iterator[Stage]:
    """Run a stand-in and a bot on free ports."""
    own, bot = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    settings = SandboxSettings(port=own.getsockname()[1], bot_url=Bot(bot).url)
    feed, clock = Feed(), Clock()
    traffic = Traffic(feed)
    stand_in = SlackStandIn(settings, feed, traffic, clock=clock, retry_delays_s=retry_delays_s)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await stand_in.start()
        yield
        await stand_in.stop()

    stage = Stage(f"http://127.0.0.1:{settings.port}", stand_in, traffic, clock, Bot(bot))
    app = Starlette(routes=list(stand_in.routes), lifespan=lifespan)
    with serving(app, own), serving(stage.bot.asgi(), bot):
        stage.bot.app = App(client=stage.client, signing_secret=settings.slack_signing_secret, token="xoxb-sandbox")
        yield stage


def plain(text: str) -> Json:
    """Return a plain text object."""
    return {"type": "plain_text", "text": text}


def section(text: str) -> Json:
    """Return a section block."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(action_id: str, value: str = "1") -> Json:
    """Return a button."""
    return {"type": "button", "action_id": action_id, "text": plain("Press"), "value": value}


def text_input(block_id: str, **more: object) -> Json:
    """Return an input block with a text input of the same id."""
    element = {"type": "plain_text_input", "action_id": block_id}
    return {"type": "input", "block_id": block_id, "label": plain("Label"), "element": element, **more}


def modal(*blocks: Json, **more: object) -> Json:
    """Return a modal with a submit button."""
    common = {"type": "modal", "title": plain("Title"), "submit": plain("Go"), "callback_id": "compose"}
    return {**common, "blocks": list(blocks), **more}
