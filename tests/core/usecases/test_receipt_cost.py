"""What receipts cost doesn't grow with the table, even while the database's statistics know nothing of its rows."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, SQLModel

from core.domain.lifecycles import DeliveryStatus
from core.domain.receipts import Incoming
from core.models import Delivery, DeliveryKind
from core.usecases import receipts
from tests import databases
from tests.factories import NOON, SENDER

pytestmark = databases.on_postgresql

_ROWS, _GROUP = 5_000, 40
# Some for each receipt: its entry in one index or two, and versions of its row that are dead by now.
_MOST_READ = 30 * _GROUP
# Entries of indexes and rows of tables, whichever way they were come by.
_READ = sa.text("""
    SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid))
    FROM (SELECT oid FROM pg_class WHERE oid = CAST(:name AS regclass)
          UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = CAST(:name AS regclass)) it
""")


def sid(number: int) -> str:
    return f"SM{number:032d}"


def accepted(session: Session, count: int, *, first: int = 1) -> None:
    rows: list[dict[str, Any]] = [
        {
            "id": number,
            "kind": DeliveryKind.REPLY,
            "body": "See you there.",
            "sender": SENDER,
            "address": f"+1{2_000_000_000 + number}",
            "status": DeliveryStatus.ACCEPTED,
            "attempt": 1,
            "provider_sid": sid(number),
            "created_at": NOON,
            "not_before": NOON,
            "accepted_at": NOON,
        }
        for number in range(first, first + count)
    ]
    session.execute(sa.insert(SQLModel.metadata.tables[Delivery.__tablename__]), rows)


def read(session: Session, table: str = "deliveries") -> int:
    """Return how many rows of a table this transaction has read so far."""
    return int(session.execute(_READ, {"name": table}).scalar_one())


def told(status: str, first: int, *, has_our_id: bool) -> list[Incoming]:
    return [
        Incoming(sid(number), status, 0, number if has_our_id else None, 1) for number in range(first, first + _GROUP)
    ]


@pytest.mark.parametrize("has_our_id", [True, False])
@pytest.mark.parametrize("analyzed", ["empty", "unsent", "never"])
def test_receipts_read_no_more_rows_than_they_are_about(session: Session, analyzed: str, *, has_our_id: bool) -> None:
    if analyzed != "never":
        session.execute(sa.text("ANALYZE"))
    accepted(session, _ROWS)
    if analyzed == "unsent":
        table = SQLModel.metadata.tables[Delivery.__tablename__]
        session.execute(sa.update(table).values(provider_sid=None))
        session.execute(sa.text("ANALYZE"))
        session.execute(sa.update(table).values(provider_sid=sa.text("'SM' || lpad(CAST(id AS text), 32, '0')")))
    before = read(session)
    receipts.apply(session, told("sent", _ROWS // 2, has_our_id=has_our_id), now=NOON)
    receipts.apply(session, told("delivered", _ROWS // 2, has_our_id=has_our_id), now=NOON)
    assert read(session) - before < _MOST_READ


def test_a_plan_made_for_an_empty_table_is_not_kept_when_it_has_grown(session: Session) -> None:
    # After some runs both the driver and the server keep a statement's plan.
    accepted(session, 400)
    for start in range(1, 400, _GROUP):
        receipts.apply(session, told("sent", start, has_our_id=True), now=NOON)
    accepted(session, _ROWS, first=1_000)
    before = read(session)
    receipts.apply(session, told("sent", 2_000, has_our_id=True), now=NOON)
    assert read(session) - before < _MOST_READ


def test_nothing_that_follows_from_receipts_is_compiled(session: Session) -> None:
    session.execute(sa.text("SET LOCAL jit_above_cost = 0"))
    receipts.apply(session, told("sent", 1, has_our_id=True), now=NOON)
    plan = session.execute(sa.text("EXPLAIN SELECT * FROM deliveries ORDER BY body")).scalars()
    assert not any("JIT" in line for line in plan)
