"""What our texts leave from: numbers and messaging services, each at its own pace."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from core.errors import Invalid

# Of so many equal parts, each sender takes as many as its pace is of all.
PARTS = 10_000
TWILIO, VONAGE = "twilio", "vonage"
# What stands as the sender of a conversation by e-mail: one for each person, to whichever of our addresses they write.
EMAIL = "email"
_ENTRY = re.compile(r"([^=\s]+)(?:=([0-9]+(?:\.[0-9]+)?))?").fullmatch
_ADDRESS = re.compile(r"\+[1-9][0-9]{6,14}|MG[0-9a-f]{32}|[0-9]{3,8}").fullmatch


class Sender(NamedTuple):
    """A number (E.164), a short code or a messaging service (MG…); 0 segments per second: as fast as it is taken."""

    address: str
    segments_per_s: float


def of(provider: str, number: str) -> str:
    """Name a provider's sender: Twilio's as it is, another's after its name."""
    return number if provider == TWILIO else f"{provider}:{number}"


def provider_of(sender: str) -> str:
    """Name the provider of a sender."""
    provider, mark, _ = sender.partition(":")
    return provider if mark else TWILIO


def number_of(sender: str) -> str:
    """Return a sender without its provider."""
    return sender.rpartition(":")[2]


def parse(text: str, *, usual_rate: float) -> tuple[Sender, ...]:
    """Read `+12125550100=10,MG…=100`: senders with their segments per second, `usual_rate` where none is given.

    Raises:
        Invalid: it isn't of that form, or names one twice.
    """
    found = tuple(_sender(entry, usual_rate) for entry in re.split(r"[,\s]+", text) if entry)
    if len({sender.address for sender in found}) < len(found):
        raise Invalid("A sender is named twice. Name each once, with its segments per second.")
    return found


def shares(senders: Sequence[Sender]) -> Iterator[tuple[str, int]]:
    """Give each sender with the part, of `PARTS`, below which a recipient is its own: more to those that are faster."""
    # One without a limit is as good as the fastest of the others.
    fastest = max((sender.segments_per_s for sender in senders), default=0) or 1.0
    weights = [sender.segments_per_s or fastest for sender in senders]
    so_far = 0.0
    for sender, weight in zip(senders, weights, strict=True):
        so_far += weight
        yield sender.address, round(PARTS * so_far / sum(weights))


def _sender(entry: str, usual_rate: float) -> Sender:
    found = _ENTRY(entry)
    if not found or not _ADDRESS(found[1]):
        raise Invalid(
            f"“{entry[:40]}” isn't a sender. Write it like +12125550100=10: a number or messaging service, and its "
            "segments per second."
        )
    return Sender(found[1], float(found[2]) if found[2] else usual_rate)
