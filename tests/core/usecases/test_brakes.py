"""What counts as out of the ordinary in a running blast, to the text, and what is kept of its being held."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import LEASE_ENDED, BlastStatus, DeliveryStatus
from core.models import AuditEntry, Blast, BlastAudience, Delivery, OutboxEvent, Role, SkipReason, SuppressionCause
from core.usecases import approval, brakes, manual, suppression
from tests import factories
from tests.core.usecases.test_canary import LATER, claim, end, fresh, running, unknown
from tests.factories import NOON

SECOND = timedelta(seconds=1)
# When a test's texts have left, ended, and are looked up, see `end` and `unknown`.
ENDED = NOON + 5 * SECOND


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


def resumed(session: Session, blast: Blast, at: datetime) -> None:
    session.execute(sa.update(Blast).where(col(Blast.id) == blast.id).values(resumed_at=at))


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


def also_reached(session: Session, ids: list[int], *, at: datetime) -> Blast:
    """Have another blast reach those whom these texts went to."""
    blast = factories.blast(session, status=BlastStatus.SENDING, started_at=NOON)
    for address in addresses(session, ids):
        factories.delivery(
            session, blast_id=blast.id, address=address, status=DeliveryStatus.DELIVERED, accepted_at=at, ended_at=at
        )
    return blast


@pytest.mark.parametrize("is_later", [True, False])
def test_an_opt_out_counts_against_the_last_blast_that_had_reached_them(session: Session, *, is_later: bool) -> None:
    """What reaches others, or them once they have opted out, takes nothing from what this one has brought about."""
    first = running(session, 100)
    ids = claim(session, first)
    end(session, ids, DeliveryStatus.DELIVERED)
    second = also_reached(session, ids, at=LATER + SECOND if is_later else LATER - SECOND)
    opt_out(session, ids[:20])
    assert [blast_id for blast_id, _ in brakes.alarming(session)] == [(first if is_later else second).id]


def test_a_likely_opt_out_that_was_none_does_not_count(session: Session) -> None:
    blast = running(session, 100)
    ids = claim(session, blast)
    end(session, ids, DeliveryStatus.DELIVERED)
    opt_out(session, ids[:10])
    assert "10 of 100" in reason(session)
    manual.lift(session, addresses(session, ids[:1])[0], now=LATER)
    assert quiet(session)


def test_who_leaves_the_topic_of_another_audience_does_not_count(session: Session) -> None:
    blast = running(session, 100)
    ids = claim(session, blast)
    end(session, ids, DeliveryStatus.DELIVERED)
    theirs, others = factories.audience(session, "theirs"), factories.audience(session, "others")
    session.add(BlastAudience(blast_id=blast.id, audience_id=theirs.id))
    for address in addresses(session, ids[:20]):
        suppression.leave(session, address, audience_id=others.id, now=LATER)
    assert quiet(session)
    for address in addresses(session, ids[:20]):
        suppression.leave(session, address, audience_id=theirs.id, now=LATER)
    assert "20 of 100 people opted out" in reason(session)


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


def test_what_ended_before_somebody_resumed_does_not_count_to_the_instant(session: Session) -> None:
    blast = running(session, 20)
    end(session, claim(session, blast), DeliveryStatus.UNDELIVERED)
    resumed(session, blast, ENDED)
    assert quiet(session)
    resumed(session, blast, ENDED - SECOND)
    assert reason(session).startswith("20 of the last 20 texts did not arrive.")


@pytest.mark.parametrize(("delivered_since", "is_held"), [(170, True), (171, False)])
def test_the_last_two_hundred_count(session: Session, delivered_since: int, *, is_held: bool) -> None:
    """Thirty of 200 are one too many; a moment later only 29 of them are among the last 200."""
    blast = running(session, 30 + delivered_since)
    ids = claim(session, blast)
    end(session, ids[:30], DeliveryStatus.FAILED)
    end(session, ids[30:], DeliveryStatus.DELIVERED)
    change(session, ids[30:], ended_at=LATER)
    assert quiet(session) is not is_held


def test_what_came_before_the_last_two_hundred_makes_no_share_smaller(session: Session) -> None:
    blast = running(session, 260)
    ids = claim(session, blast)
    end(session, ids, DeliveryStatus.DELIVERED)
    change(session, ids[:30], status=DeliveryStatus.FAILED, ended_at=LATER)
    assert reason(session).startswith("30 of the last 200 texts did not arrive.")


@pytest.mark.parametrize("status", [DeliveryStatus.SKIPPED, DeliveryStatus.CANCELLED, DeliveryStatus.EXPIRED])
def test_what_never_left_is_no_failure(session: Session, status: DeliveryStatus) -> None:
    blast = running(session, 30)
    reason = SkipReason.OPTED_OUT if status is DeliveryStatus.SKIPPED else None
    change(session, claim(session, blast), status=status, skip_reason=reason, ended_at=LATER)
    assert quiet(session)


@pytest.mark.parametrize("status", [DeliveryStatus.UNDELIVERED, DeliveryStatus.UNKNOWN, DeliveryStatus.DELIVERED])
def test_a_blast_is_not_held_for_what_another_came_to(session: Session, status: DeliveryStatus) -> None:
    other = running(session, 30)
    ids = claim(session, other)
    end(session, ids, status)
    change(session, ids, claimed_at=LATER, error="Twilio answered 500.")
    session.execute(sa.update(Blast).values(status=BlastStatus.FINISHED))
    if status is DeliveryStatus.DELIVERED:
        opt_out(session, ids)
    calm = factories.blast(session, status=BlastStatus.SENDING, started_at=NOON)
    factories.delivery(session, 50, blast_id=calm.id)
    assert quiet(session)
    session.execute(sa.update(Blast).where(col(Blast.id) == other.id).values(status=BlastStatus.SENDING))
    assert [blast_id for blast_id, _ in brakes.alarming(session)] == [other.id]


@pytest.mark.parametrize(("lost", "left", "is_held"), [(20, 80, True), (20, 81, False), (19, 0, False)])
def test_every_fifth_that_may_be_lost_holds_a_blast(session: Session, lost: int, left: int, *, is_held: bool) -> None:
    blast = running(session, lost + left)
    ids = claim(session, blast)
    end(session, ids[lost:], DeliveryStatus.SENT)
    unknown(session, ids[:lost], "Twilio answered 500.")
    assert quiet(session) is not is_held


def test_lost_answers_are_held_against_the_texts_since_somebody_resumed(session: Session) -> None:
    blast = running(session, 200)
    ids = claim(session, blast)
    end(session, ids[20:], DeliveryStatus.SENT)
    unknown(session, ids[:20], "Twilio answered 500.")
    assert quiet(session)  # 20 of 200
    resumed(session, blast, NOON + SECOND)  # the instant at which the others left
    assert reason(session).startswith("The provider's answer to 20 texts was lost or an error")
    resumed(session, blast, LATER)  # the instant at which these were claimed
    assert quiet(session)


def test_another_blasts_texts_make_no_share_smaller(session: Session) -> None:
    many = running(session, 100)
    end(session, claim(session, many), DeliveryStatus.SENT)
    small = factories.blast(session, status=BlastStatus.SENDING, started_at=NOON)
    ids = [factories.delivery(session, number, blast_id=small.id).id or 0 for number in range(100, 120)]
    unknown(session, ids, "Twilio answered 500.")
    assert [blast_id for blast_id, _ in brakes.alarming(session)] == [small.id]


def test_only_opt_outs_of_who_was_texted_and_since_count(session: Session) -> None:
    blast = running(session, 40)
    ids = claim(session, blast)
    end(session, ids[:20], DeliveryStatus.DELIVERED)
    opt_out(session, ids[20:])  # nothing had left to them
    for address in addresses(session, ids[:10]):
        suppression.suppress(session, address, cause=SuppressionCause.HARD_FAILURE, source="receipt", now=LATER)
    assert quiet(session)
    opt_out(session, ids[:10], now=NOON)  # at the instant of its start
    assert quiet(session)
    opt_out(session, ids[10:20])
    assert reason(session).startswith("10 of 20 people opted out of this blast.")


def test_a_hold_says_why_on_the_card_and_on_record(session: Session) -> None:
    held, other = running(session, 1), factories.blast(session, status=BlastStatus.SENDING, started_at=NOON)
    session.execute(sa.delete(OutboxEvent))
    assert brakes.hold(session, held.id, "Too many failed.", now=LATER)
    assert not brakes.hold(session, held.id, "Too many opted out.", now=LATER + SECOND)
    held = fresh(session, held)
    assert (held.status, held.held_reason) == (BlastStatus.PAUSED, "Too many failed.")
    assert fresh(session, other).status is BlastStatus.SENDING
    (entry,) = session.scalars(sa.select(AuditEntry).where(col(AuditEntry.action) == "blast.hold"))
    assert (entry.at, entry.blast_id, entry.staff_id) == (LATER, held.id, None)
    assert entry.fields == {"reason": "Too many failed."}
    (event,) = session.scalars(sa.select(OutboxEvent))
    assert (event.name, event.payload["note"]) == ("blast.changed", "Too many failed.")
    assert event.payload["blast_id"] == str(held.id)


def test_a_paused_blast_is_left_alone(session: Session) -> None:
    blast = running(session, 20)
    end(session, claim(session, blast), DeliveryStatus.UNDELIVERED)
    assert reason(session)
    assert brakes.hold(session, blast.id, "Look.", now=LATER)
    assert quiet(session)


@pytest.mark.parametrize(
    ("status", "error"), [(DeliveryStatus.DELIVERED, "Twilio answered 500."), (DeliveryStatus.UNKNOWN, LEASE_ENDED)]
)
def test_what_was_found_after_all_or_left_in_doubt_is_no_alarm(
    session: Session, status: DeliveryStatus, error: str
) -> None:
    blast = running(session, 20)
    change(session, claim(session, blast), status=status, error=error, claimed_at=LATER, ended_at=LATER)
    assert quiet(session)
