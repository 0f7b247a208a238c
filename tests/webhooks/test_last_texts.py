"""A STOP is answered once what had been claimed for its sender has left: nothing reaches them after the answer."""

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from datetime import timedelta

import pytest
import sqlalchemy as sa

from core import db
from core.clock import utc_now
from core.domain.lifecycles import DeliveryStatus
from core.models import Delivery
from tests import databases, factories
from tests.webhooks.conftest import Door
from webhooks import doors

SHE = factories.phone(0)
AT_ONCE_S = 3.0


def claimed(door: Door, *, ago: timedelta = timedelta()) -> None:
    with db.transaction(door.engine) as session:
        factories.delivery(session, 0, status=DeliveryStatus.CLAIMED, attempt=1, claimed_at=utc_now() - ago)


def test_a_stop_waits_for_a_text_that_is_on_its_way(door: Door) -> None:
    claimed(door)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(door.text, "STOP", sender=SHE)
        assert not wait_for([answer], timeout=0.5).done
        with db.transaction(door.engine) as session:
            session.execute(sa.update(Delivery).values(status=DeliveryStatus.ACCEPTED))
        assert answer.result(timeout=AT_ONCE_S).status == 200


@databases.on_postgresql
def test_a_stop_waits_for_a_claim_that_is_not_committed_yet(door: Door) -> None:
    with db.transaction(door.engine) as session:
        factories.delivery(session, 0)
    with ThreadPoolExecutor(1) as pool, db.transaction(door.engine) as claiming:
        claiming.execute(sa.update(Delivery).values(status=DeliveryStatus.CLAIMED, attempt=1, claimed_at=utc_now()))
        answer = pool.submit(door.text, "STOP", sender=SHE)
        assert not wait_for([answer], timeout=0.5).done
        claiming.execute(sa.update(Delivery).values(status=DeliveryStatus.ACCEPTED))
        claiming.commit()
        assert answer.result(timeout=AT_ONCE_S).status == 200


def test_a_stop_does_not_wait_for_what_a_dead_process_had_claimed(door: Door) -> None:
    claimed(door, ago=timedelta(seconds=30))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(door.text, "STOP", sender=SHE).result(timeout=AT_ONCE_S).status == 200


@databases.on_postgresql
def test_a_stop_is_answered_though_a_claim_is_never_committed(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twilio waits for fifteen seconds, and takes it for lost then."""
    monkeypatch.setattr(doors, "_LEAVES_WITHIN_S", 0.3)
    with db.transaction(door.engine) as session:
        factories.delivery(session, 0)
    with ThreadPoolExecutor(1) as pool, db.transaction(door.engine) as claiming:
        claiming.execute(sa.update(Delivery).values(status=DeliveryStatus.CLAIMED, attempt=1, claimed_at=utc_now()))
        answer = pool.submit(door.text, "STOP", sender=SHE)
        is_answered = answer in wait_for([answer], timeout=AT_ONCE_S).done
        claiming.rollback()
        assert is_answered
        assert answer.result(timeout=AT_ONCE_S).status == 200
