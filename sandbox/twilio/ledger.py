"""Every text that went through the stand-in, in columns: a million of them take some 450 MB."""

import secrets
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Direction = Literal["outbound-api", "outbound-reply", "inbound"]
DIRECTIONS: tuple[Direction, ...] = ("outbound-api", "outbound-reply", "inbound")
STATUSES = (
    "scheduled", "accepted", "queued", "sending", "sent", "delivered", "undelivered", "failed", "canceled", "received",
)  # fmt: skip
_RANK = {
    "scheduled": 0, "accepted": 0, "queued": 1, "sending": 2, "sent": 3,
    "delivered": 4, "undelivered": 4, "failed": 4, "canceled": 4, "received": 4,
}  # fmt: skip
_STATUS_NUMBER = {status: number for number, status in enumerate(STATUSES)}
_END = b"\xff"  # never part of UTF-8, so it can end a text
_SID_SPACE = 1 << 128
KEPT_DOUBLES = 20


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A text before it has a SID. `member` is the phone outside, `sender` the account's own number."""

    member: str
    sender: str
    body: str
    direction: Direction
    status: str
    segments: int = 1
    callback: str = ""
    media: tuple[str, ...] = ()
    service: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A text as the ledger holds it; `order` counts from 0, times are epoch seconds, 0.0 for not yet."""

    order: int
    sid: str
    member: str
    sender: str
    body: str
    direction: Direction
    status: str
    error_code: int
    segments: int
    callback: str
    media: tuple[str, ...]
    service: str
    created_at: float
    updated_at: float
    sent_at: float


class _Names:
    """Gives small numbers to texts that recur: senders, services, callback addresses without their query."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        found = self._numbers.get(name)
        if found is None:
            found = self._numbers[name] = len(self.all)
            self.all.append(name)
        return found


class Ledger:
    """Append-only but for statuses; remembers per phone the chain of its texts, newest first."""

    def __init__(self) -> None:
        self._created, self._updated, self._sent = array("d"), array("d"), array("d")
        self._member, self._previous, self._text_end = array("Q"), array("q"), array("Q")
        self._sender, self._service, self._endpoint = array("I"), array("I"), array("I")
        self._status, self._direction, self._media = array("B"), array("B"), array("B")
        self._error, self._segments = array("H"), array("H")
        self._texts = bytearray()
        self._senders, self._services, self._endpoints = _Names(), _Names(), _Names()
        self._latest: dict[int, int] = {}
        self._seen: set[int] = set()
        self._sid_step, self._sid_start = secrets.randbits(128) | 1, secrets.randbits(128)
        self._sid_step_back = pow(self._sid_step, -1, _SID_SPACE)
        self.by_status: Counter[str] = Counter()
        self.accepted = 0
        self.doubles = 0
        self.double_sids: list[str] = []

    def __len__(self) -> int:
        return len(self._created)

    def add(self, new: NewMessage, *, now: float) -> int:
        """Keep a text and return its order."""
        order = len(self._created)
        member = int(new.member[1:])
        endpoint, _, query = new.callback.partition("?")
        self._texts += _END.join(text.encode() for text in (new.body, query, *new.media))
        self._text_end.append(len(self._texts))
        self._created.append(now)
        self._updated.append(now)
        self._sent.append(0.0)
        self._member.append(member)
        self._previous.append(self._latest.get(member, -1))
        self._latest[member] = order
        self._sender.append(self._senders.number(new.sender))
        self._service.append(self._services.number(new.service))
        self._endpoint.append(self._endpoints.number(endpoint))
        self._status.append(_STATUS_NUMBER[new.status])
        self._direction.append(DIRECTIONS.index(new.direction))
        self._media.append(len(new.media))
        self._error.append(0)
        self._segments.append(new.segments)
        if new.direction == "outbound-api":
            self._count(new, order)
        return order

    def _count(self, new: NewMessage, order: int) -> None:
        self.accepted += 1
        self.by_status[new.status] += 1
        mark = hash((new.member, new.body))
        if mark in self._seen:
            self.doubles += 1
            self.double_sids = [*self.double_sids, self.sid(order)][-KEPT_DOUBLES:]
        self._seen.add(mark)

    def advance(self, order: int, status: str, error_code: int, *, now: float) -> bool:
        """Raise a text's status, never lower it; say whether it changed."""
        old = STATUSES[self._status[order]]
        if _RANK[status] <= _RANK[old] and (old, status) != ("scheduled", "accepted"):
            return False
        self._status[order] = _STATUS_NUMBER[status]
        self._error[order] = error_code
        self._updated[order] = now
        if not self._sent[order] and status in ("sent", "delivered", "undelivered"):
            self._sent[order] = now
        if DIRECTIONS[self._direction[order]] == "outbound-api":
            self.by_status[old] -= 1
            self.by_status[status] += 1
        return True

    def status(self, order: int) -> str:
        """Return the status of a text."""
        return STATUSES[self._status[order]]

    def wants_callbacks(self, order: int) -> bool:
        """Say whether a text was sent with a StatusCallback."""
        return bool(self._endpoints.all[self._endpoint[order]])

    def sid(self, order: int) -> str:
        """Return the SID of a text: its order behind a secret, reversible mix, so that no index need be kept."""
        mixed = (order * self._sid_step + self._sid_start) % _SID_SPACE
        return f"{'MM' if self._media[order] else 'SM'}{mixed:032x}"

    def order(self, sid: str) -> int | None:
        """Return the order of a SID, or None if it was never given out."""
        try:
            mixed = int.from_bytes(bytes.fromhex(sid[2:]))
        except ValueError:
            return None
        order = (mixed - self._sid_start) * self._sid_step_back % _SID_SPACE
        return order if order < len(self) and self.sid(order) == sid else None

    def read(self, order: int) -> Message:
        """Return a text whole."""
        start = self._text_end[order - 1] if order else 0
        body, query, *media = (text.decode() for text in self._texts[start : self._text_end[order]].split(_END))
        endpoint = self._endpoints.all[self._endpoint[order]]
        return Message(
            order=order,
            sid=self.sid(order),
            member=f"+{self._member[order]}",
            sender=self._senders.all[self._sender[order]],
            body=body,
            direction=DIRECTIONS[self._direction[order]],
            status=STATUSES[self._status[order]],
            error_code=self._error[order],
            segments=self._segments[order],
            callback=_with_query(endpoint, query),
            media=tuple(media),
            service=self._services.all[self._service[order]],
            created_at=self._created[order],
            updated_at=self._updated[order],
            sent_at=self._sent[order],
        )

    def newest_first(self, *, before: int | None = None) -> Iterator[int]:
        """Yield the orders of all texts below `before`."""
        yield from range((len(self) if before is None else before) - 1, -1, -1)

    def of_phone(self, member: str, *, before: int | None = None) -> Iterator[int]:
        """Yield the orders of the texts to and from one phone, newest first, below `before`."""
        order = self._latest.get(int(member[1:]), -1)
        while order >= 0:
            if before is None or order < before:
                yield order
            order = self._previous[order]

    def phones(self) -> Iterator[str]:
        """Yield every phone that ever sent or got a text."""
        return (f"+{digits}" for digits in self._latest)

    def knows(self, member: str) -> bool:
        """Say whether a phone ever sent or got a text."""
        return int(member[1:]) in self._latest

    def outbound(self, *, since: int = 0) -> Iterator[tuple[str, float, int]]:
        """Yield sender, time and segments of every text accepted from the API."""
        api = DIRECTIONS.index("outbound-api")
        for order in range(since, len(self)):
            if self._direction[order] == api:
                yield self._senders.all[self._sender[order]], self._created[order], self._segments[order]


def _with_query(endpoint: str, query: str) -> str:
    return f"{endpoint}?{query}" if query else endpoint
