"""A claim is as old as what it has seen: to wait for its turn to write makes none of its texts too old to leave."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic

import pytest
import sqlalchemy as sa

from core import db
from core.clock import utc_now
from core.domain.lifecycles import BlastStatus
from core.models import Blast
from tests import databases, factories
from tests.factories import SENDER
from workers.ledger import Ledger


@databases.on_sqlite
@pytest.mark.parametrize("is_first", [True, False], ids=["alone", "beside others"])
def test_a_claim_that_waits_for_another_writer_is_as_new_as_its_turn(
    in_a_worker: pytest.MonkeyPatch, is_first: bool
) -> None:
    ledger, waits, wait_for_turn = Ledger(SENDER), Event(), db._got_turn
    with db.transaction() as session:
        blast = factories.blast(session, status=BlastStatus.SENDING, started_at=utc_now())
        factories.delivery(session, blast_id=blast.id, not_before=utc_now())
    if not is_first:
        assert ledger.claim(0) == []

    def tell_that_it_waits(driver: object) -> bool:
        waits.set()
        return wait_for_turn(driver)  # type: ignore[arg-type]

    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as writer:
            writer.execute(sa.update(Blast).values(name="Being imported"))
            in_a_worker.setattr(db, "_got_turn", tell_that_it_waits)
            claiming = pool.submit(ledger.claim, 9)
            assert waits.wait(30)
            turn_at, turned = monotonic(), utc_now()
        claims = claiming.result(30)
    assert len(claims) == 1
    assert claims.since >= turn_at
    assert claims[0].claimed_at is not None
    assert claims[0].claimed_at >= turned
