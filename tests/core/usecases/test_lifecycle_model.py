"""Whatever happens in whatever order, nobody is texted twice, after a STOP, or never, and every blast ends."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlmodel import Session, col

from core import db
from core.domain.channel import Accepted, Outcome, Refused, Trace, Unknown
from core.domain.hours import QuietHours
from core.domain.lifecycles import DELIVERY_MOVES, OVER, WAITING, BlastStatus, DeliveryStatus
from core.domain.receipts import ENDS, Incoming
from core.errors import Rejected
from core.models import Blast, Delivery, DeliveryKind, Role, Staff
from core.usecases import (
    approval,
    planning,
    receipts,
    recording,
    reports,
    scheduling,
    sending,
    settling,
    suppression,
    unknowns,
    windows,
)
from core.usecases.recording import Result
from core.usecases.sending import Claimed
from tests import factories
from tests.factories import NOON, SENDER

MEMBERS = 5
PROCESSES = 2
LEASE = timedelta(seconds=90)
QUIET = QuietHours.parse("09:00-20:00")
ENDINGS = ["queued", "sent", "delivered", "undelivered", "failed"]
OUTCOMES = ["accepted", "lost", "broken", "busy", "no connection", "invalid"]


@dataclass
class Process:
    """What dies with a worker: what it has claimed, and what it has been answered and has not written yet."""

    held: list[Claimed] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)


@dataclass(frozen=True)
class Text:
    """A text that the provider took."""

    sid: str
    delivery_id: int
    attempt: int


class Life(RuleBasedStateMachine):
    """Two blasts and some replies to five members; two workers, a clock, a provider, and staff."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__()
        self.now = NOON
        self.processes = [Process() for _ in range(PROCESSES)]
        self.taken: list[Text] = []
        self.may_have_left: dict[int, set[int]] = {}
        self.insisted: Counter[int] = Counter()
        self.stopped: set[str] = set()
        self.before: dict[int, tuple[DeliveryStatus, int]] = {}
        # All of it is one transaction, undone in the end; what people and processes commit are savepoints in it.
        self.connection = engine.connect()
        self.world = self.connection.begin()
        self.in_session(self._people)

    def _people(self, session: Session) -> None:
        # With ids that are always the same, the same steps lead to the same end.
        people = [
            factories.contact(session, number, id=UUID(int=number), first_name=f"Ann{number}")
            for number in range(MEMBERS)
        ]
        everybody = factories.audience(session, "everybody", people)
        few = factories.audience(session, "few", people[:3])
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

    # What workers do

    @rule(who=st.integers(0, PROCESSES - 1), lane=st.integers(0, 2), limit=st.integers(1, 4))
    def claim(self, who: int, lane: int, limit: int) -> None:
        blast_id = [None, *self.blasts][lane]
        self.now += timedelta(microseconds=1)
        claims = self.in_session(
            lambda session: sending.claim(session, blast_id, sender=SENDER, limit=limit, hourly_cap=4, now=self.now)
        )
        assert not claims or blast_id is None or self.status_of(blast_id) is BlastStatus.SENDING
        assert not {claim.address for claim in claims} & self.stopped
        self.processes[who].held += sorted(claims)

    @rule(lane=st.integers(0, 2), outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4))
    def work(self, lane: int, outcomes: list[str]) -> None:
        self.claim(0, lane, len(outcomes))
        self.every_move_is_allowed()
        process = self.processes[0]
        for outcome in outcomes[: len(process.held)]:
            self._post(process, outcome)
        self.record(0, False)

    @rule(who=st.integers(0, PROCESSES - 1), outcome=st.sampled_from(OUTCOMES))
    def post(self, who: int, outcome: str) -> None:
        if self.processes[who].held:
            self._post(self.processes[who], outcome)

    def _post(self, process: Process, outcome: str) -> None:
        claim = process.held.pop(0)
        earlier = self.may_have_left.setdefault(claim.id, set())
        was_resent = self.in_session(lambda session: session.get_one(Delivery, claim.id).was_resent)
        allowed = int(was_resent) + self.insisted[claim.id]
        assert len(earlier) <= allowed, "it was posted again though it may have left"
        assert claim.attempt not in earlier
        if outcome in ("accepted", "lost"):
            self.taken.append(Text(f"SM{len(self.taken)}", claim.id, claim.attempt))
        if outcome in ("accepted", "lost", "broken"):
            earlier.add(claim.attempt)
        process.results.append(Result(claim, self._outcome(outcome), self.now))

    def _outcome(self, outcome: str) -> Outcome:
        return {
            "accepted": lambda: Accepted(self.taken[-1].sid),
            "lost": lambda: Unknown("read time-out"),
            "broken": lambda: Unknown("Twilio answered 500."),
            "busy": lambda: Refused(20429, "Too many requests", 429),
            "no connection": lambda: Refused(0, "No connection"),
            "invalid": lambda: Refused(21211, "Invalid 'To'", 400),
        }[outcome]()

    @rule(who=st.integers(0, PROCESSES - 1), is_answer_lost=st.booleans())
    def record(self, who: int, is_answer_lost: bool) -> None:
        process = self.processes[who]
        self.in_session(lambda session: recording.record(session, process.results, max_attempts=3, now=self.now))
        if not is_answer_lost:  # else the database has committed, the worker doesn't know, and writes it again
            process.results.clear()

    @rule(who=st.integers(0, PROCESSES - 1), is_answer_lost=st.booleans())
    def give_back(self, who: int, is_answer_lost: bool) -> None:
        process = self.processes[who]
        held, process.held = process.held, []
        self.in_session(lambda session: sending.release(session, held))
        if is_answer_lost:
            self.claim(1 - who, 1, 4)
            self.in_session(lambda session: sending.release(session, held))

    @rule(who=st.integers(0, PROCESSES - 1))
    def kill(self, who: int) -> None:
        self.processes[who] = Process()

    # What the clock does

    @rule(seconds=st.sampled_from([1, 31, 61, 95, 301, 1000, 3700, 40_000]))
    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        for process in self.processes:  # a worker never posts what it has held for longer than its lease
            held, process.held = process.held, [] if seconds > LEASE.total_seconds() else process.held
            if not process.held:
                self.in_session(lambda session, held=held: sending.release(session, held))

    @rule()
    def end_leases(self) -> None:
        self.in_session(lambda session: sending.end_leases(session, lease=LEASE, now=self.now))

    @rule(may_find=st.booleans())
    def look_up(self, may_find: bool) -> None:
        taken = self.in_session(lambda session: settling.take_due(session, now=self.now))
        found = {outgoing.delivery_id: self._trace(outgoing.delivery_id) for outgoing, _ in taken if may_find}
        attempts = {outgoing.delivery_id: outgoing.attempt for outgoing, _ in taken}
        self.in_session(
            lambda session: settling.settle(session, found, attempts=attempts, may_resend=True, now=self.now)
        )

    def _trace(self, delivery_id: int) -> Trace | None:
        sids = [text.sid for text in self.taken if text.delivery_id == delivery_id]
        return Trace(sids[-1], "sent", 0) if sids else None

    @rule()
    def wait_for_a_trace(self) -> None:
        self.end_leases()
        self.pass_time(1000)
        self.every_move_is_allowed()
        self.look_up(True)

    @rule()
    def hold_for_the_night(self) -> None:
        self.in_session(lambda session: windows.move_on(session, QUIET, now=self.now))

    @rule()
    def finish(self) -> None:
        self.in_session(lambda session: scheduling.finish(session, now=self.now))

    @rule()
    def leave(self) -> None:
        self.in_session(lambda session: unknowns.leave_old(session, after=timedelta(hours=24), now=self.now))

    @rule()
    def sweep(self) -> None:
        self.in_session(lambda session: scheduling.sweep_cancelled(session, now=self.now))

    # What the provider, members and staff do

    @rule(told=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(ENDINGS)), max_size=4), with_id=st.booleans())
    def report(self, told: list[tuple[int, str]], with_id: bool) -> None:
        texts = [(self.taken[number % len(self.taken)], status) for number, status in told if self.taken]
        reports = [_receipt(text, status, with_id=with_id) for text, status in texts]
        self.in_session(lambda session: receipts.apply(session, reports, now=self.now))
        self.in_session(lambda session: receipts.apply_late(session, now=self.now))

    @rule(member=st.integers(0, MEMBERS - 1))
    def stop(self, member: int) -> None:
        address = factories.phone(member)
        self.in_session(lambda session: suppression.opt_out(session, address, source="inbound", now=self.now))
        self.stopped.add(address)

    @rule(member=st.integers(0, MEMBERS - 1))
    def start_again(self, member: int) -> None:
        address = factories.phone(member)
        self.in_session(lambda session: suppression.lift(session, address, by="member", now=self.now))
        self.stopped.discard(address)

    @rule(member=st.integers(0, MEMBERS - 1))
    def reply(self, member: int) -> None:
        self.in_session(
            lambda session: sending.queue(
                session,
                kind=DeliveryKind.REPLY,
                address=factories.phone(member),
                body="See you there.",
                sender=SENDER,
                now=self.now,
            )
        )

    @rule(which=st.integers(0, 1), action=st.sampled_from([approval.pause, approval.resume, approval.resume]))
    def hold_or_go_on(self, which: int, action: Callable[..., Blast]) -> None:
        self._decide(which, action)

    @rule(which=st.integers(0, 1))
    def cancel(self, which: int) -> None:
        self._decide(which, approval.cancel)

    @rule(which=st.integers(0, 1), action=st.sampled_from([unknowns.resend, unknowns.leave]))
    def decide_on_what_left_no_trace(self, which: int, action: Callable[..., Blast]) -> None:
        untraced = [row.id for row in self.rows() if row.blast_id == self.blasts[which] and row.untraced_at]
        approver = self.in_session(lambda session: factories.staff(session, "U0APPROVER", role=Role.APPROVER))
        if self._decide(which, action, by=approver) and action is unknowns.resend:
            self.insisted.update(untraced)

    def _decide(self, which: int, action: Callable[..., Blast], by: Staff | None = None) -> bool:
        """Do what people do; tell whether it could be done."""
        try:
            self.in_session(lambda session: action(session, self.blasts[which], by=by, seen=1, now=self.now))
        except Rejected:
            return False
        return True

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
        taken = Counter(text.delivery_id for text in self.taken)
        assert not [key for key, times in taken.items() if times > 1]

    @invariant()
    def counts_sum_to_recipients(self) -> None:
        for blast_id, recipients in zip(self.blasts, (MEMBERS, 3), strict=True):
            told = self.in_session(lambda session, key=blast_id: reports.progress(session, key, now=self.now))
            assert told.recipients == recipients

    def status_of(self, blast_id: Any) -> BlastStatus:
        return BlastStatus(self.in_session(lambda session: session.get_one(Blast, blast_id).status))

    def rows(self) -> list[Any]:
        names = ("id", "blast_id", "address", "status", "rank", "untraced_at", "ended_at")
        columns = [getattr(Delivery, name) for name in names]
        return list(
            self.in_session(lambda session: session.execute(sa.select(*columns).order_by(col(Delivery.id))).all())
        )

    def teardown(self) -> None:
        try:
            self._end()
        finally:
            self.world.rollback()
            self.connection.close()

    def _end(self) -> None:
        """Let everything take its course: every blast ends, and whoever could be texted was."""
        for which in range(2):
            self._decide(which, approval.resume)
        for _ in range(120):  # two days: some sleep, and must wait for the morning
            if self.is_all_over():
                break
            self.let_pass()
        assert self.is_all_over(), [(row.status, row.address) for row in self.rows()]
        taken = {text.delivery_id for text in self.taken}
        for row in self.rows():
            has_left = row.status in ENDS | {DeliveryStatus.ACCEPTED, DeliveryStatus.SENT}
            assert has_left == (row.id in taken), row

    def is_all_over(self) -> bool:
        return all(self.status_of(key) in OVER for key in self.blasts) and not [
            row for row in self.rows() if row.status in WAITING and row.ended_at is None
        ]

    def let_pass(self) -> None:
        for lane in range(3):
            self.claim(0, lane, 9)
        self.every_move_is_allowed()
        for process in self.processes:
            while process.held:
                self._post(process, "accepted")
        for who in range(PROCESSES):
            self.record(who, False)
        self.every_move_is_allowed()
        for step in (self.end_leases, self.hold_for_the_night, self.sweep, self.leave, self.finish):
            step()
        self.look_up(True)
        self.now += timedelta(minutes=20)
        self.every_move_is_allowed()
        self.nobody_gets_it_twice()


def _receipt(text: Text, status: str, *, with_id: bool) -> Incoming:
    code = 30003 if status in ("undelivered", "failed") else 0
    if with_id:
        return Incoming(text.sid, status, code, delivery_id=text.delivery_id, attempt=text.attempt)
    return Incoming(text.sid, status, code)


def live(database_url: str, *, lives: int) -> None:
    """Play `lives` lives on a migrated, empty database; fails with the steps that led to what must not be."""
    engine = db.connect(database_url)
    chosen = how(
        max_examples=lives,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # Not shrunk: that would take minutes, and the steps are few.
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
    )
    try:
        run_state_machine_as_test(lambda: Life(engine), settings=chosen)
    finally:
        engine.dispose()


@pytest.mark.slow
def test_nobody_is_texted_twice_after_a_stop_or_never_and_every_blast_ends(database_url: str) -> None:
    live(database_url, lives=int(os.environ.get("LIVES", "15")))
