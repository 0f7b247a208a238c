"""The doors through which Slack comes: one address for everything over HTTP, or a socket that we open."""

from collections.abc import Callable

import sqlalchemy as sa
import structlog
from anyio import CapacityLimiter, to_thread
from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.adapter.starlette.handler import to_starlette_response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot import guard
from bot.guard import Envelope, Refused
from core.clock import utc_now
from core.usecases.requests import Seen

log = structlog.get_logger()

# Each waits for the database or Slack most of its time.
_THREADS = 32


def http(app: App, *, secret: str) -> Starlette:
    """Return the server that Slack posts to; without a `secret` (Socket Mode) it only says that it is well."""
    limiter = CapacityLimiter(_THREADS)

    async def slack_events(request: Request) -> Response:
        try:
            body = await guard.read(request)
            envelope = guard.check(request.headers, body, secret=secret, now=utc_now())
        except Refused as refusal:
            log.info("request.rejected", status=refusal.status, reason=refusal.reason)
            return PlainTextResponse(refusal.reason, refusal.status)
        # Bolt is synchronous: on the event loop one slow query would hold up everybody.
        headers = dict(request.headers)
        return await to_thread.run_sync(lambda: answer(app, envelope, headers), limiter=limiter)

    routes = [Route("/healthz", _healthz, methods=["GET"])]
    if secret:
        routes.append(Route("/slack/events", slack_events, methods=["POST"]))
    return Starlette(routes=routes)


def answer(app: App, envelope: Envelope, headers: dict[str, str]) -> Response:
    """Answer a request that the guard let through, unless it was answered before."""
    request = BoltRequest(body=envelope.body, headers=dict(headers))
    answers: list[BoltResponse] = []
    seen = seen_once(envelope.key, lambda: dispatch(app, request, answers))
    if seen is None:
        return PlainTextResponse("try again", 503)
    if seen is Seen.DONE:
        return PlainTextResponse("", 200)
    if seen is Seen.RUNNING:
        return PlainTextResponse("being answered", 503)
    (response,) = answers
    # That we don't listen to an event is no failure: Slack would bring it again.
    if envelope.is_event and response.status == 404:
        return PlainTextResponse("", 200)
    return to_starlette_response(response)


def dispatch(app: App, request: BoltRequest, answers: list[BoltResponse]) -> int:
    """Let Bolt answer; return the status."""
    structlog.contextvars.clear_contextvars()
    response = app.dispatch(request)
    answers.append(response)
    return response.status


def seen_once(key: str, work: Callable[[], int]) -> Seen | None:
    """Do a request once; None when the database is out of reach, and Slack had better come again."""
    try:
        return guard.once(key, work)
    except sa.exc.DBAPIError:
        log.exception("database.away")
        return None


async def _healthz(request: Request) -> Response:
    return PlainTextResponse("ok")
