"""What stands in front of every route: this machine only, no foreign web page, and strict headers on what goes out."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.settings import is_loopback

BODY_LIMIT = 20 * 1024 * 1024  # bytes; a 10 MB file in base64 and its envelope
SAFE_METHODS = ("GET", "HEAD")
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
        "connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """ASGI middleware that refuses what a web page elsewhere could forge, before anything is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = _refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, _with_security_headers(send))
        elif scope["path"].startswith("/twilio/"):
            await self._app(scope, receive, send)  # programs only, and thousands a second
        else:
            await self._app(scope, receive, _with_security_headers(send))


def _refusal(scope: Scope) -> JSONResponse | None:
    headers = _read(scope["headers"], (b"host", b"origin", b"sec-fetch-site", b"content-type", b"content-length"))
    host = headers.get(b"host", "")
    if not is_loopback(_hostname(host)):
        return _sentence(403, "The sandbox answers only at this machine's own address: use http://127.0.0.1.")
    if headers.get(b"origin", f"http://{host}") != f"http://{host}":
        return _sentence(403, "Another web page made this request, so it was refused: use the sandbox's own page.")
    if scope["method"] in SAFE_METHODS or not scope["path"].startswith("/ui/"):
        return None
    if headers.get(b"sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return _sentence(403, "Another web page made this request, so it was refused: use the sandbox's own page.")
    if headers.get(b"content-type", "").partition(";")[0].strip().lower() != "application/json":
        return _sentence(415, "Send JSON, with the header Content-Type: application/json.")
    return _length_refusal(headers.get(b"content-length", ""))


def _length_refusal(length: str) -> JSONResponse | None:
    if not length.isdecimal():
        return _sentence(411, "Say how long the request is, with the header Content-Length.")
    if int(length) > BODY_LIMIT:
        return _sentence(413, "That is more than 20 MB: send less.")
    return None


def _read(headers: Iterable[tuple[bytes, bytes]], names: tuple[bytes, ...]) -> dict[bytes, str]:
    return {name: value.decode("latin-1") for name, value in headers if name in names}


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _sentence(status: int, error: str) -> JSONResponse:
    return JSONResponse({"error": error}, status_code=status)


def _with_security_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-cache")
        await send(message)

    return send_with_headers
