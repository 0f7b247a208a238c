"""Maybe sent: what the card says, who may decide, and what becomes of it."""

from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from core import db
from core.clock import utc_now
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Delivery
from tests import factories
from tests.bot import stage as stages
from tests.bot.stage import APPROVER, ORGANIZER, Stage, populate, tell
from workers import updates


def running(stage: Stage) -> UUID:
    """Return a running blast of which one text may have left; its card is shown."""
    populate()
    with db.transaction() as session:
        blast = factories.blast(session, status=BlastStatus.SENDING, started_at=utc_now())
        at = utc_now()
        factories.delivery(
            session, blast_id=blast.id, status=DeliveryStatus.UNKNOWN, claimed_at=at, untraced_at=at, attempt=2
        )
        factories.delivery(session, 1, blast_id=blast.id)
    updates._post(updates.gateway(), blast.id, updates._drawn(blast.id)[1])
    return blast.id


def status() -> tuple[DeliveryStatus, bool]:
    with db.reading() as session:
        row = session.scalars(sa.select(Delivery).where(col(Delivery.address) == factories.phone(0))).one()
    return row.status, row.ended_at is not None


def test_the_card_says_how_many_were_maybe_sent_and_asks_before_anything_is_done(stage: Stage) -> None:
    running(stage)
    card = str(stage.card()["blocks"])
    assert "*Maybe sent: 1*" in card
    assert "gets it twice" in card
    assert {"blast.resend_unknown", "blast.leave_unknown"} <= set(stage.buttons())


def test_an_organizer_may_not_decide(stage: Stage) -> None:
    running(stage)
    stage.press("blast.resend_unknown", user=ORGANIZER)
    assert "Only approvers" in stage.whispers(ORGANIZER)[0]
    assert status() == (DeliveryStatus.UNKNOWN, False)


def test_an_approver_sends_it_again(stage: Stage) -> None:
    running(stage)
    stage.press("blast.resend_unknown", user=APPROVER)
    assert status() == (DeliveryStatus.PENDING, False)
    tell()
    assert "Maybe sent" not in str(stage.card()["blocks"])
    assert "blast.resend_unknown" not in stage.buttons()


def test_an_approver_leaves_it(stage: Stage) -> None:
    running(stage)
    stage.press("blast.leave_unknown", user=APPROVER)
    assert status() == (DeliveryStatus.UNKNOWN, True)
    tell()
    assert "Maybe sent" not in str(stage.card()["blocks"])
    stage.press("blast.pause", user=stages.APPROVER2)
    tell()
    assert "Paused" in str(stage.card()["blocks"])


def test_the_card_says_how_many_may_have_gone_twice_and_what_prevents_it(stage: Stage) -> None:
    blast_id = running(stage)
    assert "gone twice" not in str(stage.card()["blocks"])
    with db.transaction() as session:
        session.execute(sa.update(Delivery).values(other_sid="SM1"))
    updates.refresh_card.fn(str(blast_id))
    card = str(stage.card()["blocks"])
    assert "May have gone twice: 2." in card
    assert "RESEND_UNTRACED=false" in card
