"""A list of people into an audience: good rows go in, batch by batch, and bad ones come back with a sentence each."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from sqlmodel import Session

from core.domain import sheets
from core.domain.sheets import Entry, Row, Sheet
from core.errors import Invalid
from core.models import AudienceKind, AuditEntry
from core.usecases import audiences, upserting
from core.usecases.matching import Known, Pool

_BATCH = 5000

_Refused = list[tuple[Row, str]]
Refuse = Callable[[Row, str], None]
Step = Callable[[], AbstractContextManager[Session]]


@dataclass(slots=True)
class Tally:
    """What became of a file's rows; all but `members` add up to `rows`.

    `duplicates`: rows about somebody whom an earlier row was about; they are merged. `members`: how many the audience
    has now.
    """

    rows: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0
    members: int = 0

    def as_json(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Target:
    """Where the people go; `kind` None takes the audience as it is, or makes one of the community."""

    audience: str
    kind: AudienceKind | None = None
    region: str = "US"
    staff_id: UUID | None = None


def run(sheet: Sheet, target: Target, *, step: Step, refuse: Refuse, now: datetime) -> Tally:
    """Import a sheet; each batch is a step (a transaction) of its own, so that a STOP never waits for a whole file.

    Whatever stops it in the middle, it can be run again: rows that are in already are found unchanged. Suppressions
    stay as they are. `refuse` is given each row that can't be taken, and why.

    Raises:
        Invalid: the audience is of another kind; nothing was changed.
    """
    with step() as session:
        audiences.refuse_mixing(session, target.audience, target.kind)
    work, rows = _Import(target, now), sheet.rows()
    while batch := list(islice(rows, _BATCH)):
        entries, refused = _read(batch, sheet, target.region)
        if entries:
            with step() as session:
                refused += work.merge(session, entries)
        for row, sentence in sorted(refused):
            refuse(row, sentence)
        work.tally.rows += len(batch)
        work.tally.rejected += len(refused)
    with step() as session:
        _conclude(session, target, work.tally, now=now)
    return work.tally


def _read(batch: Sequence[Row], sheet: Sheet, region: str) -> tuple[list[Entry], _Refused]:
    entries: list[Entry] = []
    refused: _Refused = []
    for row in batch:
        try:
            entries.append(sheets.read(row, sheet.columns, region=region))
        except Invalid as refusal:
            refused.append((row, refusal.sentence))
    return entries, refused


class _Import:
    """One file on its way in: what was counted, and whom an earlier row was about."""

    def __init__(self, target: Target, now: datetime) -> None:
        self.tally = Tally()
        self._target = target
        self._now = now
        self._seen: set[int] = set()

    def merge(self, session: Session, entries: Sequence[Entry]) -> _Refused:
        """Bring a batch of readable rows into the database; return those that it doesn't agree with."""
        audience = audiences.named(session, self._target.audience, self._target.kind, now=self._now)
        pool = Pool(upserting.known(session, entries))
        touched: dict[UUID, Known] = {}
        refused: _Refused = []
        for entry in entries:
            try:
                contact = pool.merge(entry)
            except Invalid as refusal:
                refused.append((entry.row, refusal.sentence))
                continue
            self.tally.duplicates += contact.id in touched or hash(contact.id) in self._seen
            touched[contact.id] = contact
        upserting.write(session, list(touched.values()), audience.id, now=self._now)
        self._count(touched.values())
        return refused

    def _count(self, contacts: Iterable[Known]) -> None:
        for contact in contacts:
            key = hash(contact.id)  # ids themselves, by the hundred thousand, take several times the room
            if key in self._seen:
                continue
            self._seen.add(key)
            if contact.is_new:
                self.tally.added += 1
            elif contact.is_changed:
                self.tally.updated += 1
            else:
                self.tally.unchanged += 1


def _conclude(session: Session, target: Target, tally: Tally, *, now: datetime) -> None:
    """Count the audience, and leave a record of who brought in what."""
    audience = audiences.find_by_name(session, target.audience)
    if audience is None:
        return
    tally.members = audiences.size(session, audience.id)
    fields = {"audience": audience.name, "kind": audience.kind.value, **tally.as_json()}
    session.add(AuditEntry(at=now, action="audience.import", staff_id=target.staff_id, fields=fields))
