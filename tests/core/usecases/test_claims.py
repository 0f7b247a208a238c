"""What a claim takes first, what it leaves, and what it writes of each row."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import CanaryStatus, ChannelName, Delivery, DeliveryKind, SkipReason, SuppressionCause
from core.usecases import caps, planning, sending, suppression
from core.usecases.sending import Claims
from tests import factories
from tests.factories import NOON, SENDER, phone

OTHER_SENDER = "+12125550101"
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
REFUSED, SKIPPED = DeliveryStatus.REFUSED, DeliveryStatus.SKIPPED


def sending_blast(session: Session, *numbers: int, **values: Any) -> UUID:
    blast = factories.blast(session, status=BlastStatus.SENDING, started_at=NOON, **values)
    for number in numbers:
        factories.delivery(session, number, blast_id=blast.id)
    return blast.id


def claim(session: Session, lane: UUID | None = None, *, now: datetime = NOON, **values: Any) -> Claims:
    about: dict[str, Any] = {"sender": SENDER, "limit": 9, "hourly_cap": 1} | values
    return sending.claim(session, lane, now=now, **about)


def only(session: Session, **values: Any) -> Delivery:
    """Return the one row with these values."""
    session.expire_all()
    return session.scalars(sa.select(Delivery).filter_by(**values)).one()


def opt_out(session: Session, number: int = 0) -> None:
    suppression.opt_out(session, phone(number), source="inbound", now=NOON)


def test_what_overtakes_goes_first_then_what_has_waited_longest_then_what_came_first(session: Session) -> None:
    blast_id = sending_blast(session)
    waits = {5: [NOON, NOON - SECOND, NOON - SECOND], 4: [NOON]}
    made = [
        factories.delivery(session, number, blast_id=blast_id, priority=priority, not_before=at)
        for number, (priority, at) in enumerate((key, at) for key, each in waits.items() for at in each)
    ]
    taken = [claimed.id for _ in made for claimed in claim(session, blast_id, limit=1)]
    assert taken == [made[3].id, made[1].id, made[2].id, made[0].id]


def test_what_is_queued_overtakes_every_blast_and_can_be_named_at_once(session: Session) -> None:
    made = sending.queue(session, kind=DeliveryKind.REPLY, address=phone(0), body="Hi", sender=SENDER, now=NOON)
    assert made.id is not None
    assert made.priority < planning.BLAST_PRIORITY
    assert [each.id for each in claim(session)] == [made.id]


def test_of_what_is_urgent_for_one_person_the_first_that_came_goes_first(session: Session) -> None:
    first, second = factories.delivery(session), factories.delivery(session)
    assert [each.id for each in claim(session)] == [first.id]
    assert only(session, id=second.id).status is DeliveryStatus.PENDING


def test_whoever_has_had_enough_keeps_their_place_for_five_minutes(session: Session) -> None:
    earlier, waits = factories.delivery(session), factories.delivery(session, attempt=2, claimed_at=NOON - DAY)
    assert len(claim(session)) == 1
    row = only(session, id=waits.id)
    assert (row.status, row.attempt, row.claimed_at) == (DeliveryStatus.PENDING, 2, NOON - DAY)
    assert (row.not_before, row.ended_at) == (NOON + timedelta(minutes=5), None)
    assert only(session, id=earlier.id).not_before == NOON


def test_whoever_is_skipped_after_a_try_keeps_what_was_tried(session: Session) -> None:
    factories.delivery(session, attempt=2, claimed_at=NOON - DAY)
    opt_out(session)
    assert claim(session) == []
    row = only(session)
    assert (row.status, row.attempt, row.claimed_at, row.ended_at) == (SKIPPED, 2, NOON - DAY, NOON)


def test_a_further_try_is_counted_and_dated_and_open_again(session: Session) -> None:
    factories.delivery(session, attempt=2, claimed_at=NOON - DAY, ended_at=NOON - DAY)
    (mine,) = claim(session)
    row = only(session)
    assert (mine.attempt, mine.claimed_at) == (row.attempt, row.claimed_at) == (3, NOON)
    assert (row.ended_at, row.not_before) == (None, NOON)


def test_whoever_has_had_enough_and_opted_out_is_skipped_at_once(session: Session) -> None:
    factories.delivery(session, status=DeliveryStatus.DELIVERED, claimed_at=NOON)
    waits = factories.delivery(session)
    opt_out(session)
    assert claim(session) == []
    assert only(session, id=waits.id).skip_reason is SkipReason.OPTED_OUT


def test_an_opt_out_is_told_rather_than_that_they_heard_lately(session: Session) -> None:
    sending_blast(session, 0)
    session.execute(sa.update(Delivery).values(status=DeliveryStatus.DELIVERED, claimed_at=NOON - DAY))
    blast_id = sending_blast(session, 0)
    opt_out(session)
    assert claim(session, blast_id, heard_since=NOON - 2 * DAY) == []
    assert only(session, blast_id=blast_id).skip_reason is SkipReason.OPTED_OUT


LEFT = (
    *(DeliveryStatus.CLAIMED, DeliveryStatus.ACCEPTED, DeliveryStatus.SENT, DeliveryStatus.DELIVERED),
    *(DeliveryStatus.UNDELIVERED, DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN),
)
REACHED = (*LEFT[:4], DeliveryStatus.UNKNOWN)
# A row that waits again, or was given up, may bear the time of a try.
NOT_LEFT = (DeliveryStatus.PENDING, REFUSED, SKIPPED)


def had(session: Session, status: DeliveryStatus, **values: Any) -> None:
    """Have a message to the first phone end so, an instant ago; one that waits does so for long."""
    skipped = {"skip_reason": SkipReason.OPTED_OUT} if status is SKIPPED else {}
    told = {"not_before": NOON + DAY, "claimed_at": NOON - SECOND} | skipped | values
    factories.delivery(session, status=status, **told)


@pytest.mark.parametrize("status", [*LEFT, *NOT_LEFT])
def test_whatever_may_have_left_counts_against_the_hour_and_nothing_else(
    session: Session, status: DeliveryStatus
) -> None:
    had(session, status, sender=OTHER_SENDER, kind=DeliveryKind.ANSWER)
    factories.delivery(session)
    assert len(claim(session)) == (status in NOT_LEFT)


def test_blasts_and_replies_count_against_the_same_hour(session: Session) -> None:
    had(session, DeliveryStatus.SENT)
    had(session, DeliveryStatus.SENT, blast_id=sending_blast(session), kind=DeliveryKind.BLAST, address=phone(1))
    factories.delivery(session, 1)
    assert claim(session, sending_blast(session, 0)) == claim(session) == []


@pytest.mark.parametrize("status", [*LEFT, *NOT_LEFT])
def test_whoever_another_blast_may_have_reached_has_heard_lately(session: Session, status: DeliveryStatus) -> None:
    had(session, status, blast_id=sending_blast(session), kind=DeliveryKind.BLAST)
    blast_id = sending_blast(session, 0)
    claims = claim(session, blast_id, heard_since=NOON - DAY, hourly_cap=9)
    assert len(claims) == (status not in REACHED)


@pytest.mark.parametrize(
    "values",
    [
        {"claimed_at": NOON - DAY},
        {"address": phone(1)},
        {"channel": ChannelName.EMAIL},
        {"blast_id": None, "kind": DeliveryKind.REPLY, "body": "Yes"},
    ],
    ids=str,
)
def test_what_is_no_blasts_or_anothers_or_old_or_an_email_is_not_heard_lately(
    session: Session, values: dict[str, Any]
) -> None:
    about = {"blast_id": sending_blast(session), "kind": DeliveryKind.BLAST} | values
    had(session, DeliveryStatus.SENT, **about)
    assert len(claim(session, sending_blast(session, 0), heard_since=NOON - DAY, hourly_cap=9)) == 1


def test_what_is_urgent_is_sent_to_whoever_heard_lately(session: Session) -> None:
    had(session, DeliveryStatus.SENT, blast_id=sending_blast(session), kind=DeliveryKind.BLAST)
    factories.delivery(session)
    assert len(claim(session, heard_since=NOON - DAY, hourly_cap=9)) == 1


def test_a_test_to_oneself_heeds_an_opt_out(session: Session) -> None:
    factories.delivery(session, kind=DeliveryKind.TEST)
    opt_out(session)
    assert claim(session) == []


def test_a_suppression_that_was_lifted_or_is_somebody_elses_skips_nobody(session: Session) -> None:
    factories.delivery(session)
    opt_out(session, 1)
    opt_out(session)
    suppression.lift(session, phone(0), by="member", now=NOON)
    assert len(claim(session)) == 1


def test_of_two_blasts_each_claims_its_own_and_a_paused_one_nothing(session: Session) -> None:
    mine, paused = sending_blast(session, 0), factories.blast(session, status=BlastStatus.PAUSED)
    factories.delivery(session, 1, blast_id=paused.id)
    assert claim(session, paused.id) == []
    assert [each.address for each in claim(session, mine)] == [phone(0)]


@pytest.mark.parametrize(("canary", "count"), [(status, status is not CanaryStatus.TRYING) for status in CanaryStatus])
def test_all_but_the_first_few_wait_only_while_these_are_tried(
    session: Session, canary: CanaryStatus, count: int
) -> None:
    assert len(claim(session, sending_blast(session, 0, canary=canary))) == count


def test_senders_are_found_once_each_by_name_whatever_comes_before_them(session: Session) -> None:
    names = ["MG3", "MG1", "MG2"]
    for number, name in enumerate(["MG0", *names, *names]):
        at = NOON + SECOND * (name == "MG0")
        factories.delivery(session, number, sender=name, not_before=at)
    factories.delivery(session, 9, sender="MG4", status=DeliveryStatus.ACCEPTED)
    factories.delivery(session, 9, sender="MG5", closes_at=NOON)
    assert sending.due_senders(session, now=NOON) == sorted(names)
    assert not sending.has_urgent(session, "MG0", now=NOON)
    assert sending.has_urgent(session, "MG0", now=NOON + SECOND)


def test_what_runs_is_told_from_the_first_that_started_after_what_is_urgent(session: Session) -> None:
    later = factories.blast(session, status=BlastStatus.SENDING, started_at=NOON).id
    first = factories.blast(session, status=BlastStatus.SENDING, started_at=NOON - DAY).id
    factories.blast(session, status=BlastStatus.PAUSED, started_at=NOON)
    assert sending.lanes(session) == [None, first, later]


def test_what_has_moved_on_is_not_given_back(session: Session) -> None:
    for number in range(3):
        factories.delivery(session, number)
    claims = claim(session)
    moved = col(Delivery.id) == claims[0].id
    session.execute(sa.update(Delivery).where(moved).values(status=DeliveryStatus.ACCEPTED))
    assert sending.release(session, claims[:2]) == [NOON]
    kept = [only(session, id=each.id) for each in claims]
    assert [row.status for row in kept] == [DeliveryStatus.ACCEPTED, DeliveryStatus.PENDING, DeliveryStatus.CLAIMED]
    assert [row.attempt for row in kept] == [1, 0, 1]


def test_what_was_claimed_anew_is_not_given_back_by_who_had_it_before(session: Session) -> None:
    factories.delivery(session)
    claims = claim(session)
    sending.release(session, claims)
    claim(session, now=NOON + SECOND)
    assert sending.release(session, claims) == []
    assert only(session).status is DeliveryStatus.CLAIMED


@pytest.mark.parametrize(
    ("values", "is_leaving"),
    [
        ({}, True),
        ({"claimed_at": NOON}, False),
        ({"address": phone(1)}, False),
        ({"kind": DeliveryKind.ANSWER}, False),
        ({"status": DeliveryStatus.PENDING}, False),
        ({"status": DeliveryStatus.ACCEPTED}, False),
    ],
    ids=str,
)
def test_only_what_was_claimed_since_may_be_leaving(
    session: Session, values: dict[str, Any], *, is_leaving: bool
) -> None:
    claimed: dict[str, Any] = {"status": DeliveryStatus.CLAIMED, "claimed_at": NOON + SECOND}
    factories.delivery(session, **(claimed | values))
    assert sending.is_leaving(session, phone(0), since=NOON) is is_leaving


def test_only_blasts_texts_that_wait_are_held_and_none_is_brought_forward(session: Session) -> None:
    blast_id, until = sending_blast(session, 0), NOON + DAY
    kept = [
        factories.delivery(session, 1, blast_id=blast_id, status=DeliveryStatus.ACCEPTED),
        factories.delivery(session, 2, blast_id=blast_id, channel=ChannelName.EMAIL),
        factories.delivery(session, 3, blast_id=blast_id, not_before=until + SECOND),
        factories.delivery(session, 4),
    ]
    before = [row.not_before for row in kept]
    assert caps.hold(session, until=until) == 1
    assert caps.hold(session, until=until) == 0
    session.expire_all()
    assert [row.not_before for row in kept] == before


def test_only_days_that_are_over_are_forgotten_and_a_senders_count_is_its_own(session: Session) -> None:
    for sender in (SENDER, OTHER_SENDER):
        for resets_at in (NOON, NOON + DAY):
            caps.allowance(session, sender, cap=5, resets_at=resets_at)
    caps.spend(session, SENDER, count=2, resets_at=NOON + DAY)
    caps.forget(session, before=NOON + DAY)
    assert caps.allowance(session, SENDER, cap=5, resets_at=NOON + DAY) == 3
    assert caps.allowance(session, OTHER_SENDER, cap=5, resets_at=NOON + DAY) == 5


@pytest.mark.parametrize("cause", [SuppressionCause.HARD_FAILURE, SuppressionCause.MANUAL])
def test_of_two_reasons_that_hold_the_opt_out_is_told(session: Session, cause: SuppressionCause) -> None:
    pool = factories.audience(session)
    blast = factories.blast(session, [pool], status=BlastStatus.SENDING)
    factories.delivery(session, blast_id=blast.id)
    suppression.suppress(session, phone(0), cause=cause, source="test", now=NOON)
    suppression.leave(session, phone(0), audience_id=pool.id, source="inbound", now=NOON)
    assert claim(session, blast.id) == []
    assert only(session).skip_reason is SkipReason.OPTED_OUT
