"""The processes that send, several of a kind, with hands at all of them: for journeys in which they go wrong."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.clock import utc_now
from core.domain.lifecycles import OVER, BlastStatus, DeliveryStatus
from core.models import Audience, Blast, Contact, Delivery, Membership
from core.usecases import approval, reports
from tests import factories
from tests.journeys.house import House

S = TypeVar("S", bound="Site")

_AREA_CODES = range(213, 1000)
# The last twelve of each hundred are the stand-in's magic numbers.
_PER_AREA = 88


class Site(House):
    """A house without the bot, since nobody presses buttons here, and with several workers and clocks.

    `niceness`: below 0 they go before whatever else this machine does, if we may ask for that.
    """

    doors: Sequence[str] = ("webhooks",)

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *,
        workers: int = 2,
        clocks: int = 1,
        niceness: int = 0,
        settings: Mapping[str, str],
    ) -> None:
        super().__init__(folder, database_url, **{"QUIET_HOURS": "", "LOG_LEVEL": "WARNING", **settings})
        self.workers = [f"worker-{number + 1}" for number in range(workers)]
        self.clocks = [f"clock-{number + 1}" for number in range(clocks)]
        self._niceness = niceness
        once = {name: self._commands[name] for name in ("sandbox", *self.doors)}
        several = {name: self._commands[name.partition("-")[0]] for name in (*self.workers, *self.clocks)}
        self._commands = {name: self._command(name, command) for name, command in (once | several).items()}
        self.engine = db.connect(database_url)

    def open(self) -> None:
        """Bring everything up; the database is there and migrated."""
        self.redis.start()
        self.start("sandbox")
        for name in self._commands.keys() - {"sandbox"}:
            self._begin(name)
        for name in self.doors:
            self._await(name)
        # The product's own list of those who opted out is on trial, not Twilio's.
        self.stand_ins.behave(opt_out_list=False)

    def close(self) -> None:
        """End everything, without asking: whatever comes of it is no longer looked at."""
        for name in list(self._running):
            self.kill(name)
        super().close()
        self.engine.dispose()

    def dead(self) -> list[str]:
        """Return the processes that have ended by themselves."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def last_words(self) -> str:
        """Return the end of what each process has said."""
        return "\n".join(f"--- {name}\n{self.log(name)[-1500:]}" for name in self._commands)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a transaction of our own."""
        with db.transaction(self.engine) as session:
            yield session

    def begin(self, phones: Sequence[str], *, body: str, notes: Sequence[str] = ("",)) -> UUID:
        """Put a blast into the database, approved and due; `{note}` in its body is each recipient's, in turn."""
        now = utc_now()
        with self.session() as session:
            pool = self.pool(session, phones, notes=notes, now=now)
            made = factories.blast(session, [pool], body=body, starts_at=now - timedelta(seconds=1), created_at=now)
            factories.approval(session, made)
            return made.id

    @staticmethod
    def pool(session: Session, phones: Sequence[str], *, notes: Sequence[str] = ("",), now: datetime) -> Audience:
        """Make an audience of contacts with these phones."""
        people = [
            Contact(id=uuid4(), phone=phone, attributes={"note": note}, created_at=now, updated_at=now)
            for phone, note in zip(phones, cycle(notes), strict=False)
        ]
        session.add_all(people)
        made = factories.audience(session, name=uuid4().hex)
        session.add_all(Membership(audience_id=made.id, contact_id=each.id, created_at=now) for each in people)
        return made

    def pause(self, blast_id: UUID) -> None:
        """Pause a blast, as staff do; back when it is committed."""
        with self.session() as session:
            approval.pause(session, blast_id, by=None, seen=1, now=utc_now())

    def resume(self, blast_id: UUID) -> None:
        """Let a paused blast go on; one that isn't paused just goes on."""
        with self.session() as session:
            if session.get_one(Blast, blast_id).status is BlastStatus.PAUSED:
                approval.resume(session, blast_id, by=None, seen=1, now=utc_now())

    def status(self, blast_id: UUID) -> BlastStatus:
        """Return where a blast stands."""
        with db.reading(self.engine) as session:
            return BlastStatus(session.scalars(sa.select(col(Blast.status)).where(col(Blast.id) == blast_id)).one())

    def pending(self, blast_id: UUID) -> int:
        """Return how many of a blast have not been claimed yet, or are claimed and not known to have left."""
        with db.reading(self.engine) as session:
            counts = reports.progress(session, blast_id, now=utc_now()).counts
        return counts.get(DeliveryStatus.PENDING, 0) + counts.get(DeliveryStatus.CLAIMED, 0)

    def claimed(self) -> int:
        """Return how many texts workers hold."""
        with db.reading(self.engine) as session:
            is_claimed = col(Delivery.status) == DeliveryStatus.CLAIMED
            return session.scalar(sa.select(sa.func.count()).select_from(Delivery).where(is_claimed)) or 0

    def is_over(self, blast_id: UUID) -> bool:
        """Tell whether a blast has ended."""
        return self.status(blast_id) in OVER

    def _command(self, name: str, command: Sequence[str]) -> list[str]:
        return ["nice", "-n", str(self._niceness), *command]


def phones(count: int, *, first: int = 0) -> list[str]:
    """Return `count` fictional phones that behave like anybody's."""
    numbers = range(first, first + count)
    return [f"+1{_AREA_CODES[number // _PER_AREA]}5550{100 + number % _PER_AREA}" for number in numbers]


@contextmanager
def opened(
    folder: Path,
    database_url: str,
    *,
    workers: int = 2,
    clocks: int = 1,
    niceness: int = 0,
    settings: Mapping[str, str],
) -> Iterator[Site]:
    """Yield a site that is up; whatever is left of it is stopped."""
    with up(Site(folder, database_url, workers=workers, clocks=clocks, niceness=niceness, settings=settings)) as site:
        yield site


@contextmanager
def up(site: S) -> Iterator[S]:
    """Yield a site once it is up; whatever is left of it is stopped."""
    try:
        site.open()
        yield site
    finally:
        site.close()
