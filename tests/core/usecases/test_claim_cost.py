"""What a claim costs doesn't grow with what waits, even while the database's statistics know nothing of a new blast."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from core.models.dialect import array
from core.usecases import planning, sending
from tests import databases, factories
from tests.factories import NOON, SENDER

_ROWS_READ = sa.text("""
    SELECT pg_stat_get_xact_tuples_fetched('deliveries'::regclass)
         + pg_stat_get_xact_tuples_returned('deliveries'::regclass)
         + coalesce(sum(pg_stat_get_xact_tuples_returned(indexrelid)), 0)
    FROM pg_index WHERE indrelid = 'deliveries'::regclass
""")


@databases.on_postgresql
def test_a_claim_reads_no_more_than_it_takes(session: Session) -> None:
    session.execute(sa.text("ANALYZE"))  # of empty tables
    contacts = [factories.contact(session, number) for number in range(2000)]
    blast = factories.blast(session, [factories.audience(session, contacts=contacts)])
    planning.start(session, blast.id, sender=SENDER, quiet=None, max_lag=timedelta(days=1), now=NOON)
    before = _read(session)
    assert len(sending.claim(session, blast.id, sender=SENDER, limit=10, hourly_cap=10, now=NOON)) == 10
    assert _read(session) - before < 100


def _read(session: Session) -> int:
    """Return how many rows of deliveries this transaction has read so far."""
    return int(session.execute(_ROWS_READ).scalar_one())


@databases.on_postgresql
@pytest.mark.parametrize("is_urgent", [True, False])
def test_a_claim_is_never_compiled_and_rather_reads_in_order_than_sorts(session: Session, *, is_urgent: bool) -> None:
    session.execute(sa.text("SET LOCAL jit_above_cost = 0"))
    blast = factories.blast(session, [])
    told: list[str] = []

    def explain(connection: sa.Connection, cursor: Any, statement: str, given: Any, *_: object) -> None:
        if statement.startswith("WITH due"):
            cursor.execute(f"EXPLAIN (SETTINGS) {statement}", given)
            told.extend(line for (line,) in cursor.fetchall())

    sa.event.listen(session.connection(), "before_cursor_execute", explain)
    sending.claim(session, None if is_urgent else blast.id, sender=SENDER, limit=10, hourly_cap=10, now=NOON)
    assert any("enable_sort = 'off'" in line for line in told)
    assert not any("JIT" in line for line in told)


@databases.on_postgresql
@pytest.mark.parametrize(
    "values", [[], ["SM1"], ["null", "NULL", ""], ["a,b", 'say "hi"', "back\\slash", "{brace}", "ünï"]]
)
def test_an_array_arrives_as_it_was_sent(session: Session, values: list[str]) -> None:
    assert session.execute(sa.text("SELECT CAST(:it AS text[])"), {"it": array(values)}).scalar_one() == values
