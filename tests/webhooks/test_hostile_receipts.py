"""Genuine callbacks that say what nobody expected: each is kept, none breaks the door or moves what it isn't about."""

from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # ships no annotations

from core import db
from core.domain.lifecycles import DeliveryStatus
from core.models import Delivery, Receipt, Suppression, WebhookEvent
from tests import factories
from tests.factories import NOON
from tests.webhooks.conftest import ACCOUNT, PUBLIC_URL, TOKEN, Door

SID, OTHER = "SM" + "1" * 32, "SM" + "2" * 32
_MOST_INT, _MOST_BIG = 2**31 - 1, 2**63 - 1


@pytest.fixture
def delivery(engine: sa.Engine) -> int:
    """A delivery whose message is SID."""
    with db.transaction(engine) as session:
        made = factories.delivery(
            session, status=DeliveryStatus.ACCEPTED, attempt=1, accepted_at=NOON, provider_sid=SID
        )
        return made.id or 0


def post(door: Door, query: str, pairs: list[tuple[str, str]]) -> int:
    """Post a form with these fields, some perhaps more than once."""
    path, form = f"/twilio/status{query}", [("AccountSid", ACCOUNT), *pairs]
    params: dict[str, list[str]] = {}
    for name, value in form:
        params.setdefault(name, []).append(value)
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC_URL + path, Listed(params))
    return door.request("POST", path, urlencode(form).encode(), door.headers | {"X-Twilio-Signature": signature}).status


class Listed(dict[str, list[str]]):
    """A form as the SDK reads one whose names repeat."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def standing(engine: sa.Engine) -> tuple[DeliveryStatus, str | None, int]:
    with db.reading(engine) as session:
        found = session.execute(sa.select(col(Delivery.status), col(Delivery.provider_sid), col(Delivery.error_code)))
        status, sid, code = found.one()
        return status, sid, code


def kept(engine: sa.Engine) -> list[tuple[str, str, int, int | None]]:
    with db.reading(engine) as session:
        columns = (col(Receipt.provider_sid), col(Receipt.status), col(Receipt.error_code), col(Receipt.delivery_id))
        return [tuple(row) for row in session.execute(sa.select(*columns))]


@pytest.mark.parametrize("status", ["teleported", "DELIVERED ", "x" * 300, "ünïcode 🙂", "sent\0", "null", "{}"])
def test_a_status_that_nobody_knows_moves_nothing_further_than_it_says(
    door: Door, engine: sa.Engine, delivery: int, status: str
) -> None:
    assert post(door, f"?delivery={delivery}&attempt=1", [("MessageSid", SID), ("MessageStatus", status)]) == 204
    ((_, told, _, owner),) = kept(engine)
    assert (len(told) <= 32, owner) == (True, delivery)
    assert standing(engine)[0] in (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED, DeliveryStatus.SENT)


@pytest.mark.parametrize(
    ("code", "read"),
    [
        ("30003", 30003),
        (str(_MOST_INT), _MOST_INT),
        (str(_MOST_INT + 1), 0),
        (str(_MOST_BIG + 1), 0),
        ("9" * 5_000, 0),
        ("-21610", 0),
        ("21610.0", 0),
        ("٢١٦١٠", 0),
        ("none", 0),
        ("", 0),
    ],
)
def test_an_error_code_is_a_number_that_fits_or_none(
    door: Door, engine: sa.Engine, delivery: int, code: str, read: int
) -> None:
    form = [("MessageSid", SID), ("MessageStatus", "undelivered"), ("ErrorCode", code)]
    assert post(door, f"?delivery={delivery}&attempt=1", form) == 204
    assert standing(engine) == (DeliveryStatus.UNDELIVERED, SID, read)
    with db.reading(engine) as session:
        assert session.scalars(sa.select(Suppression)).all() == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?delivery=&attempt=",
        "?delivery=0&attempt=1",
        "?delivery=-1&attempt=-1",
        f"?delivery={_MOST_BIG}&attempt=32767",
        f"?delivery={_MOST_BIG + 1}&attempt=32768",
        "?delivery=" + "9" * 200,
        "?delivery=1%00&attempt=1",
        "?delivery=%ff&x=%ed%a0%80",
        "?delivery=1&delivery=2&attempt=1&attempt=2",
        "?delivery=1e3&attempt=0x1",
    ],
)
def test_an_address_that_names_no_delivery_or_another_is_kept_and_moves_nothing(
    door: Door, engine: sa.Engine, delivery: int, query: str
) -> None:
    assert post(door, query, [("MessageSid", OTHER), ("MessageStatus", "failed"), ("ErrorCode", "21610")]) == 204
    assert standing(engine) == (DeliveryStatus.ACCEPTED, SID, 0)
    assert kept(engine) == [(OTHER, "failed", 21610, None)]


def test_a_field_that_is_said_twice_counts_as_it_was_said_last(door: Door, engine: sa.Engine, delivery: int) -> None:
    form = [("MessageSid", SID), ("MessageStatus", "sent"), ("MessageStatus", "delivered")]
    assert post(door, f"?delivery={delivery}", form) == 204
    assert [status for _, status, _, _ in kept(engine)] == ["delivered"]


@pytest.mark.parametrize("sid", ["S" * 65, "S" * 5_000, "SM\0'--", "🙂", "../x"])
def test_a_message_that_can_not_be_named_is_put_aside_for_a_person(
    door: Door, engine: sa.Engine, delivery: int, sid: str
) -> None:
    query = f"?delivery={delivery}&attempt=1"
    assert post(door, query, [("MessageSid", sid), ("MessageStatus", "delivered")]) == 400
    assert standing(engine) == (DeliveryStatus.ACCEPTED, SID, 0)
    with db.reading(engine) as session:
        (event,) = session.scalars(sa.select(WebhookEvent))
        assert (event.due_at, event.fields["MessageStatus"]) == (None, "delivered")


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.integers().map(str) | st.just("\0")
names = st.sampled_from(
    ["MessageSid", "SmsSid", "MessageStatus", "SmsStatus", "ErrorCode", "ErrorMessage", "RawDlrDoneDate", "Body"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(names, words), max_size=8), number=words, attempt=words)
def test_whatever_is_posted_the_door_stands_and_keeps_it(
    door: Door, engine: sa.Engine, pairs: list[tuple[str, str]], number: str, attempt: str
) -> None:
    with db.transaction(engine) as session:
        for table in (Receipt, WebhookEvent):
            session.execute(sa.delete(table))
    answer = post(door, "?" + urlencode({"delivery": number, "attempt": attempt}), pairs)
    with db.reading(engine) as session:
        counts = [session.scalar(sa.select(sa.func.count()).select_from(each)) for each in (Receipt, WebhookEvent)]
    assert (answer, counts) in ((204, [1, 0]), (400, [0, 1]))
