"""Of why somebody who was erased was out of reach, nothing stays but what must keep her from being messaged."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.errors import NotFound
from core.models import Suppression, SuppressionCause
from core.usecases import erasure, omissions, suppression
from tests import factories
from tests.factories import NOON, phone

SHE, ANOTHER = phone(1), phone(2)


def fail(session: Session, address: str) -> None:
    """Put an address out of reach because messages to it failed."""
    delivery = factories.delivery(session, 3)
    suppression.suppress(
        session,
        address,
        cause=SuppressionCause.HARD_FAILURE,
        source="receipt",
        error_code=30003,
        strikes=2,
        delivery_id=delivery.id,
        now=NOON,
    )


def test_what_held_her_once_goes(session: Session) -> None:
    factories.contact(session, 1)
    fail(session, SHE)
    suppression.lift(session, SHE, by="cli", now=NOON)
    suppression.opt_out(session, SHE, source="inbound", now=NOON)
    suppression.lift(session, SHE, by="member", now=NOON)
    assert not erasure.erase(session, SHE, now=NOON).is_suppressed
    assert omissions.suppressions(session, SHE) == []


def test_that_her_phone_could_not_be_reached_goes_and_nobody_elses_does(session: Session) -> None:
    factories.contact(session, 1)
    for address in (SHE, ANOTHER):
        fail(session, address)
    erasure.erase(session, SHE, now=NOON)
    assert session.scalars(sa.select(col(Suppression.address))).all() == [ANOTHER]


@pytest.mark.parametrize("cause", [SuppressionCause.OPT_OUT, SuppressionCause.MANUAL])
def test_of_what_must_keep_her_from_being_messaged_only_cause_and_time_stay(
    session: Session, cause: SuppressionCause
) -> None:
    delivery, staff = factories.delivery(session, 3), factories.staff(session)
    values: dict[str, Any] = {"error_code": 21610, "strikes": 1, "delivery_id": delivery.id, "staff_id": staff.id}
    suppression.suppress(session, SHE, cause=cause, source="receipt", now=NOON, **values)
    assert erasure.erase(session, SHE, now=NOON).is_suppressed
    session.expire_all()
    kept = suppression.active(session, SHE)
    assert kept is not None
    assert (kept.cause, kept.created_at, kept.source) == (cause, NOON, "erased")
    assert (kept.error_code, kept.strikes, kept.delivery_id, kept.inbound_id, kept.staff_id) == (0, 0, None, None, None)


def test_what_is_known_of_her_only_by_a_failure_is_forgotten_as_well(session: Session) -> None:
    fail(session, SHE)
    erasure.erase(session, SHE, now=NOON)
    with pytest.raises(NotFound, match="Nothing is kept"):
        erasure.erase(session, SHE, now=NOON)
