"""The doors, served by a real uvicorn on this test's own database; and what Twilio would post to them."""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp
import pytest
import sqlalchemy as sa
import uvicorn
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # ships no annotations

from core import db, settings
from core.settings import Settings, load
from tests.webhooks import toxins
from webhooks import app
from workers import events as retrying

T = TypeVar("T")

PUBLIC_URL = "https://blast.example.org"
ACCOUNT = "AC" + "0" * 32
TOKEN, OLD_TOKEN = "the-token", "the-token-before"
SENDER = "+12125550100"


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    content_type: str


@dataclass
class Door:
    """A way in over HTTP, signing as Twilio does with its own SDK."""

    port: int
    engine: sa.Engine
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/x-www-form-urlencoded"})

    def request(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.read().decode(), response.headers.get("Content-Type", ""))
        finally:
            connection.close()

    def post(self, path: str, params: dict[str, str], *, token: str = TOKEN, **headers: str) -> Answer:
        return self.request("POST", path, urlencode(params).encode(), self.signed(path, params, token=token) | headers)

    def signed(self, path: str, params: dict[str, str], *, token: str = TOKEN) -> dict[str, str]:
        signature = RequestValidator(token).compute_signature(PUBLIC_URL + path, params)
        return self.headers | {"X-Twilio-Signature": signature}

    def status(self, sid: str, status: str, *, delivery: int | None = None, **params: str) -> Answer:
        path = "/twilio/status" + (f"?delivery={delivery}&attempt=1" if delivery is not None else "")
        return self.post(path, {"AccountSid": ACCOUNT, "MessageSid": sid, "MessageStatus": status} | params)

    def text(self, body: str, *, sid: str = "SM" + "1" * 32, sender: str = "+12125550123", **params: str) -> Answer:
        given = {"AccountSid": ACCOUNT, "MessageSid": sid, "From": sender, "To": SENDER, "Body": body, "NumMedia": "0"}
        return self.post("/twilio/inbound", given | params)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """An engine on this test's own database."""
    engine = db.connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def config(redis_server: Any) -> Settings:
    """Settings of the account that the doors belong to; Redis is there, and nothing but readiness may need it."""
    return load(
        redis_url=redis_server.url,
        public_url=PUBLIC_URL,
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        twilio_auth_token_secondary=OLD_TOKEN,
        organization_name="Tenants Together",
    )


@pytest.fixture
def serve(free_port: int) -> Iterator[Callable[[Settings, sa.Engine], Door]]:
    """Serve the doors in a thread until the test ends."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(config: Settings, engine: sa.Engine) -> Door:
        served = uvicorn.Config(
            app.create(config, engine), host="127.0.0.1", port=free_port, http="httptools", log_config=None
        )
        server = uvicorn.Server(served)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        wait_until(lambda: server.started)
        return Door(free_port, engine)

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(timeout=60)


@pytest.fixture
def door(serve: Callable[[Settings, sa.Engine], Door], config: Settings, engine: sa.Engine) -> Door:
    """The doors, open."""
    return serve(config, engine)


@pytest.fixture
def toxic(engine: sa.Engine) -> None:
    """A database that chokes on some messages, as it would on a bug of ours."""
    toxins.poison_messages(engine)


@pytest.fixture
def worker(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """A worker on the same database, which tries again what is due."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    settings.current.cache_clear()
    db.engine.cache_clear()
    yield retrying.retry_events.fn
    db.engine().dispose()
    monkeypatch.undo()
    settings.current.cache_clear()
    db.engine.cache_clear()


async def post_all(door: Door, posts: list[tuple[str, dict[str, str]]], *, connections: int = 64) -> list[int]:
    """Post to the doors over so many connections; return how each was answered."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as client:

        async def post(path: str, params: dict[str, str]) -> int:
            url = f"http://127.0.0.1:{door.port}{path}"
            async with client.post(url, data=urlencode(params), headers=door.signed(path, params)) as response:
                return response.status

        return await asyncio.gather(*(post(path, params) for path, params in posts))


def has_in_hand(door: Door, count: int) -> bool:
    """Tell whether so many receipts have come in."""
    return _metric(door, "blast_receipts_received_total") >= count


def has_text_in_hand(door: Door) -> bool:
    """Tell whether a text waits to be written."""
    return _metric(door, 'blast_webhook_queue_depth{lane="inbound"}') > 0


def _metric(door: Door, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", door.request("GET", "/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def wait_until(is_so: Callable[[], object], *, within_s: float = 60.0) -> None:
    """Wait for a condition."""
    waiting = threading.Event()
    for _ in range(int(within_s / 0.02)):
        if is_so():
            return
        waiting.wait(0.02)
    raise AssertionError("it didn't happen in time")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous calls of a test."""
    return asyncio.run(work)
