"""What the stand-in has taken, in the order it came: the truth that tests compare the product's database with."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4


@dataclass
class Message:
    """One text that was taken."""

    to: str
    sender: str
    text: str
    client_ref: str
    webhook_url: str
    status: str = "submitted"
    error: int = 0
    uuid: str = field(default_factory=lambda: str(uuid4()))
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_record(self, account: str) -> dict[str, Any]:
        """Return it as the Reports API does."""
        return {
            "account_id": account,
            "message_id": self.uuid,
            "client_ref": self.client_ref,
            "direction": "outbound",
            "channel": "sms",
            "from": self.sender,
            "to": self.to,
            "date_received": self.at.isoformat(),
            "status": self.status,
            "error_code": str(self.error),
        }

    def as_status(self) -> dict[str, Any]:
        """Return it as the status webhook tells of it."""
        told: dict[str, Any] = {
            "message_uuid": self.uuid,
            "to": self.to,
            "from": self.sender,
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "status": self.status,
            "client_ref": self.client_ref,
            "channel": "sms",
        }
        if self.error:
            address = f"https://developer.vonage.com/api-errors/messages#{self.error}"
            told["error"] = {"type": address, "title": str(self.error), "detail": "Lost.", "instance": self.uuid}
        return told


class Ledger:
    """Every text that was taken."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def totals(self) -> dict[str, Any]:
        """Return it in figures; a double is the same text to the same phone once more."""
        same = Counter((message.to, message.text) for message in self.messages)
        return {
            "accepted": len(self.messages),
            "doubles": sum(count - 1 for count in same.values()),
            "by_status": dict(Counter(message.status for message in self.messages)),
            "senders": dict(Counter(message.sender for message in self.messages)),
        }

    def sent_to(self, phone: str, *, since: datetime) -> list[Message]:
        """Return what was taken for a phone since then."""
        return [message for message in self.messages if message.to == phone and message.at >= since]
