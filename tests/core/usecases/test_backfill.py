"""History is gone through in batches, from where it stood, and nothing comes back that was lifted since."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.backlog import Entry
from core.domain.lifecycles import DeliveryStatus
from core.models import Inbound, OutboxEvent, Suppression, SuppressionCause
from core.usecases import backfill, suppression
from core.usecases.backfill import Recorded, Stored
from tests import factories
from tests.factories import NOON, phone

DAY = timedelta(days=1)


@pytest.fixture
def step(engine: sa.Engine) -> Callable[[], AbstractContextManager[Session]]:
    return lambda: db.transaction(engine)


def failed(session: Session, number: int, code: int, *, sid: str | None = None) -> None:
    values: dict[str, Any] = {
        "status": DeliveryStatus.UNDELIVERED,
        "error_code": code,
        "ended_at": NOON,
        "provider_sid": sid,
    }
    factories.delivery(session, number, attempt=1, **values)


def wrote(session: Session, number: int, body: str, kind: str, *, days: int = 0) -> None:
    session.add(
        Inbound(
            provider_sid=f"SM{number}.{days}",
            address=phone(number),
            sender=factories.SENDER,
            body=body,
            kind=kind,
            certainty="certain",
            received_at=NOON + days * DAY,
        )
    )


def held(engine: sa.Engine) -> dict[str, str]:
    with db.reading(engine) as session:
        rows = session.scalars(sa.select(Suppression).where(col(Suppression.lifted_at).is_(None)))
        return {row.address: row.cause.value for row in rows}


@pytest.fixture
def history(engine: sa.Engine) -> None:
    with db.transaction(engine) as session:
        gone = factories.contact(session, 1)
        factories.audience(session, "Tenants", [gone])
        factories.audience(session, "Rally", [gone])
        failed(session, 1, 21211)
        failed(session, 2, 30007)
        failed(session, 3, 21610)
        wrote(session, 4, "please stop texting me", "opt_out")
        wrote(session, 5, "STOP", "opt_out")
        wrote(session, 5, "START", "opt_in", days=1)
        failed(session, 6, 21211)
        suppression.suppress(session, phone(6), cause=SuppressionCause.HARD_FAILURE, source="receipt", now=NOON + DAY)
        suppression.lift(session, phone(6), by="cli", now=NOON + 2 * DAY)


WANTED = {phone(1): "hard_failure", phone(3): "opt_out", phone(4): "opt_out"}


@pytest.mark.usefixtures("history")
def test_our_own_history_is_made_up_for(engine: sa.Engine, step: Callable[[], AbstractContextManager[Session]]) -> None:
    counts = backfill.run(Stored(), step=step, now=NOON + 3 * DAY).counts
    assert held(engine) == WANTED
    assert (counts.batches, counts.logs, counts.unsubscribed, counts.suppressed) == (1, 7, 2, 1)
    assert (counts.opt_out, counts.hard_fail, counts.upserts, counts.removals, counts.skipped) == (1, 2, 3, 2, 4)
    again = backfill.run(Stored(), step=step, now=NOON + 4 * DAY).counts
    assert (again.unsubscribed, again.suppressed, again.skipped) == (0, 0, 7)


@pytest.mark.usefixtures("history")
def test_threads_show_who_was_found_out(engine: sa.Engine, step: Callable[[], AbstractContextManager[Session]]) -> None:
    with db.transaction(engine) as session:
        talks = [factories.conversation(session, number, thread_ts=f"1.{number}") for number in range(1, 7)]
        wanted = {str(talk.id) for talk in talks if talk.address in WANTED}
    backfill.run(Stored(), step=step, now=NOON + 3 * DAY)
    with db.reading(engine) as session:
        told = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "conversation.changed"))
        assert {event.payload["conversation_id"] for event in told} == wanted


@pytest.mark.usefixtures("history")
def test_it_goes_on_from_where_it_was_ended(
    engine: sa.Engine, step: Callable[[], AbstractContextManager[Session]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "BATCH", 2)
    crashes = iter([False, False, False, True])

    @contextmanager
    def crashing() -> Iterator[Session]:
        with step() as session:
            yield session
            if next(crashes):
                raise ConnectionError

    with pytest.raises(ConnectionError):
        backfill.run(Stored(), step=crashing, now=NOON + 3 * DAY)
    assert held(engine) == {phone(1): "hard_failure"}
    counts = backfill.run(Stored(), step=step, now=NOON + 3 * DAY).counts
    assert held(engine) == WANTED
    assert (counts.batches, counts.logs) == (3, 7)


@pytest.mark.usefixtures("history")
def test_one_run_can_be_bounded(engine: sa.Engine, step: Callable[[], AbstractContextManager[Session]]) -> None:
    outcomes = [backfill.run(Stored(), step=step, now=NOON + 3 * DAY, most_batches=1) for _ in range(2)]
    assert [outcome.is_over for outcome in outcomes] == [False, True]
    assert outcomes[1].counts.unsubscribed == 2


def test_a_failure_without_a_code_is_asked_for(
    engine: sa.Engine, step: Callable[[], AbstractContextManager[Session]]
) -> None:
    with db.transaction(engine) as session:
        failed(session, 1, 0, sid="SM1")
    counts = backfill.run(Stored(), step=step, now=NOON, detail={"SM1": 21211}.__getitem__).counts
    assert (counts.calls, counts.details, counts.suppressed) == (1, 1, 1)


def test_a_log_counts_with_what_we_know_ourselves(
    engine: sa.Engine, step: Callable[[], AbstractContextManager[Session]]
) -> None:
    with db.transaction(engine) as session:
        values: dict[str, Any] = {"status": DeliveryStatus.DELIVERED, "ended_at": NOON + DAY, "provider_sid": "SMours"}
        factories.delivery(session, 1, attempt=1, **values)
    log = [Entry(phone(number), NOON, "failed", code=21211, sid=f"SM{number}") for number in range(1200)]
    outcome = backfill.run(Recorded("csv", log), step=step, now=NOON + 2 * DAY)
    assert (outcome.counts.batches, outcome.counts.logs, outcome.counts.suppressed) == (3, 1201, 1199)
    assert phone(1) not in held(engine)
