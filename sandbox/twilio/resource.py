"""Message resources as Twilio's API writes them."""

from email.utils import formatdate
from functools import lru_cache

from sandbox.twilio.errors import ERROR_MESSAGES
from sandbox.twilio.ledger import Message

API_VERSION = "2010-04-01"


def render(account_sid: str, message: Message) -> dict[str, object]:
    """Return a text as JSON fields.

    A messaging service hasn't chosen its sender while it has only accepted a text: no `from`, no segments, no unit.
    """
    uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{message.sid}"
    is_inbound = message.direction == "inbound"
    is_unassigned = bool(message.service) and message.status in ("accepted", "scheduled")
    our_number = None if is_unassigned else message.sender
    return {
        "body": message.body,
        "num_segments": "0" if is_unassigned else str(message.segments),
        "direction": message.direction,
        "from": message.member if is_inbound else our_number,
        "date_updated": _rfc2822(message.updated_at),
        "price": None,
        "error_message": ERROR_MESSAGES.get(message.error_code) if message.error_code else None,
        "uri": f"{uri}.json",
        "account_sid": account_sid,
        "num_media": str(len(message.media)),
        "to": message.sender if is_inbound else message.member,
        "date_created": _rfc2822(message.created_at),
        "status": message.status,
        "sid": message.sid,
        "date_sent": _rfc2822(message.sent_at or (message.created_at if is_inbound else 0.0)),
        "messaging_service_sid": message.service or None,
        "error_code": message.error_code or None,
        "price_unit": None if is_unassigned else "USD",
        "api_version": API_VERSION,
        "subresource_uris": {"media": f"{uri}/Media.json"},
    }


def _rfc2822(at: float) -> str | None:
    return _whole_second(int(at)) if at else None


@lru_cache(maxsize=4096)
def _whole_second(at: int) -> str:
    return formatdate(at, usegmt=True).replace("GMT", "+0000")
