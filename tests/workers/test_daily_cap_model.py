"""The same lives under a daily cap: no day has more than its own, what comes back is free again, and nobody is lost."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from sqlmodel import Session, col

from core import db, settings
from core.domain.caps import next_midnight
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Delivery, DeliveryKind, SenderDay
from core.usecases import sending
from core.usecases.sending import Claimed
from tests.core.usecases import test_lifecycle_model as model
from tests.core.usecases.lifecycle_world import OUTCOMES, PROCESSES, SENDERS, Process
from workers import ledger
from workers.ledger import Ledger

CAP, ZONE = 3, "America/Los_Angeles"
# How long what is tried again, or has had its fill for the hour, waits at most.
_TRIED_WITHIN = timedelta(minutes=10)
_who, _outcomes = st.integers(0, PROCESSES - 1), st.lists(st.sampled_from(OUTCOMES), max_size=2)
_MIDNIGHTS = st.tuples(st.just("see_midnight"), _who, st.integers(1, 4), _outcomes, st.booleans())


class CappedLife(model.Life):
    """A life in which workers claim by their ledgers, and each sender has a few texts a day."""

    pause = timedelta(hours=4)

    @rule(steps=st.lists(st.one_of(model.STEPS, model.STEPS, _MIDNIGHTS), min_size=6, max_size=12))
    def live_on(self, steps: list[tuple[Any, ...]]) -> None:
        self.play(steps)

    def begin(self) -> None:
        super().begin()
        self.spent: Counter[tuple[str, datetime]] = Counter()
        self.left: Counter[tuple[str, datetime]] = Counter()
        self.ledgers: dict[tuple[int, str], tuple[Process, Ledger]] = {}
        self.chosen = pytest.MonkeyPatch()
        for name, value in (("DAILY_CAP", CAP), ("DAILY_CAP_ZONE", ZONE), ("MAX_PER_RECIPIENT_PER_HOUR", 4)):
            self.chosen.setenv(name, str(value))
        settings.current.cache_clear()
        self.chosen.setattr(ledger, "utc_now", lambda: self.now)
        self.chosen.setattr(db, "transaction", self._transaction)

    def end(self) -> None:
        self.chosen.undo()
        settings.current.cache_clear()
        super().end()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        session = Session(self.connection, expire_on_commit=False, join_transaction_mode="create_savepoint")
        with session, session.begin():
            yield session

    def claim(self, who: int, lane: int, limit: int) -> None:
        for sender in SENDERS:
            self.now += timedelta(microseconds=1)
            self.processes[who].held += sorted(self._claim_by_ledger(who, sender.address, limit))
            self.every_move_is_allowed()

    def _claim_by_ledger(self, who: int, sender: str, limit: int) -> list[Claimed]:
        today = (sender, self._ends(self.now))
        room, had_due = max(CAP - self.spent[today], 0), self._has_due(sender)
        claims = self._ledger(who, sender).claim(limit)
        of_blasts = [claim for claim in claims if claim.blast_id]
        assert len(of_blasts) <= room, "a day has had more than its cap"
        assert claims.looked_at or not (room and had_due), "the day isn't over, and what is due was left"
        assert all(self.status_of(claim.blast_id) is BlastStatus.SENDING for claim in of_blasts)
        assert not {claim.address for claim in claims} & self.stopped
        if not room:
            assert not self._has_due(sender), "the day is over, and what is due wasn't held"
        self.claimed_by |= {claim.id: sender for claim in claims}
        self.spent[today] += len(claims)
        return claims

    def _ledger(self, who: int, sender: str) -> Ledger:
        """Return a process's own, which dies with it."""
        process, found = self.ledgers.get((who, sender), (None, None))
        if found is None or process is not self.processes[who]:
            found = Ledger(sender)
            self.ledgers[who, sender] = self.processes[who], found
        return found

    def _has_due(self, sender: str) -> bool:
        def look(session: Session) -> bool:
            lanes = [run.blast_id for run in sending.running(session)]
            due = [sa.exists().where(*sending._due(sender, lane, self.now)) for lane in lanes]
            return bool(due and session.scalar(sa.select(sa.or_(*due))))

        return bool(self.in_session(look))

    def release(self, claims: list[Claimed]) -> None:
        standing = self.in_session(self._standing)
        for sender in {self.claimed_by[claim.id] for claim in claims}:
            mine = [claim for claim in claims if self.claimed_by[claim.id] == sender]
            self._ledger(0, sender).release(mine)
            for claim in mine:
                if claim.claimed_at and (claim.id, claim.claimed_at) in standing:
                    self.spent[sender, self._ends(claim.claimed_at)] -= 1

    @staticmethod
    def _standing(session: Session) -> set[tuple[int, datetime]]:
        is_claimed = col(Delivery.status) == DeliveryStatus.CLAIMED
        rows = session.execute(sa.select(col(Delivery.id), col(Delivery.claimed_at)).where(is_claimed))
        return {(key, at) for key, at in rows}

    def _post(self, process: Process, outcome: str) -> None:
        claim, before = process.held[0], sum(map(len, self.may_have_left.values()))
        super()._post(process, outcome)
        if claim.blast_id and claim.claimed_at and sum(map(len, self.may_have_left.values())) > before:
            self.left[self.claimed_by[claim.id], self._ends(claim.claimed_at)] += 1

    def see_midnight(self, who: int, count: int, outcomes: list[str], is_given_back: bool) -> None:
        """Claim at the very end of a day, and go on with it on the next."""
        to_midnight = self._ends(self.now) - self.now
        self.pass_time((to_midnight - timedelta(seconds=20)).total_seconds() if to_midnight.seconds > 20 else 0, True)
        self.work(who, 0, count, outcomes[:1], "hangs")
        self.pass_time((self._ends(self.now) - self.now).total_seconds(), True)
        self.work(1 - who, 0, count, outcomes[1:], "records")
        if is_given_back:
            self.give_back(who, twice=count % 2 == 0)

    @staticmethod
    def _ends(at: datetime) -> datetime:
        return next_midnight(ZONE, at)

    # What must hold

    @invariant()
    def no_day_has_more_than_its_cap(self) -> None:
        assert all(count <= CAP for count in self.left.values())

    @invariant()
    def a_day_counts_what_was_claimed_in_it_and_not_given_back(self) -> None:
        columns = (col(SenderDay.sender), col(SenderDay.resets_at), col(SenderDay.sent))
        rows = self.in_session(lambda session: session.execute(sa.select(*columns)).all())
        assert {(row.sender, row.resets_at): row.sent for row in rows if row.sent} == +self.spent

    @invariant()
    def nothing_waits_for_longer_than_until_the_next_day(self) -> None:
        if self.was_set:  # a day that is over may come back
            return
        until = max(self._ends(self.now), self.now + _TRIED_WITHIN)
        waits = (
            col(Delivery.status) == DeliveryStatus.PENDING,
            col(Delivery.kind) == DeliveryKind.BLAST,
            col(Delivery.blast_id) == self.blasts[0],  # which goes out at any hour
            col(Delivery.not_before) > until,
        )
        assert not self.in_session(lambda session: session.scalar(sa.select(sa.func.count()).where(*waits)))


@pytest.mark.slow
def test_no_day_has_more_than_its_cap_and_what_is_held_goes_on_the_next(database_url: str) -> None:
    model.live(database_url, lives=int(os.environ.get("LIVES", "4")), kind=CappedLife)
