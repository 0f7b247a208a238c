"""Receipts are kept once, move deliveries forward only, and have their consequences in the same transaction."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col

from core import db
from core.domain.channel import Accepted
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.domain.receipts import Incoming
from core.models import (
    AuditEntry,
    Blast,
    Delivery,
    DeliveryKind,
    OutboxEvent,
    Receipt,
    Suppression,
    SuppressionCause,
)
from core.usecases import receipts, recording, suppression
from core.usecases.recording import Result
from core.usecases.sending import Claimed
from tests import factories
from tests.factories import NOON

SID = "SM" + "1" * 32
SENDING: dict[str, Any] = {"status": BlastStatus.SENDING, "started_at": NOON}
CLAIMED: dict[str, Any] = {"status": DeliveryStatus.CLAIMED, "attempt": 1, "claimed_at": NOON}


def sid(number: int) -> str:
    return f"SM{number:032d}"


def reread(session: Session, delivery: Delivery) -> Delivery:
    session.refresh(delivery)
    return delivery


def status(session: Session, blast: Blast) -> BlastStatus:
    session.refresh(blast)
    return blast.status


def report(session: Session, delivery: Delivery, *statuses: str, code: int = 0, day: int = 0) -> Delivery:
    told = [Incoming(sid(delivery.id or 0), status, code, delivery.id, 1) for status in statuses]
    receipts.apply(session, told, now=NOON + timedelta(days=day))
    return reread(session, delivery)


def test_a_receipt_that_comes_before_our_own_record_settles_the_delivery(session: Session) -> None:
    delivery = report(session, factories.delivery(session, **CLAIMED), "sent")
    claim = Claimed(delivery.id or 0, 1, DeliveryKind.REPLY, delivery.address, "Hello", 1, None)
    recording.record(session, [Result(claim, Accepted(sid(delivery.id or 0)), NOON)], max_attempts=8, now=NOON)
    assert reread(session, delivery).status is DeliveryStatus.SENT
    assert delivery.provider_sid == sid(delivery.id or 0)
    assert delivery.accepted_at == NOON


def test_a_receipt_without_our_id_finds_its_delivery_by_the_providers(session: Session) -> None:
    delivery = factories.delivery(session, status=DeliveryStatus.ACCEPTED, attempt=1, provider_sid=SID)
    receipts.apply(session, [Incoming(SID, "delivered")], now=NOON)
    assert reread(session, delivery).status is DeliveryStatus.DELIVERED
    assert delivery.ended_at == NOON


def test_a_receipt_whose_message_is_learned_later_is_applied_then(session: Session) -> None:
    receipts.apply(session, [Incoming(SID, "delivered")], now=NOON)
    delivery = factories.delivery(session, status=DeliveryStatus.ACCEPTED, attempt=1, provider_sid=SID)
    assert receipts.apply_late(session, now=NOON) == 1
    assert reread(session, delivery).status is DeliveryStatus.DELIVERED
    assert receipts.apply_late(session, now=NOON) == 0


def test_the_ledger_keeps_each_report_once(session: Session) -> None:
    delivery = factories.delivery(session, **CLAIMED)
    told = [Incoming(SID, "sent", 0, delivery.id), Incoming(SID, "sent", 0, delivery.id), Incoming(SID, "delivered")]
    assert receipts.apply(session, told, now=NOON) == 2
    assert receipts.apply(session, told, now=NOON) == 0
    kept = session.execute(sa.select(col(Receipt.status), col(Receipt.delivery_id)).order_by(col(Receipt.status))).all()
    assert [tuple(row) for row in kept] == [("delivered", delivery.id), ("sent", delivery.id)]


def test_unknown_statuses_and_codes_are_kept_and_harmless(session: Session) -> None:
    delivery = factories.delivery(session, **CLAIMED)
    told = [Incoming(SID, "teleported", 0, delivery.id), Incoming(SID, "undelivered", 4242, delivery.id)]
    assert receipts.apply(session, told, now=NOON) == 2
    assert reread(session, delivery).status is DeliveryStatus.UNDELIVERED
    assert suppression.active(session, delivery.address) is None


def test_a_receipt_of_nothing_that_we_know_is_kept(session: Session) -> None:
    assert receipts.apply(session, [Incoming(SID, "sent", 0, 4242, 1)], now=NOON) == 1


def test_a_message_of_an_earlier_attempt_settles_the_one_that_waits_for_another(session: Session) -> None:
    delivery = factories.delivery(session, status=DeliveryStatus.PENDING, attempt=1, claimed_at=NOON)
    assert report(session, delivery, "sent").status is DeliveryStatus.SENT


def test_a_delivery_that_was_never_claimed_is_left_alone(session: Session) -> None:
    assert report(session, factories.delivery(session), "delivered").status is DeliveryStatus.PENDING


def test_an_address_that_the_provider_calls_opted_out_is_unsubscribed(session: Session) -> None:
    delivery = report(session, factories.delivery(session, **CLAIMED), "failed", code=21610)
    found = suppression.active(session, delivery.address)
    assert found is not None
    assert (found.cause, found.error_code, found.delivery_id) == (SuppressionCause.OPT_OUT, 21610, delivery.id)


def test_a_landline_is_suppressed_at_once(session: Session) -> None:
    delivery = report(session, factories.delivery(session, **CLAIMED), "undelivered", code=30006)
    found = suppression.active(session, delivery.address)
    assert found is not None
    assert (found.cause, found.strikes) == (SuppressionCause.HARD_FAILURE, 1)


def test_an_unknown_number_has_two_strikes(session: Session) -> None:
    report(session, factories.delivery(session, 1, **CLAIMED), "undelivered", code=30005)
    assert suppression.active(session, factories.phone(1)) is None
    last = report(session, factories.delivery(session, 1, **CLAIMED), "undelivered", code=30005)
    found = suppression.active(session, factories.phone(1))
    assert found is not None
    assert (found.error_code, found.strikes, found.delivery_id) == (30005, 2, last.id)


def test_an_unreachable_phone_has_three_strikes_on_three_days(session: Session) -> None:
    for day in (0, 0, 0, 1):
        report(session, factories.delivery(session, 1, **CLAIMED), "undelivered", code=30003, day=day)
    assert suppression.active(session, factories.phone(1)) is None
    report(session, factories.delivery(session, 1, **CLAIMED), "undelivered", code=30003, day=2)
    found = suppression.active(session, factories.phone(1))
    assert found is not None
    assert found.strikes == 5


def test_a_delivered_message_wipes_strikes_out(session: Session) -> None:
    report(session, factories.delivery(session, 1, **CLAIMED), "undelivered", code=30005)
    report(session, factories.delivery(session, 1, **CLAIMED), "delivered", day=1)
    report(session, factories.delivery(session, 1, **CLAIMED), "undelivered", code=30005, day=2)
    assert suppression.active(session, factories.phone(1)) is None


def test_a_misconfigured_sender_pauses_the_blast(session: Session) -> None:
    blast = factories.blast(session, **SENDING)
    report(session, factories.delivery(session, blast_id=blast.id, **CLAIMED), "undelivered", code=30034)
    session.refresh(blast)
    assert blast.status is BlastStatus.PAUSED
    assert "30034" in blast.held_reason
    assert session.scalars(sa.select(col(AuditEntry.action)).where(col(AuditEntry.blast_id) == blast.id)).all() == [
        "blast.hold"
    ]
    assert "blast.changed" in session.scalars(sa.select(col(OutboxEvent.name))).all()


def test_ten_filtered_messages_pause_the_blast_and_suppress_nobody(session: Session) -> None:
    blast = factories.blast(session, **SENDING)
    copies = [factories.delivery(session, number, blast_id=blast.id, **CLAIMED) for number in range(10)]
    for copy in copies[:9]:
        report(session, copy, "undelivered", code=30007)
    assert status(session, blast) is BlastStatus.SENDING
    report(session, copies[9], "undelivered", code=30007)
    assert status(session, blast) is BlastStatus.PAUSED
    assert session.scalars(sa.select(col(Suppression.id))).all() == []


def test_after_somebody_resumed_one_more_filtered_message_pauses_nothing(session: Session) -> None:
    blast = factories.blast(session, **SENDING, resumed_at=NOON + timedelta(hours=1))
    copies = [factories.delivery(session, number, blast_id=blast.id, **CLAIMED) for number in range(20)]
    for copy in copies[:10]:
        report(session, copy, "undelivered", code=30007)
    assert status(session, blast) is BlastStatus.SENDING


def test_a_blast_that_is_over_is_not_paused(session: Session) -> None:
    blast = factories.blast(session, status=BlastStatus.FINISHED)
    report(session, factories.delivery(session, blast_id=blast.id, **CLAIMED), "undelivered", code=30034)
    session.refresh(blast)
    assert blast.status is BlastStatus.FINISHED


def flood(deliveries: list[int], seed: int) -> tuple[list[Incoming], dict[int, DeliveryStatus]]:
    """Return shuffled and repeated reports of every delivery, and where they must end."""
    chance = random.Random(seed)
    told: list[Incoming] = []
    ends = {}
    for number in deliveries:
        end, code = chance.choice([("delivered", 0), ("undelivered", 30003), ("failed", 30008)])
        ends[number] = DeliveryStatus(end)
        for status in ("queued", "sending", "sent", end):
            told += [Incoming(sid(number), status, code if status == end else 0, number, 1)] * chance.choice(
                (1, 1, 2, 3)
            )
    chance.shuffle(told)
    return told, ends


@pytest.mark.parametrize("seed", range(3))
def test_a_shuffled_and_repeated_flood_in_many_batches_at_once_ends_right(engine: sa.Engine, seed: int) -> None:
    with db.transaction(engine) as session:
        ids = [factories.delivery(session, number, **CLAIMED).id or 0 for number in range(150)]
    told, ends = flood(ids, seed)
    batches = [told[start : start + 40] for start in range(0, len(told), 40)]

    def write(batch: list[Incoming]) -> None:
        with db.transaction(engine) as session:
            receipts.apply(session, batch, now=NOON)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, batches))
    with db.reading(engine) as session:
        found = {row.id: row.status for row in session.execute(sa.select(col(Delivery.id), col(Delivery.status)))}
    assert found == ends


told_of = st.lists(
    st.tuples(
        st.sampled_from(["queued", "sent", "delivered", "undelivered", "failed", "read", "odd"]),
        st.sampled_from([0, 30003, 30008]),
        st.booleans(),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=told_of, chance=st.randoms(use_true_random=False))
def test_one_final_state_for_any_order_of_reports(
    engine: sa.Engine, told: list[tuple[str, int, bool]], chance: random.Random
) -> None:
    ends = set()
    for order in (told, told[::-1], chance.sample(told, len(told)) + told):
        with db.transaction(engine) as session:
            delivery = factories.delivery(session, **CLAIMED)
            key = delivery.id
            for status, code, has_our_id in order:
                # Without our id the provider's must be known, from a report that carried ours.
                first = Incoming(sid(key or 0), "accepted", 0, key, 1)
                receipts.apply(
                    session, [first, Incoming(sid(key or 0), status, code, key if has_our_id else None)], now=NOON
                )
            session.refresh(delivery)
            ends.add((delivery.status, delivery.rank, delivery.error_code))
    assert len(ends) == 1
