"""What Vonage's words mean in ours: statuses of messages, and error codes."""

from types import MappingProxyType

# Source: https://developer.vonage.com/en/messages/concepts/messages-status-callbacks
STATUSES = MappingProxyType(
    {
        "submitted": "sent",
        "delivered": "delivered",
        "rejected": "failed",
        "undeliverable": "undelivered",
        "read": "read",
    }
)
# Our failures are told by Twilio's codes, which say more; what isn't here is kept as it is, and read with care.
# Source: https://developer.vonage.com/en/api-errors/messages
_CODES = MappingProxyType(
    {
        1000: 20429,  # throttled
        1040: 21211,  # a number that nobody has
        1050: 30004,  # barred
        1060: 30002,  # our account is barred
        1070: 30002,  # no credit left
        1120: 21606,  # a sender that isn't ours to use
        1170: 21211,  # no number
        1180: 30003,  # absent for now
        1190: 30005,  # absent for good
        1210: 30007,  # filtered as spam
        1220: 30003,  # busy
        1230: 30008,  # the carrier's network
        1240: 21610,  # has asked for no more texts
    }
)
_UNAUTHORIZED, _TWILIOS = 401, 20003


def code(vonages: int, *, http_status: int | None = None) -> int:
    """Return the code of our table that says the same, else Vonage's own."""
    if not vonages and http_status == _UNAUTHORIZED:
        return _TWILIOS
    return _CODES.get(vonages, vonages)


def reference(delivery_id: int, attempt: int) -> str:
    """Write what Vonage carries along with a message, and gives back with each of its statuses."""
    return f"{delivery_id}.{attempt}"


def read_reference(text: str) -> tuple[int, int] | None:
    """Read delivery and attempt; None when it isn't of ours."""
    delivery_id, mark, attempt = text.partition(".")
    if not (mark and delivery_id.isdecimal() and attempt.isdecimal() and text.isascii()):
        return None
    return (int(delivery_id), int(attempt)) if len(delivery_id) < 19 and len(attempt) < 5 else None
