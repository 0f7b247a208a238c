"""Tells open pages what happens on the phones, gathered so that a flood of thousands a second costs nothing."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from sandbox.traffic import Feed
from sandbox.twilio.ledger import Ledger, Message

TICK = 0.1  # seconds
MESSAGES_PER_TICK = 50
STATUSES_PER_TICK = 100
RECENT_PHONES = 50


def as_seen_on_phone(message: Message) -> dict[str, object]:
    """Return a text as the page draws it on a phone."""
    return {
        "sid": message.sid,
        "direction": "from_member" if message.direction == "inbound" else "to_member",
        "body": message.body,
        "status": message.status,
        "error_code": message.error_code or None,
        "at": message.created_at,
        "media": list(message.media),
        "sender": message.sender,
    }


class Board:
    """Keeps which texts are new or changed since the last tick, and which phones were active last."""

    def __init__(self, feed: Feed, ledger: Ledger) -> None:
        self._feed = feed
        self._ledger = ledger
        self._new: list[int] = []
        self._changed: dict[int, None] = {}
        self._is_dirty = False
        self._recent: OrderedDict[str, None] = OrderedDict()

    def show(self, order: int, member: str) -> None:
        """Put a new text on a phone."""
        self._is_dirty = True
        if len(self._new) >= MESSAGES_PER_TICK:
            del self._new[0]
        self._new.append(order)
        self._recent[member] = None
        self._recent.move_to_end(member)
        if len(self._recent) > RECENT_PHONES:
            self._recent.popitem(last=False)

    def change(self, order: int) -> None:
        """Note that a text's status changed."""
        self._is_dirty = True
        if len(self._changed) < STATUSES_PER_TICK:
            self._changed[order] = None

    def recent_phones(self) -> list[str]:
        """Return the phones that were active last, latest first."""
        return list(reversed(self._recent))

    async def run(self, totals: Callable[[], dict[str, object]]) -> None:
        """Publish what has gathered, tick by tick, for ever."""
        while True:
            await asyncio.sleep(TICK)
            self.publish(totals)

    def publish(self, totals: Callable[[], dict[str, object]]) -> None:
        """Tell the feed what has gathered."""
        if not self._is_dirty:
            return
        new, changed = self._new, self._changed
        self._new, self._changed, self._is_dirty = [], {}, False
        for order in new:
            self._publish_message(order)
        for order in changed.keys() - set(new):
            self._publish_status(order)
        self._feed.publish("totals", totals())

    def _publish_message(self, order: int) -> None:
        message = self._ledger.read(order)
        self._feed.publish("phone.message", {"phone": message.member, "message": as_seen_on_phone(message)})

    def _publish_status(self, order: int) -> None:
        message = self._ledger.read(order)
        self._feed.publish(
            "phone.status",
            {
                "phone": message.member,
                "sid": message.sid,
                "status": message.status,
                "error_code": message.error_code or None,
            },
        )
