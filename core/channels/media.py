"""Pictures and voice messages, fetched from where Twilio keeps them; its credentials go to its API's host alone.

Source: https://www.twilio.com/docs/messaging/api/media-resource, https://www.twilio.com/docs/voice/api/recording
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from core.channels.twilio import authorization
from core.domain import pictures
from core.domain.pictures import NotAPicture
from core.settings import LOOPBACK, Settings

T = TypeVar("T")

_WITHIN_S = 10.0
_LARGEST = 5 * 1024 * 1024  # as much as Twilio takes in one message
_CHUNK = 1 << 16
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# A picture may be there a moment after its text.
_PASSING = frozenset({404, 408, 425, 429})


@dataclass(frozen=True, slots=True)
class File:
    """A picture, and nothing besides, or a sound. `suffix`: what kind it is, by its first bytes (jpg, png, wav …)."""

    suffix: str
    content: bytes


class NoFile(Exception):
    """It isn't to be had; the message says why, for staff. `is_passing`: it may be a while later."""

    def __init__(self, why: str, *, is_passing: bool = False) -> None:
        super().__init__(why)
        self.is_passing = is_passing


def fetch(settings: Settings, url: str) -> File:
    """Return the picture at an address that Twilio told, whatever is said there of its kind, and no more than it shows.

    Raises:
        NoFile: the address isn't Twilio's, or what comes from it is too large, too slow, or no picture.
    """
    try:
        return File(*pictures.bare(_done(_fetch(settings, url))))
    except NotAPicture as why:
        raise NoFile(str(why)) from None


def fetch_recording(settings: Settings, url: str) -> File:
    """Return the voice message at an address that Twilio told.

    Raises:
        NoFile: as of a picture.
    """
    content = _done(_fetch(settings, url))
    return File(_suffix_of_sound(content), content)


def delete_recording(settings: Settings, sid: str) -> None:
    """Have Twilio keep a voice message no longer; one that is gone already is no failure.

    Raises:
        NoFile: Twilio can't be reached, or refuses.
    """
    _done(_delete(settings, sid))


def _done(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except TimeoutError:
        raise NoFile("Twilio did not answer in time", is_passing=True) from None
    except (aiohttp.ClientError, OSError) as failure:
        raise NoFile("Twilio could not be reached", is_passing=True) from failure


async def _delete(settings: Settings, sid: str) -> None:
    account = f"{settings.twilio_api_url.rstrip('/')}/2010-04-01/Accounts/{settings.twilio_account_sid}"
    login = {"Authorization": authorization(settings)}
    async with (
        asyncio.timeout(_WITHIN_S),
        aiohttp.ClientSession(headers=login) as session,
        session.delete(f"{account}/Recordings/{sid}.json", allow_redirects=False) as answer,
    ):
        if answer.status not in (200, 204, 404):
            raise NoFile(f"Twilio answered {answer.status}")


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
        raise NoFile("its address isn't Twilio's") from None
    is_own = (asked.scheme, asked.netloc) == (api.scheme, api.netloc) and asked.path.startswith(f"{api.path}/")
    if not is_own or "/.." in asked.path:
        raise NoFile("its address isn't Twilio's")
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
    raise NoFile("Twilio named a place from which it can't be fetched safely")


async def _content(answer: aiohttp.ClientResponse) -> bytes:
    if answer.status != 200:
        is_passing = answer.status in _PASSING or answer.status >= 500
        raise NoFile(f"Twilio answered {answer.status}", is_passing=is_passing)
    content = bytearray()
    if (answer.content_length or 0) <= _LARGEST:
        async for chunk in answer.content.iter_chunked(_CHUNK):
            content += chunk
            if len(content) > _LARGEST:
                break
        else:
            return bytes(content)
    raise NoFile(f"it is larger than {_LARGEST // 1024 // 1024} MB")


def _suffix_of_sound(content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return "wav"
    # A tag, or the eleven bits with which each frame begins.
    if content.startswith(b"ID3") or (content[:1] == b"\xff" and content[1:2] >= b"\xe0"):
        return "mp3"
    raise NoFile("it isn't a WAV or MP3 recording")
