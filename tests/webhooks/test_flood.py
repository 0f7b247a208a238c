"""Sixty thousand callbacks, shuffled and repeated, in batches as the door writes them: not one final state is wrong."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel, col

from core import db
from core.domain.lifecycles import DeliveryStatus
from core.domain.receipts import Incoming
from core.models import Delivery, DeliveryKind, Receipt
from core.usecases import receipts
from tests import databases
from tests.factories import NOON, SENDER

_DELIVERIES, _REPORTS_EACH, _REPEATED, _BATCH = 12_000, 4, 12_000, 500
# What a carrier says at last, in the order in which it counts: whichever comes first, the later in this row stands.
_ENDS = {"failed": 30008, "undelivered": 30003, "delivered": 0}
_FINAL = {
    "failed": DeliveryStatus.FAILED,
    "undelivered": DeliveryStatus.UNDELIVERED,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.DELIVERED,
    "sent": DeliveryStatus.SENT,
    "sending": DeliveryStatus.ACCEPTED,
    "queued": DeliveryStatus.ACCEPTED,
}
_Told = dict[int, list[str]]


def told_of_each(chance: random.Random) -> _Told:
    """Four reports of each delivery: most come to one end, some to two, some to none."""
    shapes = [
        *[["queued", "sending", "sent", end] for end in ("delivered", "undelivered", "failed")],
        ["queued", "sent", "failed", "delivered"],
        ["sent", "failed", "undelivered", "queued"],
        ["sent", "undelivered", "delivered", "sending"],
        ["queued", "sent", "delivered", "read"],
        ["queued", "sending", "sent", "teleported"],
        ["queued", "sending", "teleported", "vanished"],
    ]
    return {number: chance.choice(shapes) for number in range(1, _DELIVERIES + 1)}


def expected(statuses: Sequence[str]) -> tuple[DeliveryStatus, int]:
    """Return where a set of reports must end, whatever their order: the status, and the code of a failure."""
    final = next(name for name in ("read", *reversed(_ENDS), "sent", "sending", "queued") if name in statuses)
    return _FINAL[final], _ENDS.get(final, 0)


def shuffled(told: _Told, chance: random.Random) -> list[Incoming]:
    flood = [
        # Without our id, as a report that Twilio resends, or that polling has found.
        Incoming(f"SM{number:032d}", status, _ENDS.get(status, 0), chance.choice((number, None)), 1)
        for number, statuses in told.items()
        for status in statuses
    ]
    flood += chance.sample(flood, _REPEATED)
    assert len(flood) == 60_000
    chance.shuffle(flood)
    return flood


def claimed() -> Iterator[dict[str, Any]]:
    for number in range(1, _DELIVERIES + 1):
        yield {
            "id": number,
            "kind": DeliveryKind.REPLY,
            "body": "See you there.",
            "sender": SENDER,
            "address": f"+1{2_000_000_000 + number}",
            "status": DeliveryStatus.ACCEPTED,
            "attempt": 1,
            "provider_sid": f"SM{number:032d}",
            "created_at": NOON,
            "not_before": NOON,
            "accepted_at": NOON,
        }


@pytest.mark.slow
@databases.on_postgresql
def test_sixty_thousand_shuffled_and_repeated_callbacks_leave_no_wrong_final_state(database_url: str) -> None:
    chance = random.Random(60_000)
    told = told_of_each(chance)
    flood = shuffled(told, chance)
    engine = db.connect(database_url)
    with db.transaction(engine) as session:
        session.execute(sa.insert(SQLModel.metadata.tables[Delivery.__tablename__]), list(claimed()))
    for start in range(0, len(flood), _BATCH):
        with db.transaction(engine) as session:
            receipts.apply(session, flood[start : start + _BATCH], now=NOON)
    with db.reading(engine) as session:
        found = session.execute(sa.select(col(Delivery.id), col(Delivery.status), col(Delivery.error_code))).all()
        kept = session.scalar(sa.select(sa.func.count()).select_from(Receipt))
    engine.dispose()
    wrong = [row for row in found if (row.status, row.error_code) != expected(told[row.id])]
    assert (len(found), wrong) == (_DELIVERIES, [])
    assert kept == _DELIVERIES * _REPORTS_EACH
