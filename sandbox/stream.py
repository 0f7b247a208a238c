"""The feed as server-sent events: resumes where a page was, gathers floods, and ends when the server stops."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import StreamingResponse

from sandbox.traffic import Event, Feed

BATCH_PAUSE = 0.1  # seconds; lets a flood gather, so that it costs one write
BATCH_LIMIT = 5_000  # events read from the feed at once
KEEP_ALIVE = 15.0  # seconds


class Stream:
    """Serves the feed to any number of pages; event ids are `<this process>-<number>`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._process = secrets.token_hex(4)
        self._closed = asyncio.Event()

    def cursor(self) -> str:
        """Return the id to resume after, for a page that has just read the whole state."""
        return f"{self._process}-{self._feed.last}"

    def close(self) -> None:
        """End every open stream, so that the server can stop."""
        self._closed.set()

    async def respond(self, request: Request) -> StreamingResponse:
        """Answer GET /ui/stream."""
        asked = request.headers.get("last-event-id") or request.query_params.get("after", "")
        return StreamingResponse(
            self.text(asked), media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    async def text(self, asked: str) -> AsyncIterator[str]:
        """Yield the stream after the id `asked`, batch by batch, until it is closed."""
        seen, is_resumed = self._resume(asked)
        yield "retry: 1000\n\n"
        if not is_resumed:
            yield self._event(seen, ("reset", {}))
        while not self._closed.is_set():
            if not await self._wait(seen):
                yield ": still here\n\n"
                continue
            missed = self._feed.oldest() > seen + 1
            batch = self._feed.since(seen, at_most=BATCH_LIMIT)
            seen = batch[-1][0]
            yield "".join(self._event(number, event) for number, event in batch)
            if missed:
                yield self._event(seen, ("reset", {}))

    def _resume(self, asked: str) -> tuple[int, bool]:
        process, _, number = asked.partition("-")
        if process != self._process or not number.isdecimal() or int(number) > self._feed.last:
            return self._feed.last, False
        return int(number), int(number) + 1 >= self._feed.oldest()

    async def _wait(self, seen: int) -> bool:
        news = asyncio.ensure_future(self._feed.wait_for_more(seen))
        end = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait((news, end), timeout=KEEP_ALIVE, return_when=asyncio.FIRST_COMPLETED)
            if news.done() and not end.done():
                await asyncio.wait((end,), timeout=BATCH_PAUSE)
            return news.done()
        finally:
            news.cancel()
            end.cancel()

    def _event(self, number: int, event: Event) -> str:
        kind, payload = event
        text = json.dumps(payload, separators=(",", ":"), default=str)
        return f"id: {self._process}-{number}\nevent: {kind}\ndata: {text}\n\n"
