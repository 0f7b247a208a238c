"""What is refused before anybody approves it, and what a blast would cost."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import Session

from core import settings
from core.domain.lifecycles import BlastStatus
from core.errors import IllegalMove, Invalid, NotAllowed, Stale
from core.models import Audience, ChannelName, Role
from core.usecases import composing, suppression
from core.usecases.composing import Content
from tests import factories
from tests.factories import NOON


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> Any:
    given = {"QUIET_HOURS": "", "SENDER_RATE": "2", "UNDO_SECONDS": "30", "PRICE_PER_SEGMENT": "0.01"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings.current.cache_clear()
    yield
    settings.current.cache_clear()


@pytest.fixture
def pool(session: Session) -> Audience:
    people: list[dict[str, Any]] = [
        {"name": "Ann Lee", "first_name": "Ann", "attributes": {"zip": "10001"}},
        {"name": "Łukasz Nowak", "first_name": "Łukasz", "attributes": {"zip": "10002", "unit": None}},
        {"name": "Bo", "attributes": {"zip": ""}},
        {"attributes": {}},
    ]
    contacts = [
        factories.contact(session, number, created_at=NOON + timedelta(seconds=number), **values)
        for number, values in enumerate(people)
    ]
    return factories.audience(session, "tenants", contacts)


def content(*audiences: Audience, body: str = "Meeting at 6.", **values: Any) -> Content:
    given = {"name": "Rent", "channel": ChannelName.SMS, "body": body}
    return Content(**(given | {"audience_ids": tuple(each.id for each in audiences)} | values))


def faults(session: Session, wanted: Content) -> dict[str, str]:
    return composing.check(session, wanted, now=NOON)[1]


def test_a_text_is_measured_as_each_recipient_gets_it(session: Session, pool: Audience) -> None:
    found = composing.preview(session, content(pool, body="Hi {first_name|friend}" + "!" * 90), now=NOON)
    assert (found.recipients, found.segments_total, found.unusual) == (4, 5, 1)
    assert (found.measure.encoding, found.measure.segments) == ("UCS-2", 2)
    assert (found.cost, found.currency) == (Decimal("0.05"), "USD")
    assert found.finish_at == NOON + timedelta(seconds=30 + 2.5)
    kinds = {sample.kind: sample.text[:12].rstrip("!") for sample in found.samples}
    assert kinds["dearest"] == "Hi Łukasz"
    assert len({sample.text for sample in found.samples}) == 3


def test_a_name_that_needs_unicode_costs_nothing_where_the_text_is_short(session: Session, pool: Audience) -> None:
    found = composing.preview(session, content(pool, body="Hi {first_name|friend}!"), now=NOON)
    assert (found.segments_total, found.unusual) == (4, 0)


def test_a_recipient_in_several_audiences_is_counted_once_and_who_is_left_out_not_at_all(
    session: Session, pool: Audience
) -> None:
    both = [factories.contact(session, 10), factories.contact(session, 11)]
    other = factories.audience(session, "board", both)
    twin = factories.audience(session, "twin", both)
    assert composing.preview(session, content(pool, other, twin), now=NOON).recipients == 6
    wanted = content(pool, other, excluded_ids=(twin.id,))
    assert composing.preview(session, wanted, now=NOON).recipients == 4


def test_who_is_suppressed_is_counted_apart(session: Session, pool: Audience) -> None:
    suppression.opt_out(session, factories.phone(0), source="inbound", now=NOON)
    found = composing.preview(session, content(pool), now=NOON)
    assert (found.recipients, dict(found.skipped)) == (3, {"opted_out": 1})


def test_quiet_hours_put_off_the_end(session: Session, pool: Audience, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIET_HOURS", "09:00-20:00")
    settings.current.cache_clear()
    # Noon in UTC is eight o'clock in New York.
    assert composing.preview(session, content(pool), now=NOON).finish_at == NOON + timedelta(hours=1)


def test_recipients_without_a_value_are_refused_with_their_number(session: Session, pool: Audience) -> None:
    found = faults(session, content(pool, body="{first_name} {zip}"))
    assert found["body"].startswith("2 recipients have no value for {first_name} (1), {zip} (2).")
    assert faults(session, content(pool, body="{first_name|friend} {zip|here}")) == {}


def test_a_token_that_nobody_has_is_refused_even_with_a_fallback(session: Session, pool: Audience) -> None:
    assert "{zipp}" in faults(session, content(pool, body="Hi {zipp|there}"))["body"]
    assert "{unit}" in faults(session, content(pool, body="Hi {unit|there}"))["body"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (" ", "empty"),
        ("Hi {first_name", "wrong near"),
        ("x" * 481, "481 characters, 1 more than the 480"),
        ("{first_name|friend}" + "x" * 475, "2 texts are longer than 480 characters (the longest has 481)"),
        ("a\0b", "broken character"),
    ],
)
def test_a_text_that_cannot_be_sent_is_refused(session: Session, pool: Audience, body: str, told: str) -> None:
    assert told in faults(session, content(pool, body=body))["body"]


def test_a_past_or_far_time_is_refused(session: Session, pool: Audience) -> None:
    assert "past" in faults(session, content(pool, send_at=NOON))["send_at"]
    assert "year" in faults(session, content(pool, send_at=NOON + timedelta(days=400)))["send_at"]
    assert faults(session, content(pool, send_at=NOON + timedelta(minutes=1))) == {}


def test_an_audience_with_nobody_to_reach_is_refused(session: Session) -> None:
    empty = factories.audience(session, "nobody")
    assert "Nobody" in faults(session, content(empty))["audiences"]
    assert "at least one" in faults(session, content())["audiences"]
    gone = factories.audience(session, "gone", [factories.contact(session, 0)])
    suppression.opt_out(session, factories.phone(0), source="inbound", now=NOON)
    assert "1 opted out" in faults(session, content(gone))["audiences"]
    assert "both" in faults(session, content(gone, excluded_ids=(gone.id,)))["audiences"]


def test_a_draft_needs_a_name_and_audiences_that_exist(session: Session, pool: Audience) -> None:
    author = factories.staff(session)
    for wanted, field in ((content(pool, name=" "), "name"), (content(pool, audience_ids=(uuid4(),)), "audiences")):
        with pytest.raises(Invalid) as refusal:
            composing.draft(session, wanted, by=author, now=NOON)
        assert refusal.value.field == field


def test_only_a_sound_draft_goes_to_review(session: Session, pool: Audience) -> None:
    author = factories.staff(session)
    blast = composing.draft(session, content(pool, body="Hi {first_name}"), by=author, now=NOON)
    with pytest.raises(Invalid) as refusal:
        composing.submit(session, blast.id, by=author, now=NOON)
    assert refusal.value.field == "body"
    assert blast.status is BlastStatus.DRAFT


def test_a_draft_is_changed_by_its_author_or_an_admin_who_saw_it_last(session: Session, pool: Audience) -> None:
    author, other = factories.staff(session), factories.staff(session, "U0OTHER", role=Role.APPROVER)
    blast = composing.draft(session, content(pool), by=author, now=NOON)
    changed = content(pool, body="Meeting at 7.")
    with pytest.raises(NotAllowed):
        composing.edit(session, blast.id, changed, by=other, seen_revision=1, now=NOON)
    composing.edit(session, blast.id, changed, by=author, seen_revision=1, now=NOON)
    assert (blast.body, blast.revision) == ("Meeting at 7.", 2)
    with pytest.raises(Stale):
        composing.edit(session, blast.id, content(pool), by=author, seen_revision=1, now=NOON)


def test_an_approved_blast_is_not_changed(session: Session, pool: Audience) -> None:
    author = factories.staff(session)
    blast = factories.blast(session, [pool])
    with pytest.raises(IllegalMove):
        composing.edit(session, blast.id, content(pool), by=author, seen_revision=1, now=NOON)


def test_the_hash_is_of_text_audiences_time_and_channel(session: Session, pool: Audience) -> None:
    other = factories.audience(session, "board")
    same = {composing.fingerprint(content(pool, other)), composing.fingerprint(content(other, pool, name="Else"))}
    different = {
        composing.fingerprint(wanted)
        for wanted in (
            content(pool),
            content(pool, body="Meeting at 6"),
            content(pool, excluded_ids=(other.id,)),
            content(pool, send_at=NOON),
            content(pool, channel=ChannelName.EMAIL),
        )
    }
    assert len(same) == 1
    assert len(different | same) == 6
