"""What may have left and can't be traced waits for an approver, and for nobody for ever."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.channel import Trace, Unknown
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.domain.receipts import Incoming
from core.errors import IllegalMove, NotAllowed, Stale
from core.models import AuditEntry, CanaryStatus, Delivery, OutboxEvent, Role, Staff
from core.usecases import canary, cleanup, receipts, recording, reports, scheduling, sending, settling, unknowns
from core.usecases.recording import Result
from tests import factories
from tests.factories import NOON, SENDER

HOUR = timedelta(hours=1)


@pytest.fixture
def approver(session: Session) -> Staff:
    return factories.staff(session, "U0APPROVER", role=Role.APPROVER)


@pytest.fixture
def blast_id(session: Session) -> UUID:
    """A running blast whose only text may have left, was sent once more, and may have left again."""
    blast = factories.blast(session, status=BlastStatus.SENDING)
    factories.delivery(session, blast_id=blast.id)
    lose(session, blast.id, after=timedelta())
    look_up(session, after=HOUR)
    lose(session, blast.id, after=HOUR)
    look_up(session, after=2 * HOUR)
    return blast.id


def lose(session: Session, lane: UUID | None, *, after: timedelta) -> None:
    claims = sending.claim(session, lane, sender=SENDER, limit=9, hourly_cap=10, now=NOON + after)
    assert claims
    results = [Result(each, Unknown("read time-out"), NOON + after) for each in claims]
    recording.record(session, results, max_attempts=8, now=NOON + after)


def look_up(
    session: Session, trace: Trace | None = None, *, after: timedelta, may_resend: bool = True, before: int = 2
) -> None:
    session.execute(sa.update(Delivery).values(looks=col(Delivery.looks) + before))
    taken = settling.take_due(session, now=NOON + after)
    attempts = {outgoing.delivery_id: outgoing.attempt for outgoing, _ in taken}
    found = dict.fromkeys(attempts, trace)
    settling.settle(session, found, attempts=attempts, may_resend=may_resend, now=NOON + after)


def undecided(session: Session, blast_id: UUID) -> int:
    return reports.progress(session, blast_id, now=NOON).undecided


def row(session: Session) -> Delivery:
    session.expire_all()
    return session.scalars(sa.select(Delivery)).one()


def is_over(session: Session, *, after: timedelta) -> bool:
    return bool(scheduling.over(session, now=NOON + after))


def test_one_that_was_sent_once_more_and_left_no_trace_again_waits_for_a_person(
    session: Session, blast_id: UUID
) -> None:
    assert undecided(session, blast_id) == 1
    assert not is_over(session, after=3 * HOUR)


def test_one_that_may_not_be_sent_by_itself_waits_at_once(session: Session) -> None:
    blast = factories.blast(session, status=BlastStatus.SENDING)
    factories.delivery(session, blast_id=blast.id)
    lose(session, blast.id, after=timedelta())
    look_up(session, after=timedelta(minutes=10), may_resend=False)
    assert undecided(session, blast.id) == 0
    look_up(session, after=timedelta(minutes=20), may_resend=False)
    assert undecided(session, blast.id) == 1


def test_one_whose_text_cannot_be_made_any_more_is_looked_for_without_it(session: Session) -> None:
    contact = factories.contact(session, first_name="Ann")
    blast = factories.blast(session, status=BlastStatus.SENDING, body="Hi {first_name}")
    factories.delivery(session, blast_id=blast.id, contact_id=contact.id)
    lose(session, blast.id, after=timedelta())
    contact.first_name = ""
    session.flush()
    ((outgoing, _),) = settling.take_due(session, now=NOON + HOUR)
    assert (outgoing.address, outgoing.body) == (factories.phone(0), "")


def test_sent_again_it_is_claimed_anew(session: Session, blast_id: UUID, approver: Staff) -> None:
    unknowns.resend(session, blast_id, by=approver, seen=1, now=NOON + 3 * HOUR)
    assert undecided(session, blast_id) == 0
    (claim,) = sending.claim(session, blast_id, sender=SENDER, limit=9, hourly_cap=10, now=NOON + 3 * HOUR)
    assert claim.attempt == 3


def test_lost_after_that_it_waits_for_a_person_once_more(session: Session, blast_id: UUID, approver: Staff) -> None:
    unknowns.resend(session, blast_id, by=approver, seen=1, now=NOON + 3 * HOUR)
    lose(session, blast_id, after=3 * HOUR)
    look_up(session, after=4 * HOUR)
    assert undecided(session, blast_id) == 1


def test_left_it_stays_unknown_and_the_blast_ends(session: Session, blast_id: UUID, approver: Staff) -> None:
    unknowns.leave(session, blast_id, by=approver, seen=1, now=NOON + 3 * HOUR)
    told = reports.progress(session, blast_id, now=NOON)
    assert (told.as_json()["unknown"], told.undecided, told.left, told.waiting) == (1, 0, 1, 0)
    assert scheduling.finish(session, now=NOON + 3 * HOUR) == [blast_id]
    assert not settling.has_due(session, now=NOON + 9 * HOUR)


def test_a_receipt_still_settles_one_that_was_left(session: Session, blast_id: UUID, approver: Staff) -> None:
    unknowns.leave(session, blast_id, by=approver, seen=1, now=NOON + 3 * HOUR)
    receipts.apply(session, [Incoming("SM1", "sent", delivery_id=row(session).id)], now=NOON + 4 * HOUR)
    assert (row(session).status, row(session).ended_at) == (DeliveryStatus.SENT, None)
    receipts.apply(session, [Incoming("SM1", "delivered", delivery_id=row(session).id)], now=NOON + 4 * HOUR)
    assert (row(session).status, row(session).ended_at) == (DeliveryStatus.DELIVERED, NOON + 4 * HOUR)


def test_nobody_decides_and_it_is_left_by_itself(session: Session, blast_id: UUID) -> None:
    assert not unknowns.has_old(session, after=24 * HOUR, now=NOON + 25 * HOUR)
    assert unknowns.has_old(session, after=24 * HOUR, now=NOON + 26 * HOUR)
    assert unknowns.leave_old(session, after=24 * HOUR, now=NOON + 26 * HOUR) == 1
    assert is_over(session, after=26 * HOUR)


def test_an_untraced_one_is_still_looked_up_now_and_then(session: Session, blast_id: UUID) -> None:
    assert not settling.has_due(session, now=NOON + 2.9 * HOUR)
    look_up(session, Trace("SM1", "delivered", 0), after=3.1 * HOUR)
    assert row(session).status is DeliveryStatus.DELIVERED


@pytest.mark.parametrize("decide", [unknowns.resend, unknowns.leave])
def test_only_approvers_decide_on_what_they_have_seen(session: Session, blast_id: UUID, decide: object) -> None:
    assert callable(decide)
    with pytest.raises(NotAllowed):
        decide(session, blast_id, by=factories.staff(session), seen=1, now=NOON)
    approver = factories.staff(session, "U0APPROVER", role=Role.APPROVER)
    with pytest.raises(Stale):
        decide(session, blast_id, by=approver, seen=2, now=NOON)
    decide(session, blast_id, by=approver, seen=1, now=NOON)
    with pytest.raises(IllegalMove, match="doubt"):
        decide(session, blast_id, by=approver, seen=1, now=NOON)


def test_what_was_decided_is_on_record_and_on_the_card(session: Session, blast_id: UUID, approver: Staff) -> None:
    unknowns.leave(session, blast_id, by=approver, seen=1, now=NOON)
    entry = session.scalars(sa.select(AuditEntry).where(col(AuditEntry.action) == "blast.leave_unknown")).one()
    assert (entry.staff_id, entry.blast_id, entry.fields) == (approver.id, blast_id, {"count": 1})
    assert session.scalars(sa.select(col(OutboxEvent.name))).all() == ["blast.changed"]


def test_a_cancelled_blast_sends_nothing_again(session: Session, approver: Staff) -> None:
    blast = factories.blast(session, status=BlastStatus.CANCELLED)
    with pytest.raises(IllegalMove):
        unknowns.resend(session, blast.id, by=approver, seen=1, now=NOON)


def test_a_canary_does_not_wait_for_one_that_was_left(session: Session, blast_id: UUID, approver: Staff) -> None:
    session.execute(sa.update(Delivery).values(priority=4))
    blast = unknowns.leave(session, blast_id, by=approver, seen=1, now=NOON)
    blast.canary = CanaryStatus.TRYING
    session.flush()
    assert canary.judge(session, blast_id, patience_s=60, now=NOON + HOUR) == "amber"


def test_whoever_wrote_a_reply_that_may_be_lost_is_told_once(session: Session) -> None:
    thread = factories.conversation(session)
    factories.delivery(session, conversation_id=thread.id, was_resent=True)
    lose(session, None, after=timedelta())
    look_up(session, after=HOUR)
    look_up(session, after=3 * HOUR)
    (event,) = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "conversation.changed"))
    assert "isn't known whether" in event.payload["note"]


def test_a_reply_that_was_left_is_cleared_away_when_it_is_old(session: Session) -> None:
    factories.delivery(session)
    lose(session, None, after=timedelta())
    assert cleanup.clean(session, before=NOON + 99 * HOUR, now=NOON + 99 * HOUR)["deliveries"] == 0
    unknowns.leave_old(session, after=HOUR, now=NOON + 99 * HOUR)
    assert cleanup.clean(session, before=NOON + 99 * HOUR, now=NOON + 99 * HOUR)["deliveries"] == 1
