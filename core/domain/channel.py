"""The port through which messages leave: what is asked of a channel and what it may answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

# Ten hours: what Twilio keeps by itself, and the most that may be asked of it.
LONGEST_VALIDITY_S = 36_000


class Outgoing(NamedTuple):
    """One message about to leave, claimed for this attempt.

    `validity_s` bounds how long the provider may keep it in its own queue, in seconds. `leave_at` and `leave_by`: from
    when and until when it may be written to the wire, on the monotonic clock. Before, it isn't its turn, but its
    connection is made, which takes now long and now short. After, a STOP or a pause may have come, or it would crowd
    those whose turn it is. `stale_at`: the same by the calendar, since the monotonic clock stands still while a machine
    sleeps; by then others may have taken it for lost.
    """

    delivery_id: int
    attempt: int
    sender: str
    address: str
    body: str
    segments: int = 1
    validity_s: int | None = None
    leave_at: float | None = None
    leave_by: float | None = None
    stale_at: datetime | None = None


class Accepted(NamedTuple):
    """The provider has taken it under `sid`; what became of it is told later by receipts."""

    sid: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It is known not to have left. `code` is the provider's (0: none, e.g. no connection)."""

    code: int
    message: str
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have left: settle it, never blindly send it again."""

    reason: str


Outcome = Accepted | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Trace:
    """What the provider knows of a message that we lost sight of."""

    sid: str
    status: str
    error_code: int


class TooLate(Exception):
    """Getting through took longer than a message may wait. Nothing was sent."""


class Unsendable(Exception):
    """It can't be written as the provider wants it, now or later. Nothing was sent."""


class Channel(Protocol):
    """A door to a provider; `send` raises nothing but `TooLate` for what the provider or the network does.

    What it can't write for the provider at all it tells by `Unsendable`.
    """

    async def send(self, outgoing: Outgoing) -> Outcome: ...

    async def close(self) -> None: ...
