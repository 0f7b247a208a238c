"""Posts to the product's webhooks as Vonage does: JSON, with a token over its hash that the signature secret made."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from aiohttp import ClientError, ClientSession, ClientTimeout

from sandbox.settings import VONAGE_CREDENTIALS
from sandbox.traffic import Exchange, Traffic

_UNREACHABLE = 0


def token(body: bytes, *, secret: str, api_key: str) -> str:
    """Return the token that goes with a body."""
    claims = {
        "iat": int(time.time()),
        "jti": str(uuid4()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": api_key,
    }
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{signed}.{_encoded(hmac.digest(secret.encode(), signed.encode(), 'sha256'))}"


class Courier:
    """One HTTP client for all that the stand-in tells the product."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._session: ClientSession | None = None

    async def start(self) -> None:
        """Open the client."""
        self._session = ClientSession(timeout=ClientTimeout(total=10))

    async def stop(self) -> None:
        """Close the client."""
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, told: Mapping[str, Any]) -> int:
        """Post to a webhook; returns the status of the answer, 0 for none."""
        if self._session is None:
            return _UNREACHABLE
        body = json.dumps(told).encode()
        own = VONAGE_CREDENTIALS
        signed = token(body, secret=own["VONAGE_SIGNATURE_SECRET"], api_key=own["VONAGE_API_KEY"])
        sent = {"Authorization": f"Bearer {signed}", "Content-Type": "application/json"}
        try:
            async with self._session.post(url, data=body, headers=sent) as response:
                status, text = response.status, await response.text()
        except (ClientError, TimeoutError) as error:
            status, text = _UNREACHABLE, type(error).__name__
        self._traffic.add(Exchange(time.time(), "out", "vonage", "POST", url, body.decode(), status, text))
        return status


def _encoded(part: bytes) -> str:
    return urlsafe_b64encode(part).rstrip(b"=").decode()
