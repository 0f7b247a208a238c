"""Pictures that members send along, fetched from where Twilio keeps them; its credentials go to its API's host alone.

Source: https://www.twilio.com/docs/messaging/api/media-resource
"""

import asyncio
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from core.channels.twilio import authorization
from core.settings import LOOPBACK, Settings

_WITHIN_S = 10.0
_LARGEST = 5 * 1024 * 1024  # as much as Twilio takes in one message
_CHUNK = 1 << 16
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# A picture may be there a moment after its text.
_PASSING = frozenset({404, 408, 425, 429})
_STARTS = {
    "jpg": (b"\xff\xd8\xff",),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "gif": (b"GIF87a", b"GIF89a"),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture. `suffix`: what its first bytes say that it is (jpg, png, gif or webp)."""

    suffix: str
    content: bytes


class NoPicture(Exception):
    """It isn't to be had; the message says why, for staff. `is_passing`: it may be a while later."""

    def __init__(self, why: str, *, is_passing: bool = False) -> None:
        super().__init__(why)
        self.is_passing = is_passing


def fetch(settings: Settings, url: str) -> Picture:
    """Return the picture at an address that Twilio told, whatever is said there of its kind.

    Raises:
        NoPicture: the address isn't Twilio's, or what comes from it is too large, too slow, or no picture.
    """
    try:
        content = asyncio.run(_fetch(settings, url))
    except TimeoutError:
        raise NoPicture("Twilio did not hand it over in time", is_passing=True) from None
    except (aiohttp.ClientError, OSError) as failure:
        raise NoPicture("Twilio could not be reached", is_passing=True) from failure
    return Picture(_suffix(content), content)


async def _fetch(settings: Settings, url: str) -> bytes:
    # As it is, byte for byte: nothing small is to unfold into something large.
    plain = {"Accept-Encoding": "identity"}
    async with (
        asyncio.timeout(_WITHIN_S),
        aiohttp.ClientSession(headers=plain, auto_decompress=False) as session,
    ):
        own = _own(url, settings.twilio_api_url)
        login = {"Authorization": authorization(settings)}
        async with session.get(own, headers=login, allow_redirects=False) as answer:
            if answer.status not in _REDIRECTS:
                return await _content(answer)
            place = _elsewhere(answer.headers.get("Location", ""), own)
        # Where Twilio keeps files, an address is its own pass for some hours, and credentials would be refused.
        async with session.get(place, allow_redirects=False) as answer:
            return await _content(answer)


def _own(url: str, api_url: str) -> URL:
    """Return the address below the API's, built on the configured host, so that credentials can go nowhere else."""
    api = urlsplit(api_url.rstrip("/"))
    base = f"{api.scheme}://{api.netloc}"
    try:
        asked = urlsplit(url)
    except ValueError:
        raise NoPicture("its address isn't Twilio's") from None
    is_own = (asked.scheme, asked.netloc) == (api.scheme, api.netloc) and asked.path.startswith(f"{api.path}/")
    if not is_own or "/.." in asked.path:
        raise NoPicture("its address isn't Twilio's")
    return URL(f"{base}{asked.path}" + (f"?{asked.query}" if asked.query else ""), encoded=True)


def _elsewhere(location: str, own: URL) -> URL:
    """Return where Twilio sends us: by https, or within this machine when that is where its stand-in is."""
    try:
        place = urljoin(str(own), location)
        parts = urlsplit(place)
        is_here = own.host in LOOPBACK and parts.hostname in LOOPBACK
        is_safe = bool(location and parts.hostname) and "@" not in parts.netloc
        if is_safe and (parts.scheme == "https" or (parts.scheme == "http" and is_here)):
            return URL(place, encoded=True)  # a signed address holds only as it was written
    except ValueError:
        pass
    raise NoPicture("Twilio named a place from which it can't be fetched safely")


async def _content(answer: aiohttp.ClientResponse) -> bytes:
    if answer.status != 200:
        is_passing = answer.status in _PASSING or answer.status >= 500
        raise NoPicture(f"Twilio answered {answer.status}", is_passing=is_passing)
    content = bytearray()
    if (answer.content_length or 0) <= _LARGEST:
        async for chunk in answer.content.iter_chunked(_CHUNK):
            content += chunk
            if len(content) > _LARGEST:
                break
        else:
            return bytes(content)
    raise NoPicture(f"it is larger than {_LARGEST // 1024 // 1024} MB")


def _suffix(content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    for suffix, starts in _STARTS.items():
        if content.startswith(starts):
            return suffix
    raise NoPicture("it isn't a JPEG, PNG, GIF or WebP picture")
