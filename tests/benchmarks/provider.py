"""`python -m tests.benchmarks.provider PORT`: answers as Twilio does, at a tenth of the sandbox's cost a message.

On a small machine the sandbox's ledger would take the core that PostgreSQL needs. This one counts, and notes doubles.
"""

import asyncio
import json
import re
import sys
import time
from functools import partial
from typing import cast

import uvloop

from sandbox.twilio import resource
from sandbox.twilio.ledger import Message

_length = re.compile(rb"(?i)\r\ncontent-length: *(\d+)").search
_recipient = re.compile(rb"(?:^|&)To=([^&]*)").search
_SID = "SM" + "0" * 32
_ACCOUNT = "AC" + "0" * 32


class Tally:
    """What was asked since the last reset, and how long each answer takes."""

    def __init__(self) -> None:
        self.latency_s = 0.0
        self.reset()

    def reset(self) -> None:
        """Forget what was."""
        self.accepted = self.doubles = 0
        self.first_at = self.last_at = 0.0
        self._seen: set[bytes] = set()

    def take(self, body: bytes) -> bytes:
        """Count a message, and return its answer."""
        self.last_at = time.time()
        self.first_at = self.first_at or self.last_at
        self.accepted += 1
        found = _recipient(body)
        if found is not None:
            self.doubles += found[1] in self._seen
            self._seen.add(found[1])
        return _ANSWER.replace(_SID.encode(), b"SM%032x" % time.time_ns())

    def told(self) -> bytes:
        """Return the counts as an answer."""
        names = ("accepted", "doubles", "first_at", "last_at")
        return _answer(200, json.dumps({name: getattr(self, name) for name in names}))


class Connection(asyncio.Protocol):
    """One client, one request at a time."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer once a request is whole."""
        self._read += data
        head, end, body = self._read.partition(b"\r\n\r\n")
        length = _length(head)
        if not end or (length is not None and len(body) < int(length[1])):
            return
        self._read = b""
        method, path, _ = head.split(b" ", 2)
        is_message = method == b"POST" and path.endswith(b"/Messages.json")
        answer = self._tally.take(body) if is_message else self._answer(path)
        if self._tally.latency_s and is_message:
            asyncio.get_running_loop().call_later(self._tally.latency_s, partial(self._write, answer))
        else:
            self._transport.write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)

    def _answer(self, path: bytes) -> bytes:
        if b"/Messages.json" in path:
            return _NO_MESSAGES
        if path.startswith(b"/reset/"):
            self._tally.reset()
            self._tally.latency_s = int(path.rpartition(b"/")[2]) / 1000
        return self._tally.told() if not path.startswith(b"/slack/") else _SLACK


def _answer(status: int, body: str) -> bytes:
    head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def _template() -> bytes:
    message = Message(
        order=0,
        sid=_SID,
        member="+12125550123",
        sender="+12125550100",
        body="The rent meeting is on Monday at 6 in the big hall, see you there.",
        direction="outbound-api",
        status="queued",
        error_code=0,
        segments=1,
        callback="",
        media=(),
        service="",
        created_at=1.0,
        updated_at=1.0,
        sent_at=0.0,
    )
    return _answer(201, json.dumps(resource.render(_ACCOUNT, message)))


_ANSWER = _template()
_NO_MESSAGES = _answer(200, json.dumps({"messages": [], "next_page_uri": None, "page": 0, "page_size": 50}))
_SLACK = _answer(200, json.dumps({"ok": True, "ts": "1.000001", "channel": "C0APPROVALS"}))


async def _serve(port: int) -> None:
    tally = Tally()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(tally), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(int(sys.argv[1])))
