"""Texting back: once, to whoever may be texted, by whoever still may, in answer to what they have read."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from slack_sdk.signature import SignatureVerifier
from sqlmodel import col

from core import db
from core.clock import utc_now
from core.domain.lifecycles import DeliveryStatus
from core.domain.receipts import Incoming
from core.models import (
    Delivery,
    Staff,
)
from core.slack.views import text_back, thread
from core.usecases import inbox, receipts, saved
from tests import databases, factories, replies
from tests.replies import ORGANIZER, SHE, Replies, shown
from tests.sandbox.slack_stage import request


@pytest.fixture
def channel(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replies]:
    """The replies channel with the real bot behind its buttons, and one text in it."""
    with replies.answered(database_url, monkeypatch) as opened:
        yield opened


def test_texting_back_queues_one_message_ahead_of_every_blast(channel: Replies) -> None:
    channel.press(thread.TEXT_BACK)
    channel.submit({"reply": "Hi <b>, this is the *tenants'* union & friends."})
    (delivery,) = channel.replies()
    assert (delivery.address, delivery.sender, delivery.priority) == (SHE, factories.SENDER, 0)
    assert delivery.body == "Hi <b>, this is the *tenants'* union & friends."
    root, told = channel.messages()
    assert told["thread_ts"] == root["ts"]
    assert f"<@{ORGANIZER}>: Texted back:" in shown(told)
    assert channel.conversation().answered_at is not None


@databases.on_sqlite
@pytest.mark.parametrize("text", ["", "   ", "x" * 481])
def test_a_text_that_cannot_be_sent_is_refused_in_the_modal(channel: Replies, text: str) -> None:
    channel.press(thread.TEXT_BACK)
    view = channel.stage.view_of(ORGANIZER)
    values = {"reply": {"reply": {"type": "plain_text_input", "value": text}}}
    status, answer = channel.stage.try_to("submit", user=ORGANIZER, view_id=view["id"], values=values)
    assert status != 200 or answer["errors"]
    assert channel.replies() == []


def test_who_opted_out_meanwhile_is_not_texted_back(channel: Replies) -> None:
    channel.press(thread.TEXT_BACK)
    channel.text("STOP")
    answer = channel.submit({"reply": "Hi"})
    assert "opted out" in str(answer["errors"])
    assert channel.replies() == []


def again(channel: Replies) -> None:
    """Have Slack post what it posted last once more, as when somebody presses again because we were too slow."""
    headers, body = channel.stage.bot.received[-1]
    at = str(int(headers["x-slack-request-timestamp"]) - 1)
    signer = SignatureVerifier("sandbox-signing-secret")
    signature = signer.generate_signature(timestamp=at, body=body)
    fresh = {"x-slack-request-timestamp": at, "x-slack-signature": str(signature)}
    kind = {"content_type": headers["content-type"]}
    assert request(channel.stage.bot.url, "POST", "/slack/events", body.decode(), **fresh, **kind)[0] == 200
    channel.tell()


def test_a_form_that_is_submitted_again_texts_nobody_twice(channel: Replies) -> None:
    channel.press(thread.TEXT_BACK)
    channel.submit({"reply": "Hi, this is the tenants' union."})
    again(channel)
    assert len(channel.replies()) == 1
    channel.press(thread.NOTE)
    channel.submit({"note": "Called her"})
    again(channel)
    assert ["Note, for staff only" in shown(each) for each in channel.messages()].count(True) == 1


def test_a_text_that_came_while_somebody_typed_still_waits(channel: Replies) -> None:
    channel.press(thread.TEXT_BACK)
    channel.text("I mean the meeting on Monday")
    channel.submit({"reply": "This is the tenants' union."})
    assert len(channel.replies()) == 1
    assert inbox.is_waiting(channel.conversation())
    assert "Texted back, before they saw the last text:" in shown(channel.messages()[-1])
    channel.press(thread.TEXT_BACK)
    channel.submit({"reply": "On Monday at 6."})
    assert not inbox.is_waiting(channel.conversation())


def test_who_lost_their_role_while_they_typed_sends_nothing(channel: Replies) -> None:
    channel.press(thread.TEXT_BACK)
    with db.transaction() as session:
        session.execute(sa.update(Staff).where(col(Staff.slack_user_id) == ORGANIZER).values(is_active=False))
    answer = channel.submit({"reply": "Hi"})
    assert answer["errors"]
    assert channel.replies() == []


def test_that_a_reply_did_not_arrive_is_told_in_its_thread(channel: Replies) -> None:
    channel.press(thread.TEXT_BACK)
    channel.submit({"reply": "Hi"})
    (delivery,) = channel.replies()
    with db.transaction() as session:
        left = {"status": DeliveryStatus.CLAIMED, "attempt": 1, "claimed_at": utc_now()}
        session.execute(sa.update(Delivery).where(col(Delivery.id) == delivery.id).values(**left))
        receipts.apply(session, [Incoming("SM1", "undelivered", 30003, delivery.id, 1)], now=utc_now())
    channel.tell()
    assert "did not arrive" in shown(channel.messages()[-1])


def test_a_saved_answer_begins_a_text_back_and_the_next_is_saved_with_it(channel: Replies) -> None:
    with db.transaction() as session:
        saved.put(session, "Who we are", "We are the tenants' union.", by=None, now=utc_now())
    channel.press(thread.TEXT_BACK)
    view = channel.stage.view_of(ORGANIZER)
    (option,) = next(b for b in view["blocks"] if b["block_id"] == text_back.SAVED)["elements"][0]["options"]
    where = {"view_id": view["id"], "block_id": text_back.SAVED, "action_id": text_back.SAVED}
    channel.stage.act("action", user=ORGANIZER, selected_option=option, **where)
    field = next(b for b in channel.stage.view_of(ORGANIZER)["blocks"] if b["block_id"] == "reply.1")
    assert field["element"]["initial_value"] == "We are the tenants' union."
    view_id = channel.stage.view_of(ORGANIZER)["id"]
    typed = {"save_as": {"save_as": {"type": "plain_text_input", "value": "About us"}}}
    channel.stage.act("submit", user=ORGANIZER, view_id=view_id, values=typed)
    assert [reply.body for reply in channel.replies()] == ["We are the tenants' union."]
    with db.reading() as session:
        assert [each.name for each in saved.listed(session)] == ["About us", "Who we are"]
