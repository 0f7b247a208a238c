"""Socket Mode: a real WebSocket over which deliveries go out in envelopes and acknowledgements come back."""

import asyncio
import contextlib
import json
import secrets
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.slack.wire import APP_ID, Json, Refused

HANDSHAKE_SECONDS = 30.0  # how long an address may wait to be used
STOP_SECONDS = 2.0


class SocketMode:
    """A server of its own on a free loopback port: uvicorn would need another package for WebSockets."""

    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._tickets: set[str] = set()
        self._connections: list[web.WebSocketResponse] = []
        self._waiting: dict[str, asyncio.Future[Json]] = {}

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/slack/socket", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close all connections and the server."""
        for connection in list(self._connections):
            await connection.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def is_connected(self) -> bool:
        """Say whether the bot listens on a socket."""
        return bool(self._connections)

    def connect(self) -> str:
        """Return an address that may be connected to once."""
        if self._runner is None:
            raise Refused("internal_error")
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        asyncio.get_running_loop().call_later(HANDSHAKE_SECONDS, self._tickets.discard, ticket)
        return f"ws://127.0.0.1:{self._port}/slack/socket?ticket={ticket}&app_id={APP_ID}"

    async def deliver(self, kind: str, payload: Json, more: Json, *, timeout_s: float) -> Json:
        """Send an envelope over one connection, each in its turn; return the payload of the acknowledgement.

        Raises:
            TimeoutError: nobody acknowledged in time.
            ConnectionError: the connection went away.
        """
        connection = self._connections.pop(0)
        self._connections.append(connection)
        envelope_id = secrets.token_hex(16)
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = answer
        try:
            envelope = {"envelope_id": envelope_id, "type": kind, "payload": payload, **more}
            await connection.send_str(json.dumps(envelope))
            return await asyncio.wait_for(answer, timeout_s)
        finally:
            del self._waiting[envelope_id]

    async def disconnect(self, reason: str) -> None:
        """Ask all clients to connect anew, as Slack does every few hours, and hang up."""
        for connection in list(self._connections):
            with contextlib.suppress(ConnectionError):
                await connection.send_str(json.dumps({"type": "disconnect", "reason": reason}))
            await connection.close()

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            raise web.HTTPForbidden(text="invalid ticket")
        self._tickets.discard(ticket)
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        self._connections.append(connection)
        try:
            await connection.send_str(json.dumps(_hello(len(self._connections))))
            async for message in connection:
                if message.type == WSMsgType.TEXT:
                    self._acknowledged(message.data)
        finally:
            if connection in self._connections:
                self._connections.remove(connection)
        return connection

    def _acknowledged(self, text: str) -> None:
        try:
            message: Any = json.loads(text)
        except ValueError:
            return
        envelope_id = message.get("envelope_id") if isinstance(message, dict) else None
        answer = self._waiting.get(str(envelope_id))
        if answer is not None and not answer.done():
            answer.set_result(message.get("payload") or {})


def _hello(connections: int) -> Json:
    about: Json = {"host": "sandbox", "build_number": 1, "approximate_connection_time": 18_060}
    return {"type": "hello", "num_connections": connections, "debug_info": about, "connection_info": {"app_id": APP_ID}}
