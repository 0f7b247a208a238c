"""Signs requests as Twilio does, so that the product can tell who sent them."""

import base64
import hmac
from collections.abc import Mapping

SIGNATURE_HEADER = "X-Twilio-Signature"
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"
_DIGESTS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


def sign(url: str, params: Mapping[str, str], *, secret: str, algorithm: str = "HMAC_SHA1") -> str:
    """Return the signature of a form posted to `url`, which must have no fragment.

    Source: https://www.twilio.com/docs/usage/webhooks/webhooks-security
    """
    text = url + "".join(name + params[name] for name in sorted(params))
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), _DIGESTS[algorithm])).decode()


def headers(url: str, params: Mapping[str, str], *, secret: str, algorithm: str) -> dict[str, str]:
    """Return the headers that carry the signature; one made with SHA-256 names its algorithm."""
    signed = {SIGNATURE_HEADER: sign(url, params, secret=secret, algorithm=algorithm)}
    if algorithm != "HMAC_SHA1":
        signed[SETTINGS_HEADER] = f"key=webhooks_sharedkey_sandbox,algorithm={algorithm}"
    return signed
