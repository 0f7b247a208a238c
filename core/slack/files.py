"""Files that people gave us in Slack, fetched from where only the app may; the token goes to Slack's host alone."""

from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from core.errors import Invalid
from core.slack.gateway import SlackFailed

_TIMEOUT_S = 30
_CHUNK = 1 << 16
_NO_WAY = frozenset((301, 302, 303, 307, 308, 401, 403, 404, 410))


class _NoRedirect(HTTPRedirectHandler):
    """Stays where it was sent: a redirection would take the token along."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> None:
        return None


def download(url: str, *, token: str, api_url: str, most: int) -> bytes:
    """Return the bytes at a file's `url_private`, `most` of them at most.

    Raises:
        Invalid: it isn't Slack's, is too large, or can't be had; the sentence is for whoever gave the file.
        SlackFailed: Slack doesn't answer; it may do so later.
    """
    if not _is_of(url, api_url):
        raise Invalid("This file isn't kept by Slack, so I don't fetch it. Upload the file itself.")
    request = Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310  # its host was just checked
    try:
        with build_opener(_NoRedirect).open(request, timeout=_TIMEOUT_S) as answer:
            # Slack answers a bad token with its sign-in page, as if all were well.
            if answer.headers.get_content_type() == "text/html":
                raise Invalid("Slack didn't let me read the file. Ask an operator whether the app has files:read.")
            return _capped(answer, most)
    except HTTPError as refused:
        with refused:  # it holds the connection open
            if refused.code in _NO_WAY:
                raise Invalid("Slack doesn't let me read the file (any more). Upload it again.") from None
            raise SlackFailed("files.download", f"http {refused.code}") from None
    except (OSError, HTTPException) as failure:
        raise SlackFailed("files.download", type(failure).__name__) from failure


def _is_of(url: str, api_url: str) -> bool:
    """Tell whether a file lies where the Web API is: on its host, or one below it (files.slack.com)."""
    file, api = urlsplit(url), urlsplit(api_url)
    host, own = file.hostname or "", api.hostname or ""
    is_below = host == own or host.endswith(f".{own}")
    return bool(own) and is_below and file.scheme == api.scheme and file.port == api.port


def _capped(answer: IO[bytes], most: int) -> bytes:
    content = bytearray()
    while chunk := answer.read(_CHUNK):
        content += chunk
        if len(content) > most:
            raise Invalid(f"The file is larger than {most // 1024 // 1024} MB. Split it.")
    return bytes(content)
