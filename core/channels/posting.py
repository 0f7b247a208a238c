"""Posts to one address over kept connections, each request once: a third of what a general HTTP client costs.

It never retries and never follows, and it tells whether a request can have left; that is all that sending needs.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from time import monotonic
from typing import cast
from urllib.parse import urlsplit

import httptools

from core.clock import utc_now
from core.domain.channel import Outcome, Outgoing, Refused, TooLate, Unknown, Unsendable

_LONGEST_ANSWER = 1024 * 1024
# Many servers (Apache, Node, uvicorn) close what was idle for five seconds, and balancers later: a connection that they
# close while we post leaves us not knowing whether the text has left.
KEEP_ALIVE_S = 4.0


class NoConnection(Exception):
    """Nothing was sent."""


class AnswerLost(Exception):
    """The request may have been taken; what came of it isn't known."""


class Line(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._used_at = monotonic()
        self.is_open = False

    def may_serve(self, *, keep_alive_s: float) -> bool:
        """Tell whether it is open, without a request, and not idle for longer than the other side may keep it."""
        return self.is_open and self._answer is None and monotonic() - self._used_at < keep_alive_s

    async def ask(self, request: bytes, *, answer_s: float) -> tuple[int, bytes]:
        """Send a request; return the status and the body of its answer.

        Raises:
            AnswerLost: the connection broke, what came isn't HTTP, or nothing came for `answer_s`.
        """
        self._body = b""
        self._answer = self._loop.create_future()
        late = self._loop.call_later(answer_s, self._lose, "no answer in time")
        try:
            self._transport.write(request)
            return await self._answer
        finally:
            late.cancel()
            if not self._answer.done() or self._answer.cancelled() or self._answer.exception():
                self.close()  # an answer that comes after all must not be taken for the next one's
            self._answer = None
            self._used_at = monotonic()

    def close(self) -> None:
        """Close the connection."""
        self.is_open = False
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self.is_open = False
        self._lose(type(exc).__name__ if exc else "connection closed")

    def data_received(self, data: bytes) -> None:
        """Read; the parser calls the methods below."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._lose(type(error).__name__)
            self.close()

    def on_body(self, part: bytes) -> None:
        """Keep a part of the answer."""
        self._body += part
        if len(self._body) > _LONGEST_ANSWER:
            self._lose("an answer without end")

    def on_message_complete(self) -> None:
        """Hand over the answer; one that only announces another (1xx) is passed over."""
        status = self._parser.get_status_code()
        if status < 200:
            return
        if not self._parser.should_keep_alive() or self._answer is None or self._answer.done():
            self.close()  # after an answer that nobody asked for, the next can't be trusted
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, self._body))

    def _lose(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(AnswerLost(why))


class Poster:
    """Connections to one address, as many as there are requests at once. Make it inside the event loop that uses it."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        connect_s: float,
        answer_s: float,
        keep_alive_s: float = KEEP_ALIVE_S,
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        told = {"Host": parts.netloc, **headers}
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
        self._head = "\r\n".join([*lines, "Content-Length: "]).encode("ascii")
        self._connect_s, self._answer_s, self._keep_alive_s = connect_s, answer_s, keep_alive_s
        self._idle: list[Line] = []
        self._is_closed = False

    async def post(
        self,
        body: bytes,
        *,
        leave_at: float | None = None,
        leave_by: float | None = None,
        stale_at: datetime | None = None,
    ) -> tuple[int, bytes]:
        """Post `body`, once; return the status and the body of the answer.

        `leave_at` and `leave_by`: from when and until when it may be written, on the monotonic clock. A new connection
        is made before, and may take longer. `stale_at`: until when by the calendar, should the machine sleep meanwhile.

        Raises:
            NoConnection, TooLate: nothing has left.
            AnswerLost: it may have left.
        """
        line = await self._line_at(leave_at)
        try:
            if (leave_by is not None and monotonic() > leave_by) or (stale_at is not None and utc_now() > stale_at):
                raise TooLate
            return await line.ask(b"%b%d\r\n\r\n%b" % (self._head, len(body), body), answer_s=self._answer_s)
        finally:
            if line.may_serve(keep_alive_s=self._keep_alive_s) and not self._is_closed:
                self._idle.append(line)
            else:
                line.close()

    async def close(self) -> None:
        """Close every connection that has no request; the others close when theirs is answered."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    async def _line_at(self, moment: float | None) -> Line:
        """Return a connection, and not before that moment."""
        line = self._idle_line() or await self._connect()
        if moment is None or (early_s := moment - monotonic()) <= 0:
            return line
        try:
            await asyncio.sleep(early_s)
        except asyncio.CancelledError:
            line.close()
            raise
        if line.is_open:
            return line
        return await self._connect()  # the other side has closed it meanwhile

    def _idle_line(self) -> Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.may_serve(keep_alive_s=self._keep_alive_s):
                return line
            line.close()
        return None

    async def _connect(self) -> Line:
        try:
            async with asyncio.timeout(self._connect_s):
                _, line = await asyncio.get_running_loop().create_connection(
                    Line, self._host, self._port, ssl=self._tls
                )
        except (OSError, TimeoutError) as error:
            raise NoConnection(type(error).__name__) from error
        return line


async def posted(
    poster: Poster,
    outgoing: Outgoing,
    written: Callable[[Outgoing], bytes],
    read: Callable[[int, bytes], Outcome],
    *,
    to: str,
) -> Outcome:
    """Post a message as `written`, once, and `read` the answer; whatever the network does is told as an outcome.

    Raises:
        TooLate: connecting took longer than it may wait; nothing has left.
        Unsendable: it can't be written; nothing has left.
    """
    try:
        body = written(outgoing)
    except Exception as error:
        raise Unsendable(f"The text can't be written for {to}: {type(error).__name__}") from error
    try:
        at, by, stale_at = outgoing.leave_at, outgoing.leave_by, outgoing.stale_at
        return read(*await poster.post(body, leave_at=at, leave_by=by, stale_at=stale_at))
    except NoConnection as why:
        return Refused(0, f"No connection to {to}: {why}")
    except AnswerLost as why:
        return Unknown(f"{to}'s answer was lost: {why}")
