"""Posts signed forms to the product's webhooks, with Twilio's time-outs and retries."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlencode, urlsplit

from aiohttp import ClientConnectionError, ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from sandbox.settings import SandboxSettings, is_loopback
from sandbox.traffic import Exchange, Traffic
from sandbox.twilio import overrides, signing

_READ_LIMIT = 64 * 1024  # bytes; Twilio reads no longer TwiML either
_PAUSE = 0.05  # seconds before a retry; Twilio's own pauses aren't documented
_HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
    "User-Agent": "TwilioProxy/1.1",
    "Accept": "*/*",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `failure` is empty for 2xx, else `ct`, `rt`, `4xx`, `5xx` or `unreachable`."""

    status: int
    text: str
    content_type: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class _Address:
    """A webhook's address: what is signed, where it is really posted, and how."""

    signed: str
    url: URL | None
    overrides: overrides.Overrides
    timeout: ClientTimeout


class Courier:
    """One pooled HTTP client for all that the stand-in tells the product."""

    def __init__(self, settings: SandboxSettings, traffic: Traffic) -> None:
        self._settings = settings
        self._traffic = traffic
        self._session: ClientSession | None = None
        self._endpoint = lru_cache(maxsize=256)(self._read_endpoint)

    async def start(self) -> None:
        """Open the pool."""
        connector = TCPConnector(limit=0, keepalive_timeout=15)
        self._session = ClientSession(connector=connector, cookie_jar=DummyCookieJar(), auto_decompress=False)

    async def stop(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, params: Mapping[str, str], *, algorithm: str) -> Answer:
        """Post a form, signed for `url`, and try again where the address's fragment says so."""
        address = self._address(url)
        body = urlencode(params).encode()
        sent_headers = {
            **_HEADERS,
            "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
            **signing.headers(address.signed, params, secret=self._settings.twilio_auth_token, algorithm=algorithm),
        }
        return await self._attempts(address, body, sent_headers)

    async def _attempts(self, address: _Address, body: bytes, sent_headers: dict[str, str]) -> Answer:
        rules = address.overrides
        deadline = time.monotonic() + rules.total_ms / 1000
        answer = await self._attempt(address, body, sent_headers)
        for _ in range(rules.retries):
            is_late = time.monotonic() + _PAUSE >= deadline
            if not answer.failure or is_late or not rules.retries_on(answer.failure):
                break
            await asyncio.sleep(_PAUSE)
            answer = await self._attempt(address, body, sent_headers)
        return answer

    async def _attempt(self, address: _Address, body: bytes, sent_headers: dict[str, str]) -> Answer:
        answer = await self._ask(address, body, sent_headers)
        self._note(address, body, answer)
        return answer

    async def _ask(self, address: _Address, body: bytes, sent_headers: dict[str, str]) -> Answer:
        if self._session is None or address.url is None:
            return Answer(0, "The sandbox posts to this machine only, and while it runs.", failure="unreachable")
        try:
            async with self._session.post(
                address.url, data=body, headers=sent_headers, timeout=address.timeout, allow_redirects=False
            ) as response:
                text = (await response.content.read(_READ_LIMIT)).decode("utf-8", "replace")
                return Answer(response.status, text, response.content_type, _failure(response.status))
        except ClientConnectionError as error:
            # A time-out is the one connection error after which the request may have been worked on.
            return Answer(0, type(error).__name__, failure="rt" if _is_read_timeout(error) else "ct")
        except (ClientError, TimeoutError) as error:
            return Answer(0, type(error).__name__, failure="rt")

    def _address(self, url: str) -> _Address:
        """Split off the fragment (never signed, never sent) and find where the address leads."""
        signed, _, fragment = url.partition("#")
        endpoint, mark, query = signed.partition("?")
        base, rules, timeout = self._endpoint(endpoint, fragment)
        real = URL(f"{base}{mark}{query}", encoded=True) if base else None
        return _Address(signed, real, rules, timeout)

    def _read_endpoint(self, endpoint: str, fragment: str) -> tuple[str, overrides.Overrides, ClientTimeout]:
        rules = overrides.read(fragment)
        timeout = ClientTimeout(sock_connect=rules.connect_ms / 1000, sock_read=rules.read_ms / 1000)
        return self._real(endpoint), rules, timeout

    def _real(self, endpoint: str) -> str:
        """Return where to post to; nothing but this machine is ever called."""
        public = self._settings.public_url
        if public and (endpoint == public or endpoint.startswith(f"{public}/")):
            return self._settings.webhooks_url + endpoint[len(public) :]
        return endpoint if is_loopback(urlsplit(endpoint).hostname or "") else ""

    def _note(self, address: _Address, body: bytes, answer: Answer) -> None:
        self._traffic.add(
            Exchange(
                at=time.time(),
                direction="out",
                peer="twilio",
                method="POST",
                url=address.signed,
                request=body.decode(),
                status=answer.status,
                response=answer.text,
            )
        )


def _failure(status: int) -> str:
    if status < 400:
        return ""
    return "4xx" if status < 500 else "5xx"


def _is_read_timeout(error: ClientConnectionError) -> bool:
    return isinstance(error, TimeoutError) and "connect" not in type(error).__name__.lower()
