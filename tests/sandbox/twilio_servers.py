"""Twilio's stand-in and a product that only listens, both over real HTTP, for the tests beside this file."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl
from urllib.request import Request, urlopen

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]  # ships no annotations
from twilio.http.async_http_client import AsyncTwilioHttpClient  # type: ignore[import-untyped]  # ships no annotations
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # ships no annotations
from twilio.rest import Client  # type: ignore[import-untyped]  # ships no annotations

from sandbox import twilio
from sandbox.settings import SandboxSettings
from sandbox.traffic import Feed, Traffic
from sandbox.twilio import TwilioStandIn

__all__ = ["AsyncTwilioHttpClient", "Client", "Rig", "Servers", "TwilioRestException", "wait_until"]

ACCOUNT = "AC" + "0" * 32
TOKEN = "sandbox-auth-token"
SENDER = "+12125550100"
DEADLINE_S = 60.0


def wait_until(is_so: Callable[[], object]) -> None:
    """Return once `is_so` says something true; fail after a minute."""
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline, "It did not come to pass in time."
        threading.Event().wait(0.01)


@dataclass(frozen=True)
class Posted:
    """One request that the product got."""

    path: str
    query: str
    headers: Mapping[str, str]
    form: dict[str, str]

    def is_signed(self, base: str, *, algorithm: str | None = None) -> bool:
        """Say whether Twilio's own SDK takes the signature for good, the product being known as `base`."""
        url = f"{base}{self.path}" + (f"?{self.query}" if self.query else "")
        return bool(RequestValidator(TOKEN).validate(url, self.form, self.headers["x-twilio-signature"], algorithm))


@dataclass
class Product:
    """A web server that keeps what is posted to it and answers as told: first `answers`, then 204."""

    url: str
    posted: list[Posted] = field(default_factory=list)
    answers: list[tuple[int, str, str]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request."""
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        self.posted.append(Posted(scope["path"], scope["query_string"].decode(), headers, form))
        status, kind, text = self.answers.pop(0) if self.answers else (204, "", "")
        sent_headers = [(b"content-type", kind.encode())] if kind else []
        await send({"type": "http.response.start", "status": status, "headers": sent_headers})
        await send({"type": "http.response.body", "body": text.encode()})

    def statuses(self) -> list[str]:
        """Return the statuses reported so far."""
        return [one.form["MessageStatus"] for one in self.posted if "MessageStatus" in one.form]


@dataclass(frozen=True)
class Servers:
    """The stand-in under test, and the product that it talks to."""

    url: str
    product: Product
    feed: Feed
    traffic: Traffic

    def client(self, username: str = ACCOUNT, password: str = TOKEN) -> Client:
        """Return Twilio's own client, pointed at the stand-in."""
        client = Client(username, password, account_sid=ACCOUNT)
        client.api.base_url = f"{self.url}/twilio"
        return client

    def get(self, path: str) -> Any:
        """Return what the page's API answers."""
        with urlopen(f"{self.url}{path}", timeout=DEADLINE_S) as response:  # noqa: S310  our own server
            return json.load(response)

    def post(self, path: str, **fields: object) -> Any:
        """Post to the page's API and return what it answers, refusals too."""
        request = Request(f"{self.url}{path}", json.dumps(fields).encode(), {"Content-Type": "application/json"})  # noqa: S310  our own server
        try:
            with urlopen(request, timeout=DEADLINE_S) as response:  # noqa: S310  our own server
                return json.load(response)
        except HTTPError as refusal:
            return json.load(refusal)

    def behave(self, **knobs: object) -> None:
        """Turn knobs; fail if one doesn't exist."""
        answer = self.post("/ui/twilio/behaviour", **knobs)
        assert "error" not in answer, answer

    def wait_until_settled(self) -> dict[str, Any]:
        """Wait until no callback is due any more, and return the totals."""
        wait_until(lambda: self.get("/ui/ledger")["callbacks"]["pending"] == 0)
        totals: dict[str, Any] = self.get("/ui/ledger")
        return totals

    def messages(self, direction: str = "all") -> list[dict[str, Any]]:
        """Return the ledger's rows."""
        rows: list[dict[str, Any]] = self.get(f"/ui/ledger/messages?direction={direction}")["messages"]
        return rows


class Rig:
    """Two web servers, one for the product and one for the stand-in; each test gets a new stand-in in the second."""

    def __init__(self) -> None:
        self._stand_in = _Slot()
        self._product = _Slot()
        self._product_url = ""
        self._url = ""

    @classmethod
    @contextmanager
    def up(cls) -> Iterator["Rig"]:
        """Start the servers, and stop them in the end."""
        rig = cls()
        with _listening(rig._product) as rig._product_url, _listening(rig._stand_in) as rig._url:
            yield rig

    @contextmanager
    def serve(self, settings: SandboxSettings | None = None) -> Iterator[Servers]:
        """Put a new stand-in and a new product in their places."""
        product, feed = Product(self._product_url), Feed()
        traffic = Traffic(feed)
        stand_in = twilio.create(replace(settings or SandboxSettings(), webhooks_url=product.url), feed, traffic)
        self._product.app, self._stand_in.app = product, _as_app(stand_in)
        self._stand_in.run(stand_in.start())
        try:
            servers = Servers(self._url, product, feed, traffic)
            servers.behave(callback_latency_ms=5)
            yield servers
        finally:
            self._stand_in.run(stand_in.stop())


class _Slot:
    """An application that can be exchanged while its server runs."""

    app: ASGIApp
    loop: asyncio.AbstractEventLoop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        self.loop = asyncio.get_running_loop()
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    def run(self, work: Coroutine[object, object, None]) -> None:
        """Run something on the server's own event loop, and wait for it."""
        asyncio.run_coroutine_threadsafe(work, self.loop).result(DEADLINE_S)


@contextmanager
def _listening(app: ASGIApp) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(DEADLINE_S)
        listener.close()


def _as_app(stand_in: TwilioStandIn) -> ASGIApp:
    """Put the stand-in together as the sandbox does."""
    inner = Starlette(routes=stand_in.routes)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (stand_in.asgi if scope["path"].startswith("/twilio/") else inner)(scope, receive, send)

    return app
