"""The states of a blast and of a delivery, and every move between them, on one page.

Slack's buttons are drawn from these tables, and late callbacks are refused by them.
"""

from enum import StrEnum
from types import MappingProxyType

from core.errors import IllegalMove


class BlastStatus(StrEnum):
    """Where a blast stands."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    SENDING = "sending"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class DeliveryStatus(StrEnum):
    """Where one recipient's message stands."""

    PENDING = "pending"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_B = BlastStatus
_D = DeliveryStatus

# action of a person or of the clock → from which states, to which state
BLAST_MOVES: MappingProxyType[str, tuple[frozenset[BlastStatus], BlastStatus]] = MappingProxyType(
    {
        "edit": (frozenset({_B.DRAFT, _B.IN_REVIEW}), _B.DRAFT),
        "submit": (frozenset({_B.DRAFT}), _B.IN_REVIEW),
        "approve": (frozenset({_B.IN_REVIEW}), _B.APPROVED),
        "request_changes": (frozenset({_B.IN_REVIEW}), _B.DRAFT),
        "undo": (frozenset({_B.APPROVED}), _B.IN_REVIEW),
        "start": (frozenset({_B.APPROVED}), _B.SENDING),
        "expire": (frozenset({_B.APPROVED}), _B.EXPIRED),
        "pause": (frozenset({_B.SENDING}), _B.PAUSED),
        "resume": (frozenset({_B.PAUSED}), _B.SENDING),
        "cancel": (frozenset({_B.DRAFT, _B.IN_REVIEW, _B.APPROVED, _B.SENDING, _B.PAUSED}), _B.CANCELLED),
        "finish": (frozenset({_B.SENDING}), _B.FINISHED),
    }
)
OVER = frozenset({_B.FINISHED, _B.CANCELLED, _B.EXPIRED})

DELIVERY_MOVES: MappingProxyType[DeliveryStatus, frozenset[DeliveryStatus]] = MappingProxyType(
    {
        # One that waits to be tried again may turn out to have left the first time.
        _D.PENDING: frozenset(
            {_D.CLAIMED, _D.SKIPPED, _D.CANCELLED, _D.EXPIRED}
            | {_D.ACCEPTED, _D.SENT, _D.DELIVERED, _D.UNDELIVERED, _D.FAILED}
        ),
        _D.CLAIMED: frozenset(
            {_D.PENDING, _D.ACCEPTED, _D.SENT, _D.DELIVERED, _D.UNDELIVERED, _D.FAILED, _D.REFUSED, _D.UNKNOWN}
        ),
        _D.UNKNOWN: frozenset({_D.PENDING, _D.ACCEPTED, _D.SENT, _D.DELIVERED, _D.UNDELIVERED, _D.FAILED, _D.REFUSED}),
        _D.ACCEPTED: frozenset({_D.SENT, _D.DELIVERED, _D.UNDELIVERED, _D.FAILED, _D.CANCELLED}),
        _D.SENT: frozenset({_D.DELIVERED, _D.UNDELIVERED, _D.FAILED}),
        # A carrier may deliver after it has reported a temporary failure. Of two failures the later one here stands.
        _D.UNDELIVERED: frozenset({_D.DELIVERED}),
        _D.FAILED: frozenset({_D.UNDELIVERED, _D.DELIVERED}),
        _D.DELIVERED: frozenset(),
        _D.REFUSED: frozenset(),
        _D.SKIPPED: frozenset(),
        _D.CANCELLED: frozenset(),
        _D.EXPIRED: frozenset(),
    }
)
# Not yet known how these end: a blast isn't over while it has one that has not left.
WAITING = frozenset({_D.PENDING, _D.CLAIMED, _D.UNKNOWN})
IN_FLIGHT = frozenset({_D.ACCEPTED, _D.SENT})
# What an unknown says whose answer we lost, not the provider.
LEASE_ENDED = "No answer was recorded before its lease ended."
CUT_OFF = "We stopped before the provider answered."
LOST_BY_US = frozenset({LEASE_ENDED, CUT_OFF})
# What it says where we erred: a person must look, but the provider is well.
STUMBLED = "We stumbled over it while it was sent."
UNWRITTEN = "The provider's answer couldn't be written down."
OUR_ERRORS = LOST_BY_US | {STUMBLED, UNWRITTEN}

_REFUSALS = MappingProxyType(
    {
        _B.DRAFT: "it is still a draft",
        _B.IN_REVIEW: "it is waiting for approval",
        _B.APPROVED: "it has been approved already",
        _B.SENDING: "it is being sent already",
        _B.PAUSED: "it is paused",
        _B.FINISHED: "it has been sent",
        _B.CANCELLED: "it was cancelled",
        _B.EXPIRED: "it expired before it could be sent",
    }
)


def may(action: str, status: BlastStatus) -> bool:
    """Tell whether `action` can be done to a blast in `status`."""
    return status in BLAST_MOVES[action][0]


def move(action: str, status: BlastStatus) -> BlastStatus:
    """Return the state to which `action` leads.

    Raises:
        IllegalMove: it can't be done from `status`.
    """
    sources, target = BLAST_MOVES[action]
    if status not in sources:
        words = action.replace("_", " ")
        raise IllegalMove(f"You can't {words} this blast: {_REFUSALS[status]}. Its card shows what can be done now.")
    return target
