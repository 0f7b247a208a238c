"""Members may leave one topic and keep the rest; and come back, asked twice where that is wanted."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Audience, AudienceKind, ChannelName, Delivery, DeliveryKind, SkipReason, Suppression
from core.usecases import audiences, inbound, planning, previewing, sending, suppression, topics, tracing
from core.usecases.inbound import Text
from core.usecases.previewing import Content
from tests import factories
from tests.factories import NOON, SENDER, phone

SHE = phone(1)


@pytest.fixture
def pools(session: Session) -> tuple[Audience, Audience]:
    """A community audience and an event's, she in both."""
    member = factories.contact(session, 1)
    tenants = factories.audience(session, "Tenants", [member, factories.contact(session, 2)])
    rally = factories.audience(session, "Rally 2026", [member], kind=AudienceKind.EVENT)
    return tenants, rally


def take(session: Session, body: str, number: int = 1, *, asks_twice: bool = False, opt_out_type: str = "") -> None:
    text = Text(f"SM{number}", SHE, SENDER, body, opt_out_type=opt_out_type)
    at = NOON + timedelta(minutes=number)
    inbound.take(session, text, organization="Tenants Together", asks_twice=asks_twice, now=at)


def answers(session: Session) -> list[str]:
    found = session.scalars(
        sa.select(Delivery).where(col(Delivery.kind) == DeliveryKind.ANSWER).order_by(col(Delivery.id))
    )
    return [row.body or "" for row in found]


def planned(session: Session, *pools: Audience) -> dict[str, tuple[DeliveryStatus, SkipReason | None]]:
    blast = factories.blast(session, pools)
    planning.plan(session, blast, sender=SENDER, quiet=None, now=NOON)
    rows = session.scalars(sa.select(Delivery).where(col(Delivery.blast_id) == blast.id)).all()
    return {row.address: (row.status, row.skip_reason) for row in rows}


def claimed(session: Session, blast_id: UUID | None) -> list[str]:
    claims = sending.claim(session, blast_id, sender=SENDER, limit=10, hourly_cap=10, now=NOON)
    return [claim.address for claim in claims if claim.kind is not DeliveryKind.ANSWER]


LEFT = (DeliveryStatus.SKIPPED, SkipReason.OPTED_OUT)
WAITS = (DeliveryStatus.PENDING, None)


def test_who_leaves_an_audience_gets_nothing_for_it_and_the_rest(
    session: Session, pools: tuple[Audience, Audience]
) -> None:
    tenants, rally = pools
    take(session, "STOP TENANTS")
    assert suppression.active(session, SHE) is None
    assert planned(session, tenants) == {SHE: LEFT, phone(2): WAITS}
    assert planned(session, rally) == {SHE: WAITS}
    assert planned(session, tenants, rally)[SHE] == LEFT


def test_stop_events_leaves_every_events_audience(session: Session, pools: tuple[Audience, Audience]) -> None:
    tenants, rally = pools
    take(session, "stop the event texts please")
    later = factories.audience(session, "Picnic", kind=AudienceKind.EVENT)
    assert planned(session, rally) == {SHE: LEFT}
    assert planned(session, later, rally)[SHE] == LEFT
    assert planned(session, tenants)[SHE] == WAITS


def test_what_was_planned_before_is_stopped_by_the_claim(session: Session, pools: tuple[Audience, Audience]) -> None:
    tenants, rally = pools
    blasts = [
        factories.blast(session, [pool], status=BlastStatus.SENDING, started_at=NOON) for pool in (tenants, rally)
    ]
    for blast in blasts:
        factories.delivery(session, 1, blast_id=blast.id)
    reply = factories.delivery(session, 1)
    take(session, "STOP TENANTS")
    assert claimed(session, blasts[0].id) == []
    assert claimed(session, blasts[1].id) == [SHE]
    assert claimed(session, None) == [reply.address]


def test_it_is_said_once_what_was_left_and_how_to_come_back(session: Session, pools: tuple[Audience, Audience]) -> None:
    take(session, "STOP TENANTS", 1)
    take(session, "stop tenants", 2)
    (answer,) = answers(session)
    assert "texts about Tenants" in answer
    assert "START Tenants" in answer


@pytest.mark.parametrize("body", ["STOP VOLUNTEERS TEXTS", "STOP ALERTS"])
def test_a_topic_that_is_not_theirs_means_everything(
    session: Session, pools: tuple[Audience, Audience], body: str
) -> None:
    factories.audience(session, "Volunteers")
    take(session, body)
    assert suppression.active(session, SHE) is not None


def test_stop_outweighs_whatever_was_left_before(session: Session, pools: tuple[Audience, Audience]) -> None:
    take(session, "STOP TENANTS", 1)
    take(session, "STOP", 2)
    assert planned(session, pools[1]) == {SHE: LEFT}
    assert len(session.scalars(sa.select(Suppression)).all()) == 2


def test_start_with_a_name_brings_that_topic_back(session: Session, pools: tuple[Audience, Audience]) -> None:
    take(session, "STOP TENANTS", 1)
    take(session, "START TENANTS", 2)
    assert planned(session, pools[0])[SHE] == WAITS
    assert "texts about Tenants again" in answers(session)[-1]


def test_who_comes_back_for_one_topic_does_not_come_back_for_the_others(
    session: Session, pools: tuple[Audience, Audience]
) -> None:
    take(session, "STOP", 1)
    take(session, "START TENANTS", 2)
    assert planned(session, pools[0])[SHE] == WAITS
    assert planned(session, pools[1])[SHE] == LEFT


def test_start_undoes_a_stop_and_keeps_what_was_left_by_name(
    session: Session, pools: tuple[Audience, Audience]
) -> None:
    for number, body in enumerate(("STOP TENANTS", "STOP", "START"), start=1):
        take(session, body, number)
    assert topics.left(session, SHE) == ["Tenants"]
    assert planned(session, pools[1]) == {SHE: WAITS}
    take(session, "START", 4)
    assert topics.left(session, SHE) == []


def test_start_asks_about_what_when_there_are_several_topics(
    session: Session, pools: tuple[Audience, Audience]
) -> None:
    take(session, "STOP", 1)
    take(session, "subscribe me again", 2)
    take(session, "subscribe", 3)
    assert "About what? Reply with a number: 1 Rally 2026, 2 Tenants; or ALL." in answers(session)[-1]


def test_nothing_is_asked_where_the_provider_has_answered(session: Session, pools: tuple[Audience, Audience]) -> None:
    take(session, "STOP", 1)
    take(session, "START", 2)
    assert answers(session) == []


def test_double_opt_in_waits_for_the_second_word(session: Session, pools: tuple[Audience, Audience]) -> None:
    take(session, "STOP", 1)
    take(session, "START", 2, asks_twice=True)
    assert suppression.active(session, SHE) is not None
    assert "reply YES" in answers(session)[-1]
    take(session, "Yes", 3, asks_twice=True)
    assert suppression.active(session, SHE) is None


def test_a_question_that_a_stop_has_answered_is_asked_anew(session: Session) -> None:
    for number, body in enumerate(("STOP", "START", "STOP", "Yes"), start=1):
        take(session, body, number, asks_twice=True)
    assert suppression.active(session, SHE) is not None
    take(session, "START", 5, asks_twice=True)
    assert ["reply YES" in answer for answer in answers(session)] == [True, True]
    take(session, "Yes", 6, asks_twice=True)
    assert suppression.active(session, SHE) is None


def test_a_yes_that_nobody_asked_for_brings_nobody_back(session: Session, pools: tuple[Audience, Audience]) -> None:
    take(session, "STOP", 1)
    take(session, "Yes", 2, asks_twice=True)
    assert suppression.active(session, SHE) is not None


def test_staff_undo_everything_at_once(session: Session, pools: tuple[Audience, Audience]) -> None:
    take(session, "STOP TENANTS", 1)
    take(session, "STOP", 2)
    assert suppression.lift(session, SHE, by="cli", now=NOON)
    assert topics.left(session, SHE) == []
    assert suppression.active(session, SHE) is None


def test_counts_and_the_story_tell_of_topics(session: Session, pools: tuple[Audience, Audience]) -> None:
    tenants, _ = pools
    take(session, "STOP TENANTS")
    counted = {each.audience.name: (each.members, each.textable) for each in audiences.listing(session)}
    assert counted == {"Tenants": (2, 1), "Rally 2026": (1, 1)}
    content = Content("Rent", ChannelName.SMS, "Hello", (tenants.id,))
    assert previewing.preview(session, content, now=NOON).skipped == {"opted_out": 1}
    assert list(tracing.why(session, SHE).left) == ["Tenants"]
