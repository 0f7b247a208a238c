"""What counts as out of the ordinary in a running blast, to the text, and what is kept of its being held."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import DeliveryStatus
from core.models import Blast, Delivery, Role
from core.usecases import approval, brakes, manual, suppression
from tests import factories
from tests.core.usecases.test_canary import LATER, claim, end, fresh, running

SECOND = timedelta(seconds=1)


def opt_out(session: Session, ids: list[int], *, now: datetime = LATER) -> None:
    for address in addresses(session, ids):
        suppression.opt_out(session, address, source="inbound", now=now)


def addresses(session: Session, ids: list[int]) -> list[str]:
    return list(session.scalars(sa.select(col(Delivery.address)).where(col(Delivery.id).in_(ids))))


def change(session: Session, ids: list[int], **values: object) -> None:
    session.execute(sa.update(Delivery).where(col(Delivery.id).in_(ids)).values(**values))


def resume(session: Session, blast: Blast, *, now: datetime) -> None:
    """Have a person look at a held blast, and go on."""
    assert brakes.hold(session, blast.id, "Look.", now=now)
    admin = factories.staff(session, "U0ADMIN", role=Role.ADMIN)
    approval.resume(session, blast.id, by=admin, seen=fresh(session, blast).revision, now=now)


def reason(session: Session) -> str:
    ((_, told),) = brakes.alarming(session)
    return told


def quiet(session: Session) -> bool:
    return brakes.alarming(session) == []


def test_a_person_who_opts_out_twice_counts_once(session: Session) -> None:
    blast = running(session, 100)
    ids = claim(session, blast)
    end(session, ids, DeliveryStatus.DELIVERED)
    opt_out(session, ids[:9])
    for address in addresses(session, ids[:9]):
        manual.lift(session, address, now=LATER)
    opt_out(session, ids[:9])
    assert quiet(session)
    opt_out(session, ids[9:10])
    assert "10 of 100 people opted out" in reason(session)


def test_who_was_texted_before_somebody_resumed_and_opts_out_later_does_not_count(session: Session) -> None:
    """Many opt out hours later: held against the few texted since, they would stop the blast over and over."""
    blast = running(session, 400)
    ids = claim(session, blast)
    end(session, ids[:380], DeliveryStatus.DELIVERED)
    resume(session, blast, now=LATER)
    change(session, ids[380:], status=DeliveryStatus.DELIVERED, accepted_at=LATER + SECOND, ended_at=LATER + SECOND)
    opt_out(session, ids[:50], now=LATER + 2 * SECOND)
    assert quiet(session)
    opt_out(session, ids[380:390], now=LATER + 2 * SECOND)
    assert "10 of 20 people opted out" in reason(session)
