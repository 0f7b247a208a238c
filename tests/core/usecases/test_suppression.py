"""Who is on the list stays off every message until the list says otherwise, and the record of it stays."""

from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.models import Suppression, SuppressionCause
from core.usecases import suppression
from core.usecases.suppression import LIKELY
from tests.factories import NOON, phone

SHE = phone(1)


def history(session: Session) -> list[tuple[str, str, bool]]:
    session.expire_all()
    found = session.scalars(sa.select(Suppression).order_by(col(Suppression.lifted_at).is_(None)))
    return [(row.cause.value, row.source, row.lifted_at is None) for row in found]


def test_opting_out_twice_leaves_one_record(session: Session) -> None:
    assert suppression.opt_out(session, SHE, source="inbound", now=NOON)
    assert not suppression.opt_out(session, SHE, source="receipt", now=NOON)
    assert history(session) == [("opt_out", "inbound", True)]


def test_an_opt_out_takes_the_place_of_a_dead_number(session: Session) -> None:
    suppression.suppress(session, SHE, cause=SuppressionCause.HARD_FAILURE, source="receipt", now=NOON)
    assert suppression.opt_out(session, SHE, source="inbound", now=NOON)
    assert history(session) == [("hard_failure", "receipt", False), ("opt_out", "inbound", True)]


def test_nothing_takes_the_place_of_an_opt_out(session: Session) -> None:
    suppression.opt_out(session, SHE, source="inbound", now=NOON)
    assert not suppression.suppress(session, SHE, cause=SuppressionCause.HARD_FAILURE, source="receipt", now=NOON)
    assert not suppression.opt_out(session, SHE, source=LIKELY, now=NOON)
    assert history(session) == [("opt_out", "inbound", True)]


def test_a_certain_opt_out_takes_the_place_of_a_likely_one(session: Session) -> None:
    suppression.opt_out(session, SHE, source=LIKELY, now=NOON)
    assert suppression.opt_out(session, SHE, source="inbound", now=NOON)
    assert not suppression.lift_likely(session, SHE, by="staff", now=NOON)
    assert suppression.active(session, SHE) is not None


def test_a_likely_opt_out_does_not_hide_what_staff_decided(session: Session) -> None:
    suppression.suppress(session, SHE, cause=SuppressionCause.MANUAL, source="staff", now=NOON)
    assert not suppression.opt_out(session, SHE, source=LIKELY, now=NOON)
    assert history(session) == [("manual", "staff", True)]


def test_lifting_keeps_the_record(session: Session) -> None:
    suppression.opt_out(session, SHE, source="inbound", now=NOON)
    assert suppression.lift(session, SHE, by="member", now=NOON)
    assert suppression.active(session, SHE) is None
    assert history(session) == [("opt_out", "inbound", False)]
    assert not suppression.lift(session, SHE, by="member", now=NOON)


def test_many_opt_outs_at_once_leave_one_active(engine: sa.Engine) -> None:
    def stop(number: int) -> bool:
        with db.transaction(engine) as session:
            return suppression.opt_out(session, SHE, source=f"inbound {number}", now=NOON)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(stop, range(24))) == 1
