"""What Vonage posts, let in when it is genuine.

Source: https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from core.settings import Settings
from webhooks.bodies import read_body, read_json


class Gate:
    """Lets in what carries a token of Vonage's over exactly this body, for this account; nothing else is looked at.

    A token that comes again changes nothing: receipts and texts are kept once.
    """

    def __init__(self, settings: Settings) -> None:
        self._key = settings.vonage_api_key
        self._secret = settings.vonage_signature_secret.encode()

    async def admit(self, request: Request) -> Mapping[str, Any]:
        """Read a request.

        Raises:
            HTTPException: 413 too large, 403 not signed by Vonage or of another account, 400 not a JSON object.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.isascii():
            raise HTTPException(403, "The request carries no signature of Vonage's.")
        body = await read_body(request)
        claims = self._claims(token.strip())
        digest = hashlib.sha256(body).hexdigest()
        if not hmac.compare_digest(str(claims.get("payload_hash", "")), digest):
            raise HTTPException(403, "The signature is of another body.")
        if claims.get("api_key") != self._key:
            raise HTTPException(403, "The request is of another account.")
        return _object(body, 400)

    def _claims(self, token: str) -> Mapping[str, Any]:
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        expected = hmac.digest(self._secret, signed.encode(), "sha256")
        # The algorithm is ours to say, never the token's.
        is_genuine = hmac.compare_digest(_decoded(signature), expected)
        if not (self._secret and is_genuine and _object(_decoded(header), 403).get("alg") == "HS256"):
            raise HTTPException(403, "The signature is not Vonage's.")
        return _object(_decoded(payload), 403)


def _decoded(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return b""


def _object(text: bytes, status: int) -> Mapping[str, Any]:
    try:
        found = read_json(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise HTTPException(status, "There is no JSON object where one belongs.")
    return found
