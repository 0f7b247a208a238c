"""A list of people into an audience: good rows go in, batch by batch, and bad ones come back with a sentence each."""

from collections.abc import Callable, Iterator, Sequence
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

Refused = list[tuple[Row, str]]
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
    tally, seen = Tally(), set[int]()
    rows = sheet.rows()
    while batch := list(islice(rows, _BATCH)):
        refused: Refused = []
        entries = list(_readable(batch, sheet, target.region, refused))
        if entries:
            with step() as session:
                _merge(session, entries, target, tally, seen, refused, now=now)
        for row, sentence in sorted(refused):
            refuse(row, sentence)
        tally.rows += len(batch)
        tally.rejected += len(refused)
    with step() as session:
        _conclude(session, target, tally, now=now)
    return tally


def _readable(batch: Sequence[Row], sheet: Sheet, region: str, refused: Refused) -> Iterator[Entry]:
    for row in batch:
        try:
            yield sheets.read(row, sheet.columns, region=region)
        except Invalid as refusal:
            refused.append((row, refusal.sentence))


def _merge(
    session: Session,
    entries: Sequence[Entry],
    target: Target,
    tally: Tally,
    seen: set[int],
    refused: Refused,
    *,
    now: datetime,
) -> None:
    """Bring a batch of readable rows into the database, and count what that meant."""
    audience = audiences.named(session, target.audience, target.kind, now=now)
    pool = Pool(upserting.known(session, entries))
    touched: dict[UUID, Known] = {}
    first: list[Known] = []
    for entry in entries:
        try:
            contact = pool.merge(entry)
        except Invalid as refusal:
            refused.append((entry.row, refusal.sentence))
            continue
        touched[contact.id] = contact
        key = hash(contact.id)  # ids themselves, by the hundred thousand, take several times the room
        if key in seen:
            tally.duplicates += 1
        else:
            seen.add(key)
            first.append(contact)
    upserting.write(session, list(touched.values()), audience.id, now=now)
    _count(tally, first)


def _count(tally: Tally, contacts: Sequence[Known]) -> None:
    for contact in contacts:
        if contact.is_new:
            tally.added += 1
        elif contact.is_changed:
            tally.updated += 1
        else:
            tally.unchanged += 1


def _conclude(session: Session, target: Target, tally: Tally, *, now: datetime) -> None:
    """Count the audience, and leave a record of who brought in what."""
    audience = audiences.find_by_name(session, target.audience)
    if audience is None:
        return
    tally.members = audiences.size(session, audience.id)
    fields = {"audience": audience.name, "kind": audience.kind.value, **tally.as_json()}
    session.add(AuditEntry(at=now, action="audience.import", staff_id=target.staff_id, fields=fields))
