"""The doors through which messages leave: for each channel its providers, by the name that a sender begins with."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]  # ships no types

from core.channels import twilio, vonage
from core.domain import senders
from core.domain.channel import Channel, Outgoing, Trace
from core.models import ChannelName
from core.settings import Settings

# What a look-up raises when its provider doesn't answer, or refuses.
LOOKUP_ERRORS = (TwilioException, OSError)


class Lookup(Protocol):
    """What a provider knows of our messages."""

    def find(self, outgoing: Outgoing, *, since: datetime, others: Container[str] = ()) -> Trace | None: ...

    def fetch(self, sid: str, *, address: str, since: datetime) -> Trace | None: ...


@dataclass(frozen=True, slots=True)
class Provider:
    """How messages leave by it, and how those of which we lost sight are looked up."""

    open: Callable[[Settings], Channel]
    lookup: Callable[[Settings], Lookup]


CHANNELS: Mapping[ChannelName, Mapping[str, Provider]] = {
    ChannelName.SMS: {
        senders.TWILIO: Provider(twilio.Twilio, twilio.Lookup),
        senders.VONAGE: Provider(vonage.Vonage, vonage.Lookup),
    },
}


def provider(channel: ChannelName, sender: str) -> Provider:
    """Return the provider by which a sender's messages leave."""
    return CHANNELS[channel][senders.provider_of(sender)]
