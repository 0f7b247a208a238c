"""The world of the model: who is in it, what the provider has, and what must hold whatever happens."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from hypothesis.stateful import RuleBasedStateMachine, invariant
from sqlmodel import Session, col

from core.domain.channel import Outcome, Refused, Unknown
from core.domain.hours import QuietHours
from core.domain.lifecycles import DELIVERY_MOVES, OVER, WAITING, BlastStatus, DeliveryStatus
from core.domain.receipts import Incoming
from core.domain.senders import Sender
from core.models import Blast, Delivery
from core.usecases import planning, reports
from core.usecases.recording import Result
from core.usecases.sending import Claimed
from tests import factories
from tests.factories import NOON, SENDER

MEMBERS = 8
FEW = 5
PROCESSES = 2
LEASE = timedelta(seconds=90)
LATE_AT_MOST = timedelta(minutes=10)
QUIET = QuietHours.parse("09:00-20:00")
ENDINGS = ["queued", "sent", "delivered", "undelivered", "failed"]
ANSWERS: dict[str, Outcome] = {
    "lost": Unknown("read time-out"),
    "late": Unknown("read time-out"),
    "broken": Unknown("Twilio answered 500."),
    "busy": Refused(20429, "Too many requests", 429),
    "no connection": Refused(0, "No connection"),
    "invalid": Refused(21211, "Invalid 'To'", 400),
}
OUTCOMES = ["accepted", "hidden", *ANSWERS]
SECOND = "vonage:+12125550150"
SENDERS = (Sender(SENDER, 10), Sender(SECOND, 10))


@dataclass
class Process:
    """What dies with a worker: what it has claimed, and what it has been answered and has not written yet."""

    held: list[Claimed] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)


@dataclass(frozen=True)
class Text:
    """A text that the provider took, or will take at that moment of its own: our request was stuck on the way.

    `is_listed`: whether a look-up finds it. If not, and its answer is lost as well, it is sent again: once too often.
    """

    sid: str
    delivery_id: int
    attempt: int
    at: datetime
    is_listed: bool = True


class World(RuleBasedStateMachine):
    """Two blasts and some replies to eight members; two workers, a provider, and what must always hold of them."""

    engine: sa.Engine

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON  # by our clock
        self.off = timedelta()  # by which it is ahead of the provider's
        self.processes = [Process() for _ in range(PROCESSES)]
        self.was_set = False
        self.texts: list[Text] = []
        self.may_have_left: dict[int, set[int]] = {}
        self.insisted: Counter[int] = Counter()
        self.claimed_by: dict[int, str] = {}
        self.left_by: dict[int, str] = {}
        self.answered: set[str] = set()
        self.stopped: set[str] = set()
        self.before: dict[int, tuple[DeliveryStatus, int]] = {}
        self.begin()
        self.in_session(self._people)

    def begin(self) -> None:
        """Open the world: one transaction, undone in the end; what people and processes commit are savepoints in it."""
        self.connection = self.engine.connect()
        self.world = self.connection.begin()

    def end(self) -> None:
        """Undo the world."""
        self.world.rollback()
        self.connection.close()

    def _people(self, session: Session) -> None:
        # With ids that are always the same, the same steps lead to the same end.
        people = [
            factories.contact(session, number, id=UUID(int=number), first_name=f"Ann{number}")
            for number in range(MEMBERS)
        ]
        everybody = factories.audience(session, "everybody", people)
        few = factories.audience(session, "few", people[:FEW])
        plain = factories.blast(session, [everybody], id=UUID(int=101))
        personal = factories.blast(session, [few], id=UUID(int=102), body="{first_name}!")
        self.blasts = [plain.id, personal.id]
        for blast_id, quiet in ((plain.id, None), (personal.id, QUIET)):
            planning.start(session, blast_id, sender=SENDER, quiet=quiet, max_lag=timedelta(days=1), now=NOON)

    def in_session(self, work: Callable[[Session], Any]) -> Any:
        """Do something in a transaction of its own."""
        session = Session(self.connection, expire_on_commit=False, join_transaction_mode="create_savepoint")
        with session, session.begin():
            return work(session)

    @property
    def taken(self) -> list[Text]:
        """What the provider has by now."""
        return [text for text in self.texts if text.at <= self.now - self.off]

    # What must hold

    @invariant()
    def every_move_is_allowed(self) -> None:
        after = {row.id: (row.status, row.rank) for row in self.rows()}
        for key, (status, rank) in after.items():
            old, old_rank = self.before.get(key, (status, rank))
            assert status is old or status in DELIVERY_MOVES[old], f"{old} → {status}"
            assert rank >= old_rank
        assert self.before.keys() <= after.keys()
        self.before = after

    @invariant()
    def nobody_gets_it_twice(self) -> None:
        taken = Counter(text.delivery_id for text in self.texts if text.is_listed)
        assert not [key for key, times in taken.items() if times > 1]

    @invariant()
    def what_left_twice_is_told(self) -> None:
        ours = {row.id: {row.provider_sid, row.other_sid} for row in self.rows()}
        for key, times in Counter(text.delivery_id for text in self.texts).items():
            sids = {text.sid for text in self.texts if text.delivery_id == key}
            if times == 2 and sids <= self.answered:
                assert ours[key] == sids

    @invariant()
    def counts_sum_to_recipients(self) -> None:
        for blast_id, recipients in zip(self.blasts, (MEMBERS, FEW), strict=True):
            assert self._progress(blast_id).recipients == recipients

    def _progress(self, blast_id: UUID) -> reports.Progress:
        told: reports.Progress = self.in_session(lambda session: reports.progress(session, blast_id, now=self.now))
        return told

    def status_of(self, blast_id: Any) -> BlastStatus:
        return BlastStatus(self.in_session(lambda session: session.get_one(Blast, blast_id).status))

    def rows(self) -> list[Any]:
        names = ("id", "blast_id", "address", "status", "rank", "untraced_at", "ended_at", "provider_sid", "other_sid")
        columns = [getattr(Delivery, name) for name in names]
        return list(
            self.in_session(lambda session: session.execute(sa.select(*columns).order_by(col(Delivery.id))).all())
        )

    def is_all_over(self) -> bool:
        return all(self.status_of(key) in OVER for key in self.blasts) and not [
            row for row in self.rows() if row.status in WAITING and row.ended_at is None
        ]


def receipt(text: Text, status: str, *, with_id: bool) -> Incoming:
    code = 30003 if status in ("undelivered", "failed") else 0
    if with_id:
        return Incoming(text.sid, status, code, delivery_id=text.delivery_id, attempt=text.attempt)
    return Incoming(text.sid, status, code)
