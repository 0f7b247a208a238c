"""What Twilio tells us over HTTP is committed before it is answered, and a STOP is in force by then."""

import sqlalchemy as sa
from sqlmodel import Session, col

from core import db
from core.domain.lifecycles import DeliveryStatus
from core.models import Conversation, Delivery, DeliveryKind, Inbound, OutboxEvent, Receipt, SuppressionCause
from core.usecases import suppression
from tests import factories
from tests.factories import NOON
from tests.webhooks.conftest import Door

SID = "SM" + "1" * 32
SHE = "+12125550123"


def claimed(engine: sa.Engine, number: int = 0) -> int:
    with db.transaction(engine) as session:
        made = factories.delivery(session, number, status=DeliveryStatus.CLAIMED, attempt=1, claimed_at=NOON)
        return made.id or 0


def count(session: Session, table: type) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def answers(session: Session) -> list[str]:
    found = session.scalars(sa.select(Delivery).where(col(Delivery.kind) == DeliveryKind.ANSWER))
    return [row.body or "" for row in found]


def test_a_receipt_is_answered_once_its_delivery_has_moved(door: Door) -> None:
    delivery_id = claimed(door.engine)
    assert door.status(SID, "delivered", delivery=delivery_id).status == 204
    with db.reading(door.engine) as session:
        delivery = session.get_one(Delivery, delivery_id)
        assert (delivery.status, delivery.provider_sid) == (DeliveryStatus.DELIVERED, SID)


def test_a_receipt_with_odd_numbers_is_kept(door: Door) -> None:
    params = {"ErrorCode": "99999999999999999999", "RawDlrDoneDate": "2606031200"}
    assert door.status(SID, "undelivered", delivery=10**25, **params).status == 204
    with db.reading(door.engine) as session:
        kept = session.scalars(sa.select(Receipt)).one()
        assert (kept.error_code, kept.delivery_id, kept.fields) == (0, None, {"RawDlrDoneDate": "2606031200"})


def test_stop_is_in_force_when_it_is_answered_and_we_say_nothing(door: Door) -> None:
    answer = door.text("Stop")
    assert (answer.status, answer.content_type.split(";")[0]) == (200, "text/xml")
    assert answer.text.endswith("<Response/>")
    with db.reading(door.engine) as session:
        found = suppression.active(session, SHE)
        assert found is not None
        assert found.cause is SuppressionCause.OPT_OUT
        assert answers(session) == []
        assert count(session, Conversation) == 0


def test_stop_in_other_words_is_confirmed_once_by_us(door: Door) -> None:
    door.text("STOP please", sid=SID)
    door.text("STOP please", sid="SM" + "2" * 32)
    with db.reading(door.engine) as session:
        assert suppression.active(session, SHE) is not None
        assert answers(session) == [
            "Tenants Together: you won't get any more texts from us. Reply START to get them again."
        ]


def test_start_lifts_a_stop(door: Door) -> None:
    door.text("STOP", sid=SID)
    door.text("START", sid="SM" + "2" * 32)
    with db.reading(door.engine) as session:
        assert suppression.active(session, SHE) is None


def test_help_that_the_provider_answered_is_not_answered_again(door: Door) -> None:
    door.text("HELP", sid=SID)
    door.text("ayuda", sid="SM" + "2" * 32, OptOutType="HELP")
    with db.reading(door.engine) as session:
        assert answers(session) == []


def test_help_in_another_language_is_answered_with_who_we_are_and_how_to_stop(door: Door) -> None:
    door.text("ayuda")
    with db.reading(door.engine) as session:
        (answer,) = answers(session)
        assert "Tenants Together" in answer
        assert "STOP" in answer


def test_a_stop_that_the_provider_recognised_counts_whatever_its_words(door: Door) -> None:
    door.text("basta ya", OptOutType="STOP")
    with db.reading(door.engine) as session:
        assert suppression.active(session, SHE) is not None


def test_a_stop_by_mms_counts(door: Door) -> None:
    media = {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/1", "MediaContentType0": "image/png"}
    door.text("STOP", sid="MM" + "1" * 32, **media)
    with db.reading(door.engine) as session:
        assert suppression.active(session, SHE) is not None
        assert session.scalars(sa.select(Inbound)).one().media == [
            {"url": "https://api.twilio.com/1", "type": "image/png"}
        ]


def test_other_words_open_a_conversation_and_staff_are_told(door: Door) -> None:
    door.text("Who is \0this? 🙂 مرحبا")
    with db.reading(door.engine) as session:
        inbound = session.scalars(sa.select(Inbound)).one()
        assert inbound.body == "Who is this? 🙂 مرحبا"
        assert inbound.conversation_id == session.scalars(sa.select(col(Conversation.id))).one()
        assert session.scalars(sa.select(col(OutboxEvent.name))).all() == ["message.received"]


def test_a_text_that_comes_again_is_taken_once(door: Door) -> None:
    assert [door.text("Who is this?").status for _ in range(3)] == [200, 200, 200]
    with db.reading(door.engine) as session:
        assert count(session, Inbound) == count(session, OutboxEvent) == 1


def test_an_empty_text_is_taken(door: Door) -> None:
    assert door.text("").status == 200


def test_metrics_count_what_came(door: Door) -> None:
    door.status(SID, "sent", delivery=claimed(door.engine))
    door.status(SID, "sent")
    door.text("STOP")
    found = door.request("GET", "/metrics").text
    assert "blast_receipts_received_total 2.0" in found
    assert "blast_receipts_applied_total 1.0" in found
    assert 'blast_inbound_total{kind="opt_out"} 1.0' in found
    assert 'blast_webhook_queue_depth{lane="receipts"} 0.0' in found
