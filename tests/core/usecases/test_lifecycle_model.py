"""Whatever happens in whatever order, nobody is texted twice, after a STOP, or never, and every blast ends."""

import os
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from sqlmodel import Session

from core import db
from core.domain.channel import Accepted, Outcome, Trace
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.domain.receipts import ENDS
from core.domain.senders import TWILIO, VONAGE
from core.errors import Rejected
from core.models import Blast, Delivery, DeliveryKind, Role, Staff
from core.usecases import (
    approval,
    failover,
    leases,
    receipts,
    recording,
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
from tests.core.usecases.lifecycle_world import (
    ANSWERS,
    ENDINGS,
    LATE_AT_MOST,
    LEASE,
    MEMBERS,
    OUTCOMES,
    PROCESSES,
    QUIET,
    SENDERS,
    Process,
    Text,
    World,
    receipt,
)
from tests.factories import SENDER

THEN = ("records", "records", "records twice", "hangs", "is killed", "gives back", "gives back twice")
ACTIONS = (
    *(approval.pause, approval.pause, approval.resume, approval.resume, approval.resume, approval.cancel),
    *(unknowns.resend, unknowns.resend, unknowns.leave),
)
_who, _lane, _member, _which = (st.integers(0, last) for last in (PROCESSES - 1, 2, MEMBERS - 1, 1))
_outcomes = st.lists(st.sampled_from(OUTCOMES), max_size=4)
_told = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(ENDINGS)), max_size=4)
_seconds = st.sampled_from([1, 31, 61, 95, 301, 1000, 40_000])
_steps = st.sampled_from([-7200, -1200, -5, 5, 45, 1200, 7200])
# Not a rule each: Hypothesis leaves out most rules of most lives, and nothing would come of so few.
STEPS = st.one_of(
    st.tuples(st.just("work"), _who, _lane, st.integers(1, 4), _outcomes, st.sampled_from(THEN)),
    st.tuples(st.just("pass_time"), _seconds, st.booleans()),
    st.tuples(st.just("set_clock"), _steps),
    st.tuples(st.just("report"), _told, st.booleans()),
    st.tuples(st.just("member_texts"), _member, st.sampled_from(["stop", "start", "ask", "ask"])),
    st.tuples(st.just("staff_decide"), _which, st.sampled_from(ACTIONS)),
    st.tuples(st.just("fail_over"), st.sampled_from([TWILIO, VONAGE])),
)


class Life(World):
    """What workers, the clock, the provider, members and staff may do, in any order."""

    pause = timedelta(minutes=20)  # between two looks while everything takes its course

    # What workers do

    @rule(steps=st.lists(STEPS, min_size=6, max_size=12))
    def live_on(self, steps: list[tuple[Any, ...]]) -> None:
        self.play(steps)

    def play(self, steps: list[tuple[Any, ...]]) -> None:
        for name, *about in steps:
            getattr(self, name)(*about)
            self.every_move_is_allowed()
            self.nobody_gets_it_twice()

    def work(self, who: int, lane: int, count: int, outcomes: list[str], then: str) -> None:
        process = self.processes[who]
        self.claim(who, lane, count)
        for outcome in outcomes[: len(process.held)]:
            self._post(process, outcome)
        if then == "is killed":
            self.processes[who] = Process()
        elif then.startswith("records"):
            self.record(who)
        elif then.startswith("gives back"):
            self.give_back(who, twice=then.endswith("twice"))
        if then == "records twice":  # the database has committed, the worker doesn't know, and writes it again
            self.record(who)

    def claim(self, who: int, lane: int, limit: int) -> None:
        blast_id = [None, *self.blasts][lane]
        self.now += timedelta(microseconds=1)
        claims = [claim for sender in SENDERS for claim in self._claim_from(sender.address, blast_id, limit)]
        assert not claims or blast_id is None or self.status_of(blast_id) is BlastStatus.SENDING
        assert not {claim.address for claim in claims} & self.stopped
        self.processes[who].held += sorted(claims)
        self.every_move_is_allowed()

    def _claim_from(self, sender: str, blast_id: UUID | None, limit: int) -> list[Claimed]:
        claims: list[Claimed] = self.in_session(
            lambda session: sending.claim(session, blast_id, sender=sender, limit=limit, hourly_cap=4, now=self.now)
        )
        self.claimed_by |= {claim.id: sender for claim in claims}
        return claims

    def _post(self, process: Process, outcome: str) -> None:
        claim = process.held.pop(0)
        if claim.claimed_at is None or abs(self.now - claim.claimed_at) > LEASE:  # the clock was set: see `_STALE_S`
            self.release([claim])
            return
        earlier = self.may_have_left.setdefault(claim.id, set())
        row = self.in_session(lambda session: session.get_one(Delivery, claim.id))
        assert row.sender == self.claimed_by[claim.id], "it was moved while it was claimed"
        assert self.left_by.get(claim.id, row.sender) == row.sender, "it was moved though it may have left"
        allowed = int(row.was_resent) + self.insisted[claim.id]
        assert len(earlier) <= allowed, "it was posted again though it may have left"
        assert claim.attempt not in earlier
        if outcome in ("accepted", "hidden", "lost", "late"):
            # By a clock that was set a quarter of an hour is over too early: nothing is so late then.
            is_late = outcome == "late" and not self.was_set
            at = self.now - self.off + (LATE_AT_MOST if is_late else timedelta())
            sid, is_listed = f"SM{len(self.texts)}", outcome != "hidden"
            self.texts.append(Text(sid, claim.id, claim.attempt, at, is_listed))
        if outcome in ("accepted", "hidden", "lost", "late", "broken"):
            earlier.add(claim.attempt)
            self.left_by[claim.id] = row.sender
        process.results.append(Result(claim, self._outcome(outcome), self.now))

    def _outcome(self, outcome: str) -> Outcome:
        return Accepted(self.texts[-1].sid) if outcome in ("accepted", "hidden") else ANSWERS[outcome]

    def record(self, who: int) -> None:
        process = self.processes[who]
        self.in_session(lambda session: recording.record(session, process.results, max_attempts=3, now=self.now))
        outcomes = [result.outcome for result in process.results]
        self.answered.update(outcome.sid for outcome in outcomes if isinstance(outcome, Accepted))
        self.every_move_is_allowed()

    def give_back(self, who: int, *, twice: bool) -> None:
        held = self._let_go(self.processes[who])
        if twice:  # since the first answer was lost; meanwhile somebody else may have claimed it
            for lane in range(3):
                self.claim(1 - who, lane, 4)
            self.release(held)

    def _let_go(self, process: Process) -> list[Claimed]:
        held, process.held = process.held, []
        self.release(held)
        self.every_move_is_allowed()
        return held

    def release(self, claims: list[Claimed]) -> None:
        self.in_session(lambda session: sending.release(session, claims))

    # What the clock does

    def pass_time(self, seconds: float, may_find: bool) -> None:
        self.now += timedelta(seconds=seconds)
        for process in self.processes:  # a worker never posts what it has held for longer than its lease
            if seconds > LEASE.total_seconds():
                self._let_go(process)
        self.tick(may_find)

    def set_clock(self, seconds: int) -> None:
        if not any(text.at > self.now - self.off for text in self.texts):
            self.was_set = True
            self.off += timedelta(seconds=seconds)
            self.now += timedelta(seconds=seconds)

    def tick(self, may_find: bool) -> None:
        steps: tuple[Callable[[Session], object], ...] = (
            lambda session: leases.end(session, lease=LEASE, now=self.now),
            lambda session: windows.move_on(session, QUIET, now=self.now),
            lambda session: scheduling.sweep_cancelled(session, now=self.now),
            lambda session: unknowns.leave_old(session, after=timedelta(hours=24), now=self.now),
            lambda session: scheduling.finish(session, now=self.now),
            lambda session: self._look_up(session, may_find),
        )
        for step in steps:
            self.in_session(step)
            self.every_move_is_allowed()

    def _look_up(self, session: Session, may_find: bool) -> None:
        """Look up what is due; the provider may not answer."""
        taken = settling.take_due(session, now=self.now)
        found = {outgoing.delivery_id: self._trace(outgoing.delivery_id) for outgoing, _ in taken if may_find}
        attempts = {outgoing.delivery_id: outgoing.attempt for outgoing, _ in taken}
        settling.settle(session, found, attempts=attempts, may_resend=True, now=self.now)

    def _trace(self, delivery_id: int) -> Trace | None:
        sids = [text.sid for text in self.taken if text.delivery_id == delivery_id and text.is_listed]
        return Trace(sids[-1], "sent", 0) if sids else None

    def fail_over(self, provider: str) -> None:
        note = partial(failover.note, provider=provider, failed=10, succeeded=0, reason="", now=self.now)
        self.in_session(note)
        self.in_session(lambda session: failover.move(session, SENDERS, now=self.now))

    # What the provider, members and staff do

    def report(self, told: list[tuple[int, str]], with_id: bool) -> None:
        taken = self.taken
        texts = [(taken[number % len(taken)], status) for number, status in told if taken]
        reports = [receipt(text, status, with_id=with_id) for text, status in texts]
        self.in_session(lambda session: receipts.apply(session, reports, now=self.now))
        self.in_session(lambda session: receipts.apply_late(session, now=self.now))

    def member_texts(self, member: int, what: str) -> None:
        address = factories.phone(member)
        if what == "stop":
            self.in_session(lambda session: suppression.opt_out(session, address, source="inbound", now=self.now))
            self.stopped.add(address)
        elif what == "start":
            self.in_session(lambda session: suppression.lift(session, address, by="member", now=self.now))
            self.stopped.discard(address)
        else:
            self.in_session(lambda session: self._reply(session, address))

    def _reply(self, session: Session, address: str) -> None:
        told = "See you there."
        sending.queue(session, kind=DeliveryKind.REPLY, address=address, body=told, sender=SENDER, now=self.now)

    def staff_decide(self, which: int, action: Callable[..., Blast]) -> None:
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

    def teardown(self) -> None:
        try:
            self._end()
        finally:
            self.end()

    def _end(self) -> None:
        """Let everything take its course: every blast ends, and whoever could be texted was."""
        for which in range(2):
            self._decide(which, approval.resume)
        for _ in range(120):  # two days, or more: some sleep, and must wait for the morning
            if self.is_all_over():
                break
            self.let_pass()
        assert self.is_all_over(), [(row.status, row.address) for row in self.rows()]
        taken = {text.delivery_id for text in self.taken}
        hidden = {text.delivery_id for text in self.taken if not text.is_listed}
        for row in self.rows():
            if row.status is DeliveryStatus.UNKNOWN:  # a person, or the clock after a day, has left it as it is
                continue
            if row.id in hidden and row.status not in ENDS:  # put back to be sent again, and then not sent again
                continue
            has_left = row.status in ENDS | {DeliveryStatus.ACCEPTED, DeliveryStatus.SENT}
            assert has_left == (row.id in taken), row

    def let_pass(self) -> None:
        for lane in range(3):
            self.claim(0, lane, 9)
        for process in self.processes:
            while process.held:
                self._post(process, "accepted")
        for who in range(PROCESSES):
            self.record(who)
        self.tick(True)
        self.now += self.pause
        self.nobody_gets_it_twice()


def live(database_url: str, *, lives: int, kind: type[Life] = Life) -> None:
    """Play `lives` lives of a kind on a migrated, empty database; fails with the steps that led to what must not be."""
    engine = db.connect(database_url)
    chosen = how(
        max_examples=lives,
        stateful_step_count=3,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # Not shrunk: that would take minutes, and the steps are few.
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
    )
    try:
        run_state_machine_as_test(type(kind.__name__, (kind,), {"engine": engine}), settings=chosen)
    finally:
        engine.dispose()


@pytest.mark.slow
def test_nobody_is_texted_twice_after_a_stop_or_never_and_every_blast_ends(database_url: str) -> None:
    live(database_url, lives=int(os.environ.get("LIVES", "11")))
