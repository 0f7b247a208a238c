"""What came along with a text or a call: which of it can be shown, and what is said where it can't."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from core.models import Inbound
from core.slack import blocks

_is_plain_url = re.compile(r"https?://[A-Za-z0-9_.:/?=&%~+-]{1,1000}").fullmatch


def is_picture(part: Mapping[str, Any], trusted_host: str) -> bool:
    """Tell whether what came along says that it is a picture, and lies on the provider's host."""
    return str(part.get("type", "")).startswith("image/") and is_kept_by(trusted_host, str(part.get("url", "")))


def is_recording(part: Mapping[str, Any], trusted_host: str = "") -> bool:
    """Tell whether it is a voice message; the address of one is looked at when it is fetched."""
    return "seconds" in part


def recording(part: Mapping[str, Any]) -> str:
    """Say that somebody left a message, and how long it is."""
    minutes, seconds = divmod(int(part["seconds"]), 60)
    lasting = f"{minutes}:{seconds:02} min" if minutes else f"{seconds} s"
    return f":telephone_receiver: They called and left a message of {lasting}."


def unseen(number: int, why: str, inbound: Inbound) -> str:
    """Say why a picture isn't in the thread, and how to see it."""
    return (
        f":frame_with_picture: Picture {number} of their text of {blocks.moment(inbound.received_at)} could not be "
        f"shown here: {blocks.escape(why)}. Its link in that text asks for the Twilio account: whoever has access to "
        "Twilio's console finds it there."
    )


def unheard(number: int, why: str, inbound: Inbound, *, trusted_host: str) -> str:
    """Say why a voice message isn't in the thread, and where it is; to any host but the provider's nobody is sent."""
    url = str(inbound.media[number - 1].get("url", ""))
    link = f"<{blocks.escape(url)}|The recording>" if is_kept_by(trusted_host, url) else "The recording"
    return (
        f":telephone_receiver: Their message by telephone of {blocks.moment(inbound.received_at)} could not be put "
        f"here: {blocks.escape(why)}. {link} asks for the Twilio account: whoever has access to Twilio's console finds "
        "it there."
    )


def without_words(media: Sequence[Mapping[str, Any]]) -> str:
    """Say what somebody did who wrote nothing."""
    if any(map(is_recording, media)):
        return "called and left a message"
    return "sent a picture" if media else "sent nothing in words"


def is_kept_by(host: str, url: str) -> bool:
    """Tell whether an address is a plain one, on this host."""
    return bool(_is_plain_url(url)) and urlsplit(url).netloc == host
