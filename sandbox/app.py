"""Puts the stand-ins, the page and its API together as one ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox import slack, twilio, vonage
from sandbox.guard import Guard
from sandbox.settings import SandboxSettings
from sandbox.smtp import MailSink
from sandbox.stream import Stream
from sandbox.traffic import Feed, Traffic

PAGE = Path(__file__).parent / "page"


@dataclass(frozen=True)
class Sandbox:
    """The parts of one sandbox, and the application that serves them."""

    settings: SandboxSettings
    traffic: Traffic
    stream: Stream
    mail: MailSink
    slack: slack.SlackStandIn
    twilio: twilio.TwilioStandIn
    vonage: vonage.VonageStandIn

    def app(self) -> ASGIApp:
        """Return the application; its lifespan starts and stops the parts."""
        inner = Starlette(
            routes=[*self._own_routes(), *self.slack.routes, *self.twilio.routes, *self.vonage.routes, _page()],
            lifespan=self._lifespan,
            exception_handlers={HTTPException: _as_sentence},
        )
        return Guard(_twilio_first(self.twilio.asgi, inner))

    def _own_routes(self) -> list[BaseRoute]:
        return [
            Route("/healthz", self._health),
            Route("/ui/state", self._state),
            Route("/ui/stream", self.stream.respond),
            Route("/ui/traffic", self._traffic),
            Route("/ui/mails", self._mails),
        ]

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self.mail.start()
        await self.slack.start()
        await self.twilio.start()
        await self.vonage.start()
        try:
            yield
        finally:
            await self.vonage.stop()
            await self.twilio.stop()
            await self.slack.stop()
            await self.mail.stop()

    async def _health(self, _: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "smtp_port": self.mail.port})

    async def _state(self, _: Request) -> JSONResponse:
        cursor = self.stream.cursor()  # read first: what happens meanwhile is streamed again rather than missed
        phones = self.twilio.snapshot()
        return JSONResponse(
            {
                "cursor": cursor,
                "slack": self.slack.snapshot(),
                "phones": phones,
                "totals": phones.get("totals", {}),
                "smtp_port": self.mail.port,
            }
        )

    async def _traffic(self, _: Request) -> JSONResponse:
        return JSONResponse({"exchanges": self.traffic.rows()})

    async def _mails(self, _: Request) -> JSONResponse:
        return JSONResponse({"mails": self.mail.mails()})


def assemble(settings: SandboxSettings) -> Sandbox:
    """Build a sandbox; call it inside the event loop or before, nothing is started yet."""
    feed = Feed()
    traffic = Traffic(feed)
    return Sandbox(
        settings=settings,
        traffic=traffic,
        stream=Stream(feed),
        mail=MailSink(feed, traffic, host=settings.host, port=settings.smtp_port),
        slack=slack.create(settings, feed, traffic),
        twilio=twilio.create(settings, feed, traffic),
        vonage=vonage.create(settings, traffic),
    )


def _page() -> Mount:
    return Mount("/", StaticFiles(directory=PAGE, html=True))


def _twilio_first(fast: ASGIApp, inner: ASGIApp) -> ASGIApp:
    """Hand Twilio's wire API to its own callable: routing would be a fifth of the cost of a message."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/twilio/"):
            await fast(scope, receive, send)
        else:
            await inner(scope, receive, send)

    return app


async def _as_sentence(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    sentences = {404: "There is nothing at this address.", 405: "This address does not take that method."}
    return JSONResponse({"error": sentences.get(status, "That could not be done.")}, status_code=status)
