"""Who waits for whom while a claim is under way, on PostgreSQL, which lets transactions overlap."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from core import db
from core.usecases import caps, sending
from tests import databases, factories
from tests.factories import NOON, SENDER, phone

pytestmark = databases.on_postgresql
DAY = timedelta(days=1)


@pytest.fixture
def another(engine: sa.Engine) -> Iterator[Session]:
    """A second session, which fails where it would have to wait."""
    with Session(engine) as session:
        session.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
        yield session


def two_replies(engine: sa.Engine) -> None:
    with db.transaction(engine) as session:
        factories.delivery(session, 0)
        factories.delivery(session, 1)


def claim(session: Session, *, limit: int) -> list[str]:
    claims = sending.claim(session, None, sender=SENDER, limit=limit, hourly_cap=9, now=NOON)
    return [each.address for each in claims]


def test_a_claim_passes_over_what_another_is_claiming(session: Session, another: Session, engine: sa.Engine) -> None:
    two_replies(engine)
    assert claim(session, limit=1) == [phone(0)]
    assert claim(another, limit=1) == [phone(1)]


def test_a_claim_passes_over_what_a_stop_is_looking_at(session: Session, another: Session, engine: sa.Engine) -> None:
    two_replies(engine)
    assert not sending.is_leaving(session, phone(0), since=NOON)
    assert claim(another, limit=9) == [phone(1)]


def test_two_who_look_at_what_is_leaving_do_not_wait_for_each_other(
    session: Session, another: Session, engine: sa.Engine
) -> None:
    two_replies(engine)
    assert not sending.is_leaving(session, phone(0), since=NOON)
    assert not sending.is_leaving(another, phone(0), since=NOON)


def test_a_senders_day_is_one_claims_at_a_time(session: Session, another: Session, engine: sa.Engine) -> None:
    with db.transaction(engine) as before:
        caps.allowance(before, SENDER, cap=5, resets_at=NOON + DAY)
    assert caps.allowance(session, SENDER, cap=5, resets_at=NOON + DAY) == 5
    with pytest.raises(OperationalError):
        caps.allowance(another, SENDER, cap=5, resets_at=NOON + DAY)
