"""`python -m tests.benchmarks.loops KIND COUNT IN_FLIGHT`: what the product is compared with, as one line of JSON.

`bare` only posts, with aiohttp on uvloop; `sdk` is what Twilio's guide shows: one call after the other.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator

import aiohttp
import uvloop
from twilio.rest import Client  # type: ignore[import-untyped]  # ships no types

from core import settings
from core.channels.twilio import Twilio
from core.domain.channel import Outgoing
from tests.benchmarks import people


async def _bare(count: int, in_flight: int) -> float:
    """Post forms that are made beforehand, as many at once as told; returns when it began."""
    config = settings.current()
    channel = Twilio(config)
    url = f"{config.twilio_api_url}/2010-04-01/Accounts/{config.twilio_account_sid}/Messages.json"
    forms = iter(
        [channel.form(Outgoing(n, 1, config.sender, people.address(n), people.BODY)) for n in range(1, count + 1)]
    )
    await channel.close()
    login = aiohttp.encode_basic_auth(config.twilio_account_sid, config.twilio_auth_token)
    headers = {
        "Authorization": login,
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
    }
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, headers=headers, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        started = time.perf_counter(), time.process_time()
        await asyncio.gather(*(_post_all(session, url, forms) for _ in range(in_flight)))
        return _tell(count, *started)


async def _post_all(session: aiohttp.ClientSession, url: str, forms: Iterator[bytes]) -> None:
    for form in forms:
        async with session.post(url, data=form) as response:
            assert response.status == 201
            await response.read()


def _sdk(count: int) -> None:
    config = settings.current()
    client = Client(config.twilio_account_sid, config.twilio_auth_token)
    client.api.base_url = config.twilio_api_url
    started = time.perf_counter(), time.process_time()
    for number in range(1, count + 1):
        client.messages.create(to=people.address(number), from_=config.sender, body=people.BODY)
    _tell(count, *started)


def _tell(count: int, wall: float, cpu: float) -> float:
    seconds, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu_us": cpu_s / count * 1e6, "per_s": count / seconds}))
    return seconds


if __name__ == "__main__":
    kind, count, in_flight = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if kind == "sdk":
        _sdk(count)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_bare(count, in_flight))
