"""The same lives over two connections whose transactions overlap, on PostgreSQL, which lets them."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import rule
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, SQLModel

from core.errors import Rejected
from core.usecases import approval, leases, recording, sending, suppression
from tests import databases, factories
from tests.core.usecases import test_lifecycle_model as model
from tests.core.usecases.lifecycle_world import LEASE, MEMBERS
from tests.factories import SENDER

_SOON = "SET LOCAL lock_timeout = '50ms'"
_WORKS = ("claim", "claim", "record", "stop", "pause", "resume", "tick")
_works = st.tuples(st.sampled_from(_WORKS), st.integers(0, 1), st.integers(0, 2), st.integers(0, MEMBERS - 1))
_RACES = st.tuples(st.just("race"), _works, _works, st.booleans())


class Contest(model.Life):
    """A life in which what people and processes do is really committed, and two of them may be at it at once."""

    # Often, since only what overlaps is new here.
    @rule(steps=st.lists(st.one_of(model.STEPS, _RACES, _RACES), min_size=6, max_size=12))
    def live_on(self, steps: list[tuple[Any, ...]]) -> None:
        self.play(steps)

    def begin(self) -> None:
        tables = ", ".join(table.name for table in SQLModel.metadata.sorted_tables)
        with self.engine.begin() as connection:
            # The audit's own guard would not let go of it.
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            connection.execute(sa.text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))

    def in_session(self, work: Callable[[Session], Any]) -> Any:
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            return work(session)

    def end(self) -> None:
        """Nothing is open."""

    def race(self, first: tuple[Any, ...], second: tuple[Any, ...], is_first_saved_first: bool) -> None:
        """Do two things in transactions that overlap; what must wait for the other's is done after it."""
        self.now += timedelta(microseconds=1)
        (one, saved_one), (other, saved_other) = self._contender(*first), self._contender(*second)
        with Session(self.engine, expire_on_commit=False) as earlier, Session(self.engine) as later:
            done = [one(earlier)]
            try:
                later.execute(sa.text(_SOON))
                done.append(other(later))
            except OperationalError:  # it would have waited
                later.rollback()
                earlier.commit()
                saved_one(done[0])
                saved_other(self.in_session(other))
                return
            ends = [(earlier, saved_one, done[0]), (later, saved_other, done[1])]
            for session, saved, what in ends if is_first_saved_first else reversed(ends):
                session.commit()
                saved(what)

    def _contender(
        self, name: str, who: int, lane: int, member: int
    ) -> tuple[Callable[[Session], Any], Callable[[Any], None]]:
        """Return what somebody does in a transaction, and what is so once that is saved."""
        process, address, blast_id = self.processes[who], factories.phone(member), [None, *self.blasts][lane]
        stopped, now = frozenset(self.stopped), self.now

        def hold(claims: Any) -> None:
            assert not {claim.address for claim in claims} & stopped, "it was claimed after a STOP was committed"
            process.held += sorted(claims)
            self.claimed_by |= {claim.id: SENDER for claim in claims}

        def claim(session: Session) -> Any:
            return list(sending.claim(session, blast_id, sender=SENDER, limit=4, hourly_cap=4, now=now))

        def move(session: Session) -> None:
            decide = approval.pause if name == "pause" else approval.resume
            with suppress(Rejected):
                decide(session, self.blasts[lane % 2], by=None, seen=1, now=now)

        ways: dict[str, tuple[Callable[[Session], Any], Callable[[Any], None]]] = {
            "claim": (claim, hold),
            "record": (lambda session: recording.record(session, process.results, max_attempts=3, now=now), _nothing),
            "stop": (
                lambda session: suppression.opt_out(session, address, source="inbound", now=now),
                lambda _: self.stopped.add(address),
            ),
            "tick": (lambda session: leases.end(session, lease=LEASE, now=now), _nothing),
        }
        return ways.get(name, (move, _nothing))


def _nothing(_: Any) -> None:
    """Nothing more is so."""


@pytest.mark.slow
@databases.on_postgresql
def test_of_two_whose_work_overlaps_neither_undoes_the_others(database_url: str) -> None:
    model.live(database_url, lives=int(os.environ.get("LIVES", "4")), kind=Contest)
