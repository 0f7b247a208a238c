"""The routes of the stand-in: what the product calls, and what a test or the page asks of it."""

import asyncio
import hmac
import json
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox.settings import VONAGE_CREDENTIALS, SandboxSettings, is_loopback
from sandbox.traffic import Traffic
from sandbox.vonage.courier import Courier
from sandbox.vonage.ledger import Ledger, Message

_ERRORS = "https://developer.vonage.com/api-errors"
# The last four digits of a fictional number say what becomes of a text to it, as at Twilio's stand-in.
_FAILS = {"0199": ("undeliverable", 1180), "0197": ("rejected", 1190), "0196": ("rejected", 1210)}
_INVALID, _BUSY = "0195", "0194"
_WANTED = ("to", "from", "text", "channel", "message_type")


class VonageStandIn:
    """Takes texts, tells what became of them, and lets members write."""

    def __init__(self, settings: SandboxSettings, traffic: Traffic) -> None:
        self.ledger = Ledger()
        self._settings = settings
        self._courier = Courier(traffic)
        self._tasks: set[asyncio.Task[None]] = set()
        self.routes = [
            Route("/vonage/v1/messages", self.send, methods=["POST"]),
            Route("/vonage/v2/reports/records", self.records),
            Route("/ui/vonage/ledger", self.totals),
            Route("/ui/vonage/text", self.text, methods=["POST"]),
        ]

    async def start(self) -> None:
        """Begin to post."""
        await self._courier.start()

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in list(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._courier.stop()

    async def send(self, request: Request) -> JSONResponse:
        """Answer POST /v1/messages."""
        if not _is_ours(request):
            return _problem(401, "unauthorized", "You did not provide correct credentials.")
        posted = await _object(request)
        missing = [name for name in _WANTED if not isinstance(posted.get(name), str) or not posted[name]]
        if missing or posted["channel"] != "sms" or posted["message_type"] != "text":
            return _problem(422, "messages#1010", f"Missing or unknown: {missing or 'channel, message_type'}")
        if not posted["to"].isdecimal() or posted["to"].endswith(_INVALID):
            return _problem(422, "messages#1170", "The to parameter is not a phone number.")
        if posted["to"].endswith(_BUSY):
            return _problem(429, "messages#1000", "You have exceeded the submission capacity.")
        webhook, ref = str(posted.get("webhook_url") or ""), str(posted.get("client_ref") or "")
        if webhook and not is_loopback(urlsplit(self._reachable(webhook)).hostname or ""):
            return _problem(422, "messages#1020", "The sandbox posts to this machine only.")
        message = Message(posted["to"], posted["from"], posted["text"], ref, webhook)
        self.ledger.messages.append(message)
        task = asyncio.create_task(self._report(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return JSONResponse({"message_uuid": message.uuid}, 202)

    async def records(self, request: Request) -> JSONResponse:
        """Answer GET /v2/reports/records, for one recipient."""
        if not _is_ours(request):
            return _problem(401, "unauthorized", "You did not provide correct credentials.")
        asked = request.query_params
        try:
            since = datetime.fromisoformat(asked["date_start"])
        except (KeyError, ValueError):
            return _problem(422, "invalid-params", "date_start is missing or malformed.")
        found = self.ledger.sent_to(asked.get("to", ""), since=since)
        return JSONResponse({"records": [each.as_record(asked.get("account_id", "")) for each in found]})

    async def totals(self, _: Request) -> JSONResponse:
        """Answer GET /ui/vonage/ledger."""
        return JSONResponse(self.ledger.totals())

    async def text(self, request: Request) -> JSONResponse:
        """Have a member text a number of ours: {from, to, text}."""
        posted = await _object(request)
        told = {
            "message_uuid": str(uuid4()),
            "to": str(posted.get("to", "")).removeprefix("+"),
            "from": str(posted.get("from", "")).removeprefix("+"),
            "channel": "sms",
            "message_type": "text",
            "text": str(posted.get("text", "")),
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return JSONResponse({"status": await self._courier.post(f"{self._settings.webhooks_url}/vonage/inbound", told)})

    async def _report(self, message: Message) -> None:
        await self._tell(message)
        message.status, message.error = _FAILS.get(message.to[-4:], ("delivered", 0))
        await self._tell(message)

    async def _tell(self, message: Message) -> None:
        if message.webhook_url:
            await self._courier.post(self._reachable(message.webhook_url), message.as_status())

    def _reachable(self, url: str) -> str:
        """Return where an address at the product's public name really is."""
        public = self._settings.public_url
        is_public = bool(public) and url.startswith(f"{public}/")
        return self._settings.webhooks_url + url.removeprefix(public or "") if is_public else url


def _is_ours(request: Request) -> bool:
    own = VONAGE_CREDENTIALS
    pair = f"{own['VONAGE_API_KEY']}:{own['VONAGE_API_SECRET']}"
    expected = "Basic " + b64encode(pair.encode()).decode()
    return hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode())


async def _object(request: Request) -> dict[str, Any]:
    try:
        posted = json.loads(await request.body())
    except ValueError:
        return {}
    return posted if isinstance(posted, dict) else {}


def _problem(status: int, kind: str, detail: str) -> JSONResponse:
    told = {"type": f"{_ERRORS}/{kind}", "title": kind, "detail": detail, "instance": str(uuid4())}
    return JSONResponse(told, status, media_type="application/problem+json")
