"""Suppressions made up for over history: ours, an exported log or the provider's list; in batches, and resumable."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from itertools import groupby, islice
from typing import Protocol

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain import backlog, failures, senders
from core.domain.backlog import Entry, Verdict
from core.domain.events import BackfillRequested
from core.domain.lifecycles import DeliveryStatus
from core.domain.receipts import FAILURES
from core.errors import Invalid
from core.models import (
    AuditEntry,
    Bookmark,
    Contact,
    Delivery,
    Inbound,
    Membership,
    Staff,
    Suppression,
    SuppressionCause,
)
from core.usecases import bookmarks, erasure, lifting, suppression

BATCH = 500
_SOURCE = "backfill"
_FOUND_OUT = "Texts to them are stopped: what came earlier says that they asked for it, or can't be reached."
_LONGEST_DAYS = 3  # digits
_CAUSES = {"opt_out": SuppressionCause.OPT_OUT, "hard": SuppressionCause.HARD_FAILURE}

Step = Callable[[], AbstractContextManager[Session]]
# The provider's code of a message that failed without one, by its id there.
Detail = Callable[[str], int]


@dataclass(slots=True)
class Counts:
    """What a backfill has done. `logs`: entries looked at; `calls`: to the provider; `details`: messages fetched there.

    Of the entries: `total`, those that could not be read (`failed`), `opt_out`, `hard_fail`, `soft_fail`, and
    `skipped`, which changed nothing. `upserts`: suppressions made; `removals`: memberships out of reach by them.
    """

    batches: int = 0
    logs: int = 0
    calls: int = 0
    details: int = 0
    unsubscribed: int = 0
    suppressed: int = 0
    total: int = 0
    failed: int = 0
    opt_out: int = 0
    hard_fail: int = 0
    soft_fail: int = 0
    upserts: int = 0
    removals: int = 0
    skipped: int = 0

    def add(self, more: "Counts") -> None:
        """Add another's counts."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(more, each.name))

    def as_json(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


class Source(Protocol):
    """History, read by address. `name` tells one backfill's place from another's."""

    name: str

    def read(self, session: Session, after: str) -> tuple[list[Entry], str]:
        """Return the whole history of the next addresses after this one, and the last of them; nothing at the end."""
        ...


class Stored:
    """Our own deliveries and the texts that came."""

    name = "stored"

    def read(self, session: Session, after: str) -> tuple[list[Entry], str]:
        """Return what we keep of the next addresses."""
        failed = sa.select(col(Delivery.address)).where(
            col(Delivery.address) > after, col(Delivery.status).in_((*FAILURES, DeliveryStatus.REFUSED))
        )
        wrote = sa.select(col(Inbound.address)).where(col(Inbound.address) > after, col(Inbound.kind) != "none")
        either = sa.union(failed, wrote).subquery()
        is_somebodys = ~either.c.address.startswith(erasure.NOBODY)
        wanted = sa.select(either.c.address).where(is_somebodys).order_by(either.c.address).limit(BATCH)
        addresses = session.scalars(wanted).all()
        # The last in the database's own order, which isn't always ours.
        return [*_delivered_or_not(session, addresses), *_texts(session, addresses)], addresses[-1] if addresses else ""


class Recorded:
    """Entries that were read from a log; their addresses are gone through in order."""

    def __init__(self, name: str, entries: Iterable[Entry]) -> None:
        self.name = name
        self._entries = sorted(entries, key=_by_address)

    def read(self, session: Session, after: str) -> tuple[list[Entry], str]:
        """Return the next addresses' entries, and what we know ourselves of these addresses."""
        batch: list[Entry] = []
        begin = bisect_right(self._entries, after, key=_by_address)
        for _, entries in groupby(islice(self._entries, begin, None), key=_by_address):
            batch += entries
            if len(batch) >= BATCH:
                break
        known = {entry.sid for entry in batch if entry.sid}
        ours = _delivered_or_not(session, sorted({entry.address for entry in batch}), but=known)
        return [*batch, *ours], batch[-1].address if batch else ""


def _by_address(entry: Entry) -> str:
    return entry.address


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a backfill has come."""

    counts: Counts
    is_over: bool


def run(
    source: Source, *, step: Step, now: datetime, detail: Detail | None = None, most_batches: int | None = None
) -> Outcome:
    """Go through history batch by batch, each in a transaction of its own; what was begun goes on from where it stood.

    Nothing is suppressed that was lifted, or whose owner wrote START, since. `most_batches` bounds one run.
    """
    name = f"{_SOURCE}.{source.name}"[:128]
    done, counts = 0, Counts()
    while most_batches is None or done < most_batches:
        with step() as session:
            after, counts = _place(session, name)
            entries, last = source.read(session, after)
            if not entries:
                session.execute(sa.delete(Bookmark).where(col(Bookmark.name) == name))
                return Outcome(counts, is_over=True)
        fetched = _details(entries, detail)
        with step() as session:
            counts.add(_settle(session, [_completed(entry, fetched) for entry in entries], now=now))
            counts.add(Counts(batches=1, calls=len(fetched), details=len(fetched)))
            bookmarks.put(session, name, at=now, fields={"after": last, "counts": counts.as_json()})
        done += 1
    return Outcome(counts, is_over=False)


def request(session: Session, typed: str, *, by: Staff, now: datetime) -> None:
    """Have the workers go through our own history, or (`twilio 30`) so many days of the provider's list.

    Raises:
        Invalid: something else was typed.
    """
    place, _, days = typed.strip().lower().partition(" ")
    if place not in ("", "twilio") or (place and not (days or "30").isdecimal()) or len(days) > _LONGEST_DAYS:
        raise Invalid("Write `/blast backfill`, or `/blast backfill twilio 30` for 30 days of Twilio's list.")
    outbox.record(session, BackfillRequested(by.slack_user_id, int(days or 30) if place else None), now=now)
    session.add(AuditEntry(at=now, action="backfill", staff_id=by.id, fields={"place": place or "stored"}))


def restart(session: Session, source: Source) -> None:
    """Forget how far a backfill has come, so that it begins anew."""
    session.execute(sa.delete(Bookmark).where(col(Bookmark.name) == f"{_SOURCE}.{source.name}"[:128]))


def _place(session: Session, name: str) -> tuple[str, Counts]:
    mark = session.get(Bookmark, name, populate_existing=True)
    return (mark.fields["after"], Counts(**mark.fields["counts"])) if mark else ("", Counts())


def _details(entries: Sequence[Entry], detail: Detail | None) -> dict[str, int]:
    if detail is None:
        return {}
    return {
        entry.sid: detail(entry.sid) for entry in entries if entry.kind == "failed" and entry.sid and not entry.code
    }


def _completed(entry: Entry, fetched: Mapping[str, int]) -> Entry:
    return entry._replace(code=fetched[entry.sid]) if entry.sid in fetched else entry


def _settle(session: Session, entries: Sequence[Entry], *, now: datetime) -> Counts:
    by_address: dict[str, list[Entry]] = {}
    for entry in entries:
        by_address.setdefault(entry.address, []).append(entry)
    lifted = _lifted(session, list(by_address))
    counts = Counts(logs=len(entries), total=len(entries))
    for entry in entries:
        _count_class(counts, entry)
    for address, history in by_address.items():
        verdict = backlog.judge(history, lifted_at=lifted.get(address))
        if verdict is None or not _suppress(session, verdict, now=now):
            counts.skipped += len(history)
            continue
        lifting.tell(session, [address], _FOUND_OUT, now=now)
        counts.upserts += 1
        counts.unsubscribed += verdict.cause == "opt_out"
        counts.suppressed += verdict.cause == "hard"
        counts.removals += _memberships(session, address)
    return counts


def _count_class(counts: Counts, entry: Entry) -> None:
    cls = failures.classify(entry.code, at_create=False).cls if entry.kind == "failed" else None
    counts.opt_out += cls == "opt_out"
    counts.hard_fail += cls == "hard"
    counts.soft_fail += cls == "soft"


def _suppress(session: Session, verdict: Verdict, *, now: datetime) -> bool:
    entry = verdict.entry
    return suppression.suppress(
        session,
        entry.address,
        cause=_CAUSES[verdict.cause],
        source=_SOURCE,
        error_code=entry.code,
        strikes=verdict.strikes,
        delivery_id=entry.delivery_id,
        inbound_id=entry.inbound_id,
        now=now,
    )


def _lifted(session: Session, addresses: Sequence[str]) -> dict[str, datetime]:
    """Return when each address was last let in again, by staff or by its owner."""
    lifted = sa.select(col(Suppression.address), col(Suppression.lifted_at)).where(
        col(Suppression.address).in_(addresses),
        col(Suppression.lifted_at).is_not(None),
        # One that gave way to a stronger cause wasn't lifted by anybody.
        col(Suppression.lifted_by) != suppression.REPLACED,
    )
    started = sa.select(col(Inbound.address), col(Inbound.received_at)).where(
        col(Inbound.address).in_(addresses), col(Inbound.kind) == "opt_in", col(Inbound.certainty) == "certain"
    )
    found: dict[str, datetime] = {}
    for address, at in [*session.execute(lifted), *session.execute(started)]:
        found[address] = max(at, found.get(address, at))
    return found


def _memberships(session: Session, address: str) -> int:
    is_theirs = (col(Contact.phone) == address) | (col(Contact.email) == address)
    counted = sa.select(sa.func.count()).select_from(Membership).join(Contact, col(Contact.id) == Membership.contact_id)
    return session.scalar(counted.where(is_theirs)) or 0


def _delivered_or_not(
    session: Session, addresses: Sequence[str], but: frozenset[str] | set[str] = frozenset()
) -> list[Entry]:
    ended = (*FAILURES, DeliveryStatus.REFUSED, DeliveryStatus.DELIVERED)
    rows = session.execute(
        sa.select(
            col(Delivery.address),
            sa.func.coalesce(col(Delivery.ended_at), col(Delivery.created_at)).label("at"),
            col(Delivery.status),
            col(Delivery.error_code),
            col(Delivery.provider_sid),
            col(Delivery.id),
        ).where(col(Delivery.address).in_(addresses), col(Delivery.status).in_(ended))
    )
    return [
        Entry(
            row.address,
            row.at,
            "delivered" if row.status is DeliveryStatus.DELIVERED else "failed",
            code=row.error_code,
            sid=row.provider_sid or "",
            delivery_id=row.id,
        )
        for row in rows
        if row.provider_sid not in but
    ]


def _texts(session: Session, addresses: Sequence[str]) -> list[Entry]:
    rows = session.execute(
        sa.select(col(Inbound.address), col(Inbound.received_at), col(Inbound.body), col(Inbound.id)).where(
            col(Inbound.address).in_(addresses),
            # Of an e-mail in which no words of theirs were found we keep what they quote.
            (col(Inbound.sender) != senders.EMAIL) | (col(Inbound.kind) == "opt_out"),
        )
    )
    return [Entry(row.address, row.received_at, "text", body=row.body, inbound_id=row.id) for row in rows]
