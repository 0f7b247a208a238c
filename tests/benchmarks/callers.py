"""`python -m tests.benchmarks.callers URL FIRST COUNT RATE [CONNECTIONS]`: Twilio's side of the callbacks, signed.

Each of COUNT deliveries from id FIRST gets two, `sent` and `delivered`. RATE 0 is as fast as they are answered; else
so many a second, and an answer's latency counts from when its request was due. On 64 connections, if none are named.
Prints one line of JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from typing import cast
from urllib.parse import urlencode, urlsplit

import uvloop

from core import settings
from webhooks import signature

CONNECTIONS = 64
_STATUSES = ("sent", "delivered")


def sid(delivery_id: int) -> str:
    """Return the id that the provider gave to a delivery."""
    return f"SM{delivery_id:032x}"


def requests(url: str, ids: range) -> Iterator[bytes]:
    """Write the callbacks of some deliveries, each as it goes over the wire."""
    config, parts = settings.current(), urlsplit(url)
    for status in _STATUSES:
        for delivery_id in ids:
            query = f"?delivery={delivery_id}&attempt=1"
            form = {
                "AccountSid": config.twilio_account_sid,
                "From": config.sender,
                "To": f"+{99_900_000_000 + delivery_id}",
            }
            form |= {"MessageSid": sid(delivery_id), "MessageStatus": status, "SmsSid": sid(delivery_id)}
            form |= {"SmsStatus": status, "ApiVersion": "2010-04-01"}
            address = f"{config.public_url}{parts.path}{query}"
            signed = "".join(name + value for name, value in sorted(form.items()))
            body = urlencode(form)
            yield (
                f"POST {parts.path}{query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
                f"X-Twilio-Signature: {signature.sign(address + signed, config.twilio_auth_token)}\r\n"
                f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            ).encode()


class Line(asyncio.Protocol):
    """One connection, one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._answer: asyncio.Future[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        """Take an answer; a 204 comes in one piece."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())

    async def ask(self, request: bytes) -> bytes:
        """Send a request, and return the beginning of its answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer


async def _call(url: str, all_requests: list[bytes], rate: float, connections: int) -> dict[str, float]:
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    lines = [
        (await loop.create_connection(Line, parts.hostname or "", parts.port or 80))[1]
        for _ in range(min(connections, len(all_requests)))
    ]
    numbered = iter(enumerate(all_requests))
    latencies: list[float] = []
    refused = 0
    began = time.perf_counter()

    async def work(line: Line) -> None:
        nonlocal refused
        for number, request in numbered:
            due = began + number / rate if rate else time.perf_counter()
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            answer = await line.ask(request)
            latencies.append(time.perf_counter() - due)
            refused += b" 204 " not in answer[:16]

    await asyncio.gather(*(work(line) for line in lines))
    seconds = time.perf_counter() - began
    latencies.sort()
    p50, p99 = (latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.99))
    return {"per_s": len(all_requests) / seconds, "seconds": seconds, "p50_ms": p50, "p99_ms": p99, "refused": refused}


def main(url: str, first: int, count: int, rate: float, connections: int = CONNECTIONS) -> None:
    """Make the requests, then send them."""
    made = list(requests(url, range(first, first + count)))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_call(url, made, rate, connections))))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), *map(int, sys.argv[5:]))
