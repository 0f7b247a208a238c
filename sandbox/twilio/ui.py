"""What tests and the page ask of the ledger, and the knobs of the behaviour."""

import asyncio
from functools import partial
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox.twilio import windows
from sandbox.twilio.account import Account
from sandbox.twilio.behaviour import BadBehaviour
from sandbox.twilio.ledger import Message
from sandbox.twilio.pulse import Pulse

LARGEST_PAGE = 10_000


class Desk:
    """Serves /ui/ledger and /ui/twilio/behaviour."""

    def __init__(self, account: Account, pulse: Pulse) -> None:
        self._account = account
        self._pulse = pulse
        self.routes = [
            Route("/ui/ledger", self.totals),
            Route("/ui/ledger/messages", self.messages),
            Route("/ui/ledger/windows", self.windows),
            Route("/ui/twilio/behaviour", self.behaviour, methods=["GET", "POST"]),
        ]

    async def totals(self, _: Request) -> JSONResponse:
        """Answer GET /ui/ledger."""
        return JSONResponse(self._account.totals())

    async def messages(self, request: Request) -> JSONResponse:
        """Answer GET /ui/ledger/messages: oldest first, those after order `after`, of one direction or `all`."""
        try:
            after = int(request.query_params.get("after", "-1"))
            limit = min(int(request.query_params.get("limit", "1000")), LARGEST_PAGE)
        except ValueError:
            return _sentence("after and limit must be whole numbers.")
        direction = request.query_params.get("direction", "outbound-api")
        ledger = self._account.ledger
        found = (ledger.read(order) for order in range(max(after + 1, 0), len(ledger)))
        wanted = (message for message in found if direction in ("all", message.direction))
        rows = [_row(message) for message in islice(wanted, max(limit, 0))]
        return JSONResponse({"messages": rows, "next": rows[-1]["order"] if len(rows) == limit and rows else None})

    async def windows(self, request: Request) -> JSONResponse:
        """Answer GET /ui/ledger/windows: per sender the most segments accepted in any `seconds` (1) since `since`.

        What the stand-in saw at once, since it was held up, may have come one by one: only what certainly came together
        counts together.
        """
        try:
            seconds = float(request.query_params.get("seconds", "1"))
            since = max(int(request.query_params.get("since", "0")), 0)
        except ValueError:
            return _sentence("seconds must be a number, since the order of a message.")
        texts = self._account.ledger.outbound(since=since)
        measure = partial(windows.busiest, came_since=self._pulse.came_since, seconds=seconds)
        found = await asyncio.to_thread(measure, texts)  # a million take a second
        return JSONResponse({"seconds": seconds, "senders": {sender: one.as_json() for sender, one in found.items()}})

    async def behaviour(self, request: Request) -> JSONResponse:
        """Answer GET and POST /ui/twilio/behaviour."""
        if request.method == "POST":
            try:
                knobs = await request.json()
                self._account.behaviour = self._account.behaviour.changed(knobs if isinstance(knobs, dict) else {})
            except BadBehaviour as error:
                return _sentence(str(error))
            except ValueError:
                return _sentence("That is not JSON: send an object of knobs and values.")
        return JSONResponse(self._account.behaviour.as_json())


def _row(message: Message) -> dict[str, Any]:
    return {
        "order": message.order,
        "sid": message.sid,
        "direction": message.direction,
        "to": message.sender if message.direction == "inbound" else message.member,
        "from": message.member if message.direction == "inbound" else message.sender,
        "body": message.body,
        "status": message.status,
        "error_code": message.error_code or None,
        "segments": message.segments,
        "at": message.created_at,
        "query": message.callback.partition("?")[2].partition("#")[0],
    }


def _sentence(error: str) -> JSONResponse:
    return JSONResponse({"error": error}, status_code=400)
