"""From /blast to approved, over HTTP and through Slack's stand-in."""

import json
import time
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db, outbox
from core.clock import utc_now
from core.domain.events import BlastFinished
from core.domain.lifecycles import BlastStatus
from core.models import AuditEntry, Blast, Delivery, DeliveryKind
from tests import factories
from tests.bot import stage as stages
from tests.bot.stage import ADMIN, APPROVALS, APPROVER, APPROVER2, GUEST, ORGANIZER, Stage, populate, tell


def blast() -> Blast:
    with db.reading() as session:
        return session.scalars(sa.select(Blast)).one()


def test_a_blast_is_composed_reviewed_and_approved_by_another(stage: Stage) -> None:
    populate()
    assert stage.command("") in ("", None)
    stage.fill("name", "Rent meeting")
    stage.fill("audiences", [str(stages.audience_id())])
    stage.fill("body", "Meeting at 6 — bring “keys”")
    meter = str(stage.view()["blocks"])
    assert "em dash" in meter
    assert "*3* recipients" in meter
    assert stage.submit()["errors"] == {}
    assert not stage.is_open()
    tell()
    card = stage.card()
    assert card["text"] == "Rent meeting: waiting for approval"
    assert "blast.approve" in stage.buttons()
    stage.press("blast.approve", user=ORGANIZER)
    assert stage.whispers(ORGANIZER)
    assert blast().status is BlastStatus.IN_REVIEW
    stage.press("blast.approve", user=APPROVER)
    assert blast().status is BlastStatus.APPROVED
    tell()
    assert stage.card()["ts"] == card["ts"]
    assert stage.buttons() == ["blast.undo", "blast.cancel"]
    assert f"<@{APPROVER}>" in str(stage.card()["blocks"])


@pytest.mark.parametrize("user", [GUEST, "U0STRANGER", "U0DELETED", "U0BOT"])
def test_outsiders_can_do_nothing_even_with_a_role(stage: Stage, user: str) -> None:
    populate(roles={ORGANIZER: "organizer", user: "admin"})
    stage.compose()
    stage.press("blast.approve", user=user)
    assert blast().status is BlastStatus.IN_REVIEW


def test_somebody_without_a_role_is_told_how_to_get_one(stage: Stage) -> None:
    populate(roles={ADMIN: "admin"})
    assert "blast staff add U0ORGANIZER" in stage.command("list")["text"]


def test_nothing_is_done_in_a_channel_shared_with_others(stage: Stage) -> None:
    populate()
    assert "shared" in stage.command("", channel="C0SHARED")["text"]
    assert not stage.is_open()


def test_changes_are_requested_made_and_reviewed_again(stage: Stage) -> None:
    populate()
    stage.compose()
    stage.press("blast.request_changes", user=APPROVER)
    assert stage.submit(user=APPROVER, note="Say <where>.")["errors"] == {}
    tell()
    assert blast().status is BlastStatus.DRAFT
    assert "Say &lt;where&gt;." in stage.direct(ORGANIZER)[0]
    assert stage.buttons() == ["blast.submit", "blast.edit", "blast.test", "blast.cancel"]
    stage.press("blast.edit", user=ORGANIZER)
    assert stage.submit(body="Meeting at 6 in the hall.")["errors"] == {}
    tell()
    assert blast().status is BlastStatus.IN_REVIEW
    assert "Meeting at 6 in the hall." in str(stage.card()["blocks"])
    assert "to review again" in stage.messages()[-1]["text"]


def test_an_edit_voids_what_was_approved_so_far(stage: Stage) -> None:
    populate(contacts=51)
    stage.compose()
    stale = stage.card()["ts"]
    stage.press("blast.approve", user=APPROVER)
    tell()
    assert "1 of 2" in str(stage.card()["blocks"])
    stage.press("blast.edit", user=ORGANIZER)
    assert stage.submit(body="Another text.")["errors"] == {}
    stage.press("blast.approve", user=APPROVER2, ts=stale)
    assert "changed since you saw it" in stage.whispers(APPROVER2)[0]
    tell()
    stage.press("blast.approve", user=APPROVER2)
    assert blast().status is BlastStatus.IN_REVIEW
    stage.press("blast.approve", user=APPROVER)
    assert blast().status is BlastStatus.APPROVED


def test_every_fault_is_told_beside_its_field(stage: Stage) -> None:
    populate(first_name="", name="")
    stage.command("")
    stage.fill("when", "later")
    past = int((utc_now() - timedelta(hours=1)).timestamp())
    answer = stage.submit(
        name="Rent", audiences=[str(stages.audience_id())], body="Hi {first_name}, {rooom|x}", send_at=past
    )
    assert answer["response_action"] == "errors"
    assert answer["errors"].keys() == {"body", "send_at"}
    assert "{rooom}" in answer["errors"]["body"]
    stage.fill("body", "Hi {first_name}")
    assert "3 recipients have no value" in stage.submit()["errors"]["body"]
    assert "3 recipients have no value" in str(stage.view()["blocks"])


def test_a_form_that_is_submitted_again_makes_one_blast(stage: Stage) -> None:
    populate()
    stage.command('"Meeting at 6." to:tenants')
    payload = {
        "type": "view_submission",
        "team": {"id": "T0SANDBOX"},
        "user": {"id": ORGANIZER, "team_id": "T0SANDBOX"},
        "view": stage.view(),
    }
    body = urlencode({"payload": json.dumps(payload)}).encode()
    for earlier_s in (0, 1):
        at = int(time.time()) - earlier_s
        assert stage.post_signed(body, kind="application/x-www-form-urlencoded", at=at) == (200, "")
    assert blast().status is BlastStatus.IN_REVIEW


def test_the_fix_replaces_what_makes_the_text_dear(stage: Stage) -> None:
    populate()
    stage.command("")
    stage.fill("name", "Rent")
    stage.fill("audiences", [str(stages.audience_id())])
    stage.fill("body", "Bring “keys” 🙂")
    stage.act("action", user=ORGANIZER, view_id=stage.view()["id"], action_id="blast.fix")
    values = stage.view()["state"]["values"]
    assert values["body.fixed"]["body"]["value"] == 'Bring "keys"'
    assert values["name"]["name"]["value"] == "Rent"
    assert "UCS-2" not in str(stage.view()["blocks"])
    assert stage.submit()["errors"] == {}
    assert blast().body == 'Bring "keys"'


def test_typing_changes_the_meter_alone(stage: Stage) -> None:
    populate()
    stage.command('"Hello there" to:tenants')
    before = [block["block_id"] for block in stage.view()["blocks"]]
    stage.fill("body", "Hello there, everybody")
    after = [block["block_id"] for block in stage.view()["blocks"]]
    changed = {name for name in before if name not in after}
    assert changed
    assert all(name.startswith("meter.") for name in changed)


def test_the_short_form_opens_the_composer_filled_in(stage: Stage) -> None:
    populate()
    stage.command('"Hi {first_name|friend}" to:TENANTS at:"tomorrow 18:00"')
    values = stage.view()["state"]["values"]
    assert values["body"]["body"]["value"] == "Hi {first_name|friend}"
    assert values["audiences"]["audiences"]["selected_options"][0]["value"] == str(stages.audience_id())
    assert values["when"]["when"]["selected_option"]["value"] == "later"
    assert values["send_at"]["send_at"]["selected_date_time"] > utc_now().timestamp()


def test_more_audiences_than_a_menu_holds_are_looked_up(stage: Stage) -> None:
    populate()
    with db.transaction() as session:
        for number in range(100):
            factories.audience(session, f"building {number:03}")
    stage.command('"Hi" to:tenants')
    given = {"user": ORGANIZER, "view_id": stage.view()["id"], "block_id": "audiences", "action_id": "audiences"}
    found = stage.act("options", **given, query="BUILDING 07")
    assert len(found["options"]) == 10
    assert stage.submit(name="Rent")["errors"] == {}


def test_a_test_goes_to_whoever_asks_and_the_number_is_kept_nowhere_else(stage: Stage) -> None:
    populate(first_name="Ann")
    stage.compose(body="Hi {first_name}")
    stage.press("blast.test", user=APPROVER)
    assert "area code" in stage.submit(user=APPROVER, phone="555 0150")["errors"]["phone"]
    assert stage.submit(user=APPROVER, phone="(212) 555-0150")["errors"] == {}
    assert "on its way" in str(stage.view(APPROVER)["blocks"])
    with db.reading() as session:
        sent = session.scalars(sa.select(Delivery)).one()
        notes = session.scalars(sa.select(AuditEntry).where(col(AuditEntry.action) == "blast.test")).one()
    assert (sent.kind, sent.address, sent.body) == (DeliveryKind.TEST, "+12125550150", "Hi Ann")
    assert "0150" not in str(notes.fields)


def test_a_paused_blast_goes_on_or_is_cancelled_by_command(stage: Stage) -> None:
    populate()
    with db.transaction() as session:
        factories.blast(session, name="Rent", status=BlastStatus.SENDING)
    assert "paused" in stage.command("pause rent")["text"]
    assert blast().status is BlastStatus.PAUSED
    assert "goes on" in stage.command("resume “Rent”")["text"]
    assert "cancelled" in stage.command(f"stop {blast().id.hex[:8]}")["text"]
    assert blast().status is BlastStatus.CANCELLED


def test_the_finished_card_and_its_thread_hold_the_report(stage: Stage) -> None:
    populate()
    stage.compose()
    with db.transaction() as session:
        found = session.scalars(sa.select(Blast)).one()
        found.status, found.starts_at = BlastStatus.FINISHED, utc_now()
        found.started_at, found.finished_at = utc_now() - timedelta(seconds=90), utc_now()
        for number, status in enumerate(("delivered", "delivered", "undelivered")):
            code = 30003 if status == "undelivered" else 0
            factories.delivery(session, number, blast_id=found.id, status=status, error_code=code)
        outbox.record(session, BlastFinished(found.id), now=utc_now())
    tell()
    report = stage.messages(APPROVALS)[-1]
    assert report["thread_ts"] == stage.card()["ts"]
    assert "66.7 %" in report["text"]
    assert "(30003)" in str(stage.card()["blocks"])
    assert stage.buttons() == []
    assert "is finished" in stage.direct(ORGANIZER)[-1]


def test_the_home_tab_shows_what_is_going_on_and_opens_the_composer(stage: Stage) -> None:
    populate()
    stage.compose()
    stage.act("home", user=ORGANIZER)
    stage.act("home", user=GUEST)
    tell()
    homes = stage.stand_in.snapshot()["homes"]
    assert "Rent meeting" in str(homes[ORGANIZER]["blocks"])
    assert "Guests" in str(homes[GUEST]["blocks"])
    assert "Rent meeting" not in str(homes[GUEST]["blocks"])
    stage.act("action", user=ORGANIZER, view_id=homes[ORGANIZER]["id"], action_id="blast.compose")
    assert stage.view()["callback_id"] == "blast.compose"
