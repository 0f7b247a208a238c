"""However many workers claim at once, nobody gets more than the caps allow; who is in nobody's way waits for none.

SQLite has one writer at a time: there is nothing to overlap.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session, col

from core import db
from core.clock import utc_now
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Blast, Delivery, dialect
from core.models.dialect import alone, among_others
from core.usecases import sending
from tests import databases, factories
from tests.factories import SENDER
from workers import ledger
from workers.ledger import Ledger
from workers.transactions import End, beside

pytestmark = databases.on_postgresql


@pytest.fixture(autouse=True)
def one_an_hour(in_a_worker: pytest.MonkeyPatch) -> None:
    in_a_worker.setenv("MAX_PER_RECIPIENT_PER_HOUR", "1")


def running(*people: int) -> UUID:
    with db.transaction() as session:
        blast = factories.blast(session, status=BlastStatus.SENDING, started_at=utc_now())
        for number in people:
            factories.delivery(session, number, blast_id=blast.id)
        return blast.id


def a_reply_to(number: int) -> None:
    with db.transaction() as session:
        factories.delivery(session, number)


def become(blast_id: UUID, **values: Any) -> None:
    with db.transaction() as session:
        session.execute(sa.update(Blast).where(col(Blast.id) == blast_id).values(**values))


def claimed() -> list[str]:
    with db.reading() as session:
        found = session.scalars(sa.select(col(Delivery.address)).where(col(Delivery.status) == DeliveryStatus.CLAIMED))
        return sorted(found)


def waits_for_a_turn() -> bool:
    """Tell whether anybody waits for others' claims to end."""
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with db.reading() as session:
        return bool(session.scalar(waiting))


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(5_000):
        if is_so():
            return
        Event().wait(0.001)
    raise AssertionError("It never came to that.")


@contextmanager
def slow(monkeypatch: pytest.MonkeyPatch, first: Ledger) -> Iterator[Future[list[Any]]]:
    """Have a ledger claim, and keep it from committing while the body runs."""
    has_claimed, may_commit = Event(), Event()
    real = sending.claim

    def held_up(session: Session, lane: UUID | None, **about: Any) -> sending.Claims:
        claims = real(session, lane, **about)
        if claims and not may_commit.is_set() and not has_claimed.is_set():
            has_claimed.set()
            assert may_commit.wait(10)
        return claims

    with monkeypatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(sending, "claim", held_up)
        claiming: Future[list[Any]] = pool.submit(first.claim, 1)
        try:
            assert has_claimed.wait(10)
            yield claiming
        finally:
            may_commit.set()


def knowing(blast_id: UUID) -> Ledger:
    """Return a ledger that has claimed of the blast that runs."""
    mine = Ledger(SENDER)
    assert mine.claim(1)
    return mine


def test_a_reply_that_comes_while_a_blasts_copy_is_claimed_counts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first = knowing(running(1, 2))
    with ThreadPoolExecutor(1) as pool, slow(monkeypatch, first):
        a_reply_to(2)
        second = pool.submit(Ledger(SENDER).claim, 9)
        until(lambda: waits_for_a_turn() or second.done())
        assert not second.done()
    assert second.result(10) == []
    assert claimed() == [factories.phone(1), factories.phone(2)]


def test_a_blast_that_runs_as_another_is_paused_counts_what_is_still_claimed_of_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = running(1, 2)
    first = knowing(one)
    with ThreadPoolExecutor(1) as pool, slow(monkeypatch, first):
        become(one, status=BlastStatus.PAUSED)
        running(2)
        second = pool.submit(Ledger(SENDER).claim, 9)
        until(lambda: waits_for_a_turn() or second.done())
        assert not second.done()
    assert second.result(10) == []


def test_a_blast_that_was_resumed_counts_what_is_still_claimed_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process knows its own from before, so that only the time of the resumption tells that others ran between."""
    one = running(1, 2)
    first = knowing(one)
    become(one, status=BlastStatus.PAUSED)
    other = running(3, 2, 4)
    second = knowing(other)
    become(other, status=BlastStatus.PAUSED)
    become(one, status=BlastStatus.SENDING, resumed_at=utc_now())
    with ThreadPoolExecutor(1) as pool, slow(monkeypatch, first):
        become(one, status=BlastStatus.PAUSED)
        become(other, status=BlastStatus.SENDING, resumed_at=utc_now())
        claiming = pool.submit(second.claim, 9)
        until(lambda: waits_for_a_turn() or claiming.done())
        assert not claiming.done()
    assert factories.phone(2) not in {claim.address for claim in claiming.result(10)}


def test_claims_of_one_blast_wait_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    blast_id = running(1, 2, 3, 4)
    first, second = knowing(blast_id), knowing(blast_id)
    with ThreadPoolExecutor(1) as pool, slow(monkeypatch, first):
        assert pool.submit(second.claim, 9).result(10)


def test_a_claim_that_does_not_end_lets_no_other_claim_what_it_may_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_PATIENCE_S", 0.05)
    running(1)
    a_reply_to(1)
    mine = Ledger(SENDER)
    with db.transaction() as stuck:
        alone(stuck, "claims", patience_s=1)
        with pytest.raises(OperationalError):
            mine.claim(9)
    assert claimed() == []
    assert len(mine.claim(9)) == 1


@pytest.mark.parametrize("take_turn", [alone, among_others])
def test_a_machine_that_vanishes_as_it_claims_keeps_others_from_it_for_a_moment_only(
    take_turn: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says no goodbye: PostgreSQL would wait for two hours by itself, and all senders with it."""
    monkeypatch.setattr(dialect, "_LONGEST_SILENCE_S", 0.2)
    running(1)
    a_reply_to(1)
    with Session(db.engine()) as vanished:
        take_turn(vanished, "claims", patience_s=1)
        assert len(Ledger(SENDER).claim(9)) == 1
        with pytest.raises(DBAPIError):
            vanished.execute(sa.text("SELECT 1"))


def test_who_was_stopped_as_it_claimed_claims_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "_LONGEST_SILENCE_S", 0.05)
    running(1)
    stopped_in: list[Session] = []
    real = sending.claim

    def stopped(session: Session, lane: UUID | None, **about: Any) -> sending.Claims:
        claims = real(session, lane, **about)
        if not stopped_in:
            stopped_in.append(session)
            server = session.scalar(sa.text("SELECT pg_backend_pid()"))
            until(lambda: not is_served_by(server))
        return claims

    monkeypatch.setattr(sending, "claim", stopped)

    async def told() -> list[Any]:
        return await beside(partial(Ledger(SENDER).claim, 9), End())

    assert [claim.attempt for claim in asyncio.run(told())] == [1]
    assert len(stopped_in) == 1


def is_served_by(server: int | None) -> bool:
    serving = sa.text("SELECT count(*) FROM pg_stat_activity WHERE pid = :server")
    with db.reading() as session:
        return bool(session.scalar(serving, {"server": server}))


def test_waiting_for_a_turn_bounds_no_other_wait_of_the_transaction() -> None:
    with db.transaction() as session:
        alone(session, "claims", patience_s=0.05)
        assert session.scalar(sa.text("SHOW lock_timeout")) == "0"
