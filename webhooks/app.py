"""The ASGI app: routes, health, readiness, metrics, and what is said when a request is not taken."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import sqlalchemy as sa
import structlog
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from core import db
from core.settings import Settings
from core.usecases import events
from webhooks.doors import Doors
from webhooks.voice import Calls

log = structlog.get_logger()

Door: TypeAlias = Callable[[Request], Awaitable[Response]]
Refusal: TypeAlias = Callable[[Request, Exception], Awaitable[Response]]

RECEIPTS = "/twilio/status"
_READY_WITHIN_S = 2.0


def create(settings: Settings, bind: sa.Engine | None = None) -> ASGIApp:
    """Return the app that serves Twilio's webhooks over the database `bind`."""
    engine = bind or db.engine()
    doors = Doors(settings, engine)
    calls = Calls(settings, engine, doors.metrics, let_leave=doors.let_leave)
    checks = Checks(engine, settings.redis_url)
    doors.metrics.watch_stored(lambda state: checks.events.get(state, 0))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        doors.open()
        yield
        await doors.close()
        calls.close()
        await checks.close()

    async def metrics(request: Request) -> Response:
        await asyncio.to_thread(checks.count_events)
        return Response(generate_latest(doors.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def refuse(request: Request, refusal: Exception) -> Response:
        status = refusal.status_code if isinstance(refusal, HTTPException) else 400
        doors.metrics.refused.labels(status).inc()
        log.info("request.refused", path=request.url.path, status=status)
        return PlainTextResponse(getattr(refusal, "detail", "The request broke off."), status)

    routed = Starlette(
        routes=[
            Route(RECEIPTS, doors.status, methods=["POST"]),
            Route("/twilio/inbound", doors.inbound, methods=["POST"]),
            *calls.routes,
            *(_second(doors) if settings.vonage_api_key else ()),
            Route("/email/events", doors.email, methods=["POST"]),
            Route("/healthz", _healthz),
            Route("/readyz", checks.readyz),
            Route("/metrics", metrics),
        ],
        exception_handlers={HTTPException: refuse, ClientDisconnect: refuse},
        lifespan=lifespan,
    )
    return _straight(RECEIPTS, doors.status, refuse, otherwise=routed)


def _straight(path: str, door: Door, refuse: Refusal, *, otherwise: ASGIApp) -> ASGIApp:
    """Lead what is posted to `path` straight to its door: routes and layers cost as much as all that is done there."""

    async def lead(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != path or scope["method"] != "POST":
            await otherwise(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await door(request)
        except (HTTPException, ClientDisconnect) as refusal:
            response = await refuse(request, refusal)
        await response(scope, receive, send)

    return lead


def _second(doors: Doors) -> tuple[Route, ...]:
    return (
        Route("/vonage/status", doors.vonage_status, methods=["POST"]),
        Route("/vonage/inbound", doors.vonage_inbound, methods=["POST"]),
    )


class Checks:
    """Whether what we need answers."""

    def __init__(self, bind: sa.Engine, redis_url: str) -> None:
        self._bind = bind
        self.events: dict[str, int] = {}
        self._redis = Redis.from_url(redis_url, socket_timeout=1, socket_connect_timeout=1)

    async def readyz(self, request: Request) -> Response:
        """Answer 200 when the database and Redis answer, else 503 and which of them doesn't."""
        database, redis = await asyncio.gather(self._database(), self._queue())
        found = {"database": "ok" if database else "no answer", "redis": "ok" if redis else "no answer"}
        return JSONResponse(found, 200 if database and redis else 503)

    def count_events(self) -> None:
        """Count the events that wait in the database; while it doesn't answer, the last count stands."""
        try:
            with db.reading(self._bind) as session:
                self.events = events.waiting(session)
        except SQLAlchemyError as error:
            log.warning("events.not_counted", error=type(error).__name__)

    async def close(self) -> None:
        """Close the connection to Redis."""
        await self._redis.aclose()

    async def _database(self) -> bool:
        try:
            await asyncio.wait_for(asyncio.to_thread(self._select), _READY_WITHIN_S)
        except (SQLAlchemyError, TimeoutError):
            return False
        return True

    def _select(self) -> None:
        with db.reading(self._bind) as session:
            session.execute(sa.select(1))

    async def _queue(self) -> bool:
        try:
            await asyncio.wait_for(self._redis.ping(), _READY_WITHIN_S)
        except (RedisError, OSError, TimeoutError):
            return False
        return True


async def _healthz(request: Request) -> Response:
    return PlainTextResponse("ok")
