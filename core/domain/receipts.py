"""What providers report of a message, in any order and any number of times, and how far each report brings it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from core.domain.lifecycles import DeliveryStatus

_D = DeliveryStatus

# Twilio's words for a message's status: how far along it is, and what it makes of a delivery of ours.
# Source: https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
REPORTS: MappingProxyType[str, tuple[int, DeliveryStatus]] = MappingProxyType(
    {
        "scheduled": (0, _D.ACCEPTED),
        "accepted": (0, _D.ACCEPTED),
        "queued": (1, _D.ACCEPTED),
        "sending": (2, _D.ACCEPTED),
        "sent": (3, _D.SENT),
        "canceled": (4, _D.FAILED),
        "failed": (4, _D.FAILED),
        "undelivered": (4, _D.UNDELIVERED),
        "delivered": (4, _D.DELIVERED),
        "read": (5, _D.DELIVERED),
    }
)
FAILURES = frozenset({_D.UNDELIVERED, _D.FAILED})
ENDS = FAILURES | {_D.DELIVERED}
LEFT = ENDS | {_D.ACCEPTED, _D.SENT}
# Of two ends the later in this row stands, whichever came first: a carrier may deliver after a temporary failure.
_ENDS_IN_ORDER = (_D.FAILED, _D.UNDELIVERED, _D.DELIVERED)
# A row that waits for another attempt (pending) is settled as well: an earlier attempt has left after all.
_OPEN = frozenset({_D.PENDING, _D.CLAIMED, _D.UNKNOWN})
_SETTLED_BY_OTHERS = frozenset({_D.REFUSED, _D.SKIPPED, _D.CANCELLED, _D.EXPIRED})


@dataclass(frozen=True, slots=True)
class Incoming:
    """One report. `delivery_id` and `attempt` come from our own address in the callback, when it carried them."""

    provider_sid: str
    status: str
    error_code: int = 0
    delivery_id: int | None = None
    attempt: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


class Standing(NamedTuple):
    """How far a delivery has come."""

    status: DeliveryStatus
    rank: int = 0
    error_code: int = 0


def settle(standing: Standing, report: Incoming) -> Standing | None:
    """Return where a report brings a delivery, or None when it is further already, or the report means nothing to us.

    The outcome of several reports depends on which they are, never on their order or repetition.
    """
    if report.status not in REPORTS or standing.status in _SETTLED_BY_OTHERS:
        return None
    rank, status = REPORTS[report.status]
    reached = Standing(status, rank, report.error_code if status in FAILURES else 0)
    return reached if _weight(reached) > _weight(standing) else None


def _weight(standing: Standing) -> tuple[int, int, int]:
    if standing.status in _OPEN:
        return (-1, 0, 0)
    if standing.status not in ENDS:
        return (standing.rank, 0, 0)
    return (standing.rank, _ENDS_IN_ORDER.index(standing.status), standing.error_code)
