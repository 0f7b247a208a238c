"""Staff answer members from the thread: one at a time, never somebody who opted out, and all of it is on record."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db
from core.clock import utc_now
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import (
    AuditEntry,
    Conversation,
    ConversationStatus,
    OutboxEvent,
    Role,
    Staff,
    Suppression,
    SuppressionCause,
)
from core.slack.views import thread
from core.usecases import erasure, inbox, staffing, suppression
from tests import databases, factories, replies
from tests.replies import APPROVER, ORGANIZER, SHE, Replies, buttons, elements, shown
from workers import listening


@pytest.fixture
def channel(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replies]:
    """The replies channel with the real bot behind its buttons, and one text in it."""
    with replies.answered(database_url, monkeypatch) as opened:
        yield opened


def whispers(channel: Replies, user: str) -> str:
    return " ".join(entry["text"] for entry in channel.stage.whispers_to(user))


def set_claimed(**ago: float) -> None:
    with db.transaction() as session:
        session.execute(sa.update(Conversation).values(claimed_at=utc_now() - timedelta(**ago)))


def test_claiming_shows_who_has_it_and_keeps_others_off(channel: Replies) -> None:
    channel.press(thread.CLAIM)
    (root,) = channel.messages()
    assert f"<@{ORGANIZER}> has it" in shown(root)
    assert thread.CLAIM not in buttons(root)
    channel.press(thread.TEXT_BACK, by=APPROVER)
    assert "Somebody else is answering" in whispers(channel, APPROVER)
    assert f"<@{ORGANIZER}> has it." in whispers(channel, APPROVER)
    assert not channel.stage.views_of(APPROVER)


def test_a_claim_ends_after_fifteen_idle_minutes(channel: Replies) -> None:
    channel.press(thread.CLAIM)
    set_claimed(minutes=14, seconds=50)
    channel.press(thread.CLOSE, by=ORGANIZER)
    channel.text("Hello?")
    channel.press(thread.CLAIM)
    set_claimed(minutes=15, seconds=1)
    channel.press(thread.TEXT_BACK, by=APPROVER)
    channel.submit({"reply": "Hi, this is the tenants' union."}, by=APPROVER)
    assert len(channel.replies()) == 1


def test_a_thread_shows_that_an_expired_claim_has_ended(channel: Replies) -> None:
    channel.press(thread.CLAIM)
    set_claimed(minutes=14, seconds=50)
    listening.end_idle_claims(utc_now())
    assert channel.conversation().claimed_by is not None
    set_claimed(minutes=15, seconds=1)
    listening.end_idle_claims(utc_now())
    channel.tell()
    root, *steps = channel.messages()
    assert thread.CLAIM in buttons(root)
    assert "Nobody has it" in shown(root)
    assert not steps, "the end of a claim is no news worth a message"
    assert (channel.conversation().claimed_by, channel.conversation().claimed_at) == (None, None)


def test_a_note_stays_with_staff(channel: Replies) -> None:
    channel.press(thread.NOTE)
    channel.submit({"note": "Called her <!channel>"})
    assert "Note, for staff only:" in shown(channel.messages()[1])
    assert "<!channel>" not in channel.messages()[1]["text"]
    assert channel.replies() == []


def test_a_closed_conversation_opens_again_with_the_next_text(channel: Replies) -> None:
    channel.press(thread.CLOSE)
    assert channel.conversation().status is ConversationStatus.CLOSED
    assert thread.CLOSE not in buttons(channel.messages()[0])
    channel.text("One more thing")
    assert channel.conversation().status is ConversationStatus.OPEN
    assert thread.CLOSE in buttons(channel.messages()[0])


@databases.on_sqlite
def test_a_button_that_is_out_of_date_says_so(channel: Replies) -> None:
    root = channel.messages()[0]
    channel.press(thread.CLOSE)
    with db.transaction() as session:
        session.execute(sa.update(Conversation).values(status=ConversationStatus.OPEN))
    channel.receive("hello")
    channel.tell()
    with db.transaction() as session:
        session.execute(sa.update(Conversation).values(status=ConversationStatus.CLOSED))
    channel.press(thread.CLOSE, message=root)
    assert "closed already" in whispers(channel, ORGANIZER)


def test_staff_opt_a_member_out(channel: Replies) -> None:
    channel.press(thread.OPT_OUT)
    with db.reading() as session:
        found = suppression.active(session, SHE)
        assert found is not None
        assert (found.source, found.staff_id is not None) == ("staff", True)
    assert thread.TEXT_BACK not in buttons(channel.messages()[0])


def suppress(cause: SuppressionCause) -> None:
    """Put her out of reach without a word from her."""
    with db.transaction() as session:
        suppression.suppress(session, SHE, cause=cause, source="receipt", now=utc_now())


@pytest.mark.parametrize("cause", SuppressionCause)
def test_an_approver_lets_somebody_be_texted_again(channel: Replies, cause: SuppressionCause) -> None:
    assert thread.LIFT not in buttons(channel.messages()[0])
    suppress(cause)
    channel.press(thread.CLOSE)
    (button,) = [each for each in elements(channel.messages()[0]) if each["action_id"] == thread.LIFT]
    assert button["confirm"]
    assert ("START" in button["confirm"]["text"]["text"]) is (cause is SuppressionCause.OPT_OUT)
    channel.press(thread.LIFT, by=APPROVER)
    root, told = channel.messages()[0], channel.messages()[-1]
    assert thread.TEXT_BACK in buttons(root)
    assert thread.LIFT not in buttons(root)
    assert f"<@{APPROVER}>: Texts to them are allowed again." in shown(told)
    assert ("until they text START" in shown(told)) is (cause is SuppressionCause.OPT_OUT)
    with db.reading() as session:
        assert suppression.active(session, SHE) is None
        approver = session.scalars(sa.select(col(Staff.id)).where(col(Staff.slack_user_id) == APPROVER)).one()
        (entry,) = session.scalars(sa.select(AuditEntry).where(col(AuditEntry.action) == "conversation.lift"))
    assert (entry.staff_id, entry.fields["cause"]) == (approver, cause.value)
    assert SHE not in str(entry.fields)


def test_who_is_blocked_at_the_provider_is_texted_back_only_after_their_own_start(channel: Replies) -> None:
    channel.receive("STOP")
    channel.press(thread.NOTE)
    channel.submit({"note": "They called and want texts again."})
    channel.press(thread.LIFT, by=APPROVER)
    root = channel.messages()[0]
    assert "blocks our texts until they text START" in shown(root)
    assert thread.TEXT_BACK not in buttons(root)
    channel.text("Can I have texts again?")
    assert thread.TEXT_BACK not in buttons(channel.messages()[-1])
    channel.text("START")
    root = channel.messages()[0]
    assert "the provider blocks" not in shown(root)
    assert thread.TEXT_BACK in buttons(root)


@pytest.mark.parametrize("action_id", [thread.TEXT_BACK, thread.CALL, thread.NOTE, thread.CLOSE])
def test_a_button_left_over_of_somebody_erased_says_so_at_once(channel: Replies, action_id: str) -> None:
    with db.transaction() as session:
        erasure.erase(session, SHE, now=utc_now())
    channel.press(action_id)
    assert "is gone" in whispers(channel, ORGANIZER)
    assert not channel.stage.views_of(ORGANIZER)


def test_an_organizer_lifts_nothing(channel: Replies) -> None:
    channel.press(thread.OPT_OUT)
    channel.press(thread.LIFT)
    assert "Only approvers" in whispers(channel, ORGANIZER)
    with db.reading() as session:
        assert suppression.active(session, SHE) is not None


def test_a_stop_that_came_after_the_thread_was_drawn_is_not_lifted(channel: Replies) -> None:
    suppress(SuppressionCause.HARD_FAILURE)
    channel.press(thread.CLOSE)
    channel.receive("STOP")
    channel.press(thread.LIFT, by=APPROVER)
    assert "nothing was lifted" in whispers(channel, APPROVER)
    with db.reading() as session:
        held = suppression.active(session, SHE)
    assert held is not None
    assert held.cause is SuppressionCause.OPT_OUT


def test_what_looks_like_an_opt_out_is_decided_and_not_lifted(channel: Replies) -> None:
    channel.text("please cancel")
    assert thread.LIFT not in buttons(channel.messages()[0])


def test_a_likely_opt_out_is_confirmed(channel: Replies) -> None:
    channel.text("please cancel")
    channel.press(thread.CONFIRM_OPT_OUT)
    with db.reading() as session:
        found = suppression.active(session, SHE)
        assert found is not None
        assert found.source == "staff"


def test_what_was_no_opt_out_is_lifted(channel: Replies) -> None:
    channel.text("please cancel")
    channel.press(thread.NOT_OPT_OUT)
    with db.reading() as session:
        assert suppression.active(session, SHE) is None
    assert thread.TEXT_BACK in buttons(channel.messages()[0])


def test_a_stop_that_came_meanwhile_is_not_lifted(channel: Replies) -> None:
    channel.text("please cancel")
    channel.receive("STOP")
    channel.press(thread.NOT_OPT_OUT)
    assert "nothing to undo" in whispers(channel, ORGANIZER)
    with db.reading() as session:
        assert suppression.active(session, SHE) is not None


@databases.on_sqlite
def test_a_stranger_and_a_guest_can_do_nothing(channel: Replies) -> None:
    for user in ("U0GUEST", "U0STRANGER"):
        root = channel.messages()[0]
        channel.stage.try_to("action", user=user, action_id=thread.CLAIM, channel=replies.CHANNEL, ts=root["ts"])
    assert channel.conversation().claimed_by is None


@databases.on_sqlite
def test_every_step_is_on_record(channel: Replies) -> None:
    channel.press(thread.CLAIM)
    channel.press(thread.OPT_OUT)
    with db.reading() as session:
        steps = session.scalars(
            sa.select(col(AuditEntry.action)).where(col(AuditEntry.action).startswith("conversation."))
        ).all()
    assert steps == ["conversation.claim", "conversation.opt_out"]


def test_another_blast_can_be_chosen_in_the_thread(channel: Replies) -> None:
    with db.transaction() as session:
        for hours, name in ((3, "Rally"), (1, "Rent")):
            blast = factories.blast(session, name=name, status=BlastStatus.SENDING)
            values: dict[str, Any] = {
                "status": DeliveryStatus.DELIVERED,
                "claimed_at": utc_now() - timedelta(hours=hours),
            }
            factories.delivery(session, blast_id=blast.id, address=SHE, **values)
    channel.text("Hello?")
    root = channel.messages()[0]
    assert "answers *Rent*" in shown(root)
    menu = next(b for b in root["blocks"] if b.get("block_id") == thread.CHOOSE_BLAST)["accessory"]
    assert [each["text"]["text"] for each in menu["options"]] == ["Rent", "Rally"]
    where = {"action_id": thread.CHOOSE_BLAST, "channel": "C0REPLIES", "ts": root["ts"]}
    channel.stage.act("action", user=ORGANIZER, selected_option=menu["options"][1], **where)
    channel.tell()
    assert "answers *Rally*" in shown(channel.messages()[0])


def test_staff_are_reminded_in_the_channel_too(channel: Replies) -> None:
    with db.transaction() as session:
        assert inbox.nag(session, after=timedelta(0), now=utc_now()) == 1
    channel.tell()
    reminder = channel.messages()[-1]
    assert "has waited for an answer" in shown(reminder)
    assert reminder["thread_ts"] == channel.messages()[0]["ts"]
    assert SHE not in str(reminder)


def test_the_inbox_links_to_the_threads(channel: Replies) -> None:
    told = str(channel.stage.act("command", user=ORGANIZER, channel="C0GENERAL", command="/blast", text="inbox"))
    assert f"https://slack.com/archives/C0REPLIES/p{channel.messages()[0]['ts'].replace('.', '')}" in told
    assert "waits since" in told


def test_only_admins_ask_for_a_backfill(channel: Replies) -> None:
    with db.transaction() as session:
        staffing.add(session, "U0ADMIN", Role.ADMIN, now=utc_now())
    for user, is_done in ((ORGANIZER, False), ("U0ADMIN", True)):
        told = channel.stage.act("command", user=user, channel="C0GENERAL", command="/blast", text="backfill twilio 7")
        assert ("go through the history" in str(told)) is is_done
    with db.reading() as session:
        wanted = session.scalars(sa.select(OutboxEvent).where(col(OutboxEvent.name) == "backfill.requested")).all()
        assert [event.payload for event in wanted] == [{"slack_user_id": "U0ADMIN", "days": 7}]


def lift(channel: Replies, whose: str, *, by: str = APPROVER) -> str:
    command = {"user": by, "channel": "C0GENERAL", "command": "/blast", "text": f"lift {whose}"}
    return str(channel.stage.act("command", **command))


def test_approvers_lift_by_command_and_are_told_what_they_cannot_lift(channel: Replies) -> None:
    channel.text("STOP")
    assert "Only approvers" in lift(channel, SHE, by=ORGANIZER)
    assert "Say whose" in lift(channel, "")
    told = lift(channel, SHE)
    assert "can be messaged again. It has opted out, since" in told
    assert "They texted STOP, so the provider goes on blocking our texts until they text START" in told
    assert SHE not in told
    assert "nothing to lift" in lift(channel, SHE)
    channel.tell()
    assert f"<@{APPROVER}>: Texts to them are allowed again." in shown(channel.messages()[-1])
    assert SHE not in str(channel.messages())
    with db.reading() as session:
        entry = session.scalars(sa.select(AuditEntry).where(col(AuditEntry.action) == "suppression.lift")).one()
        held = session.scalars(sa.select(Suppression)).one()
        by = session.scalars(sa.select(Staff).where(col(Staff.slack_user_id) == APPROVER)).one()
    assert (entry.staff_id, held.lifted_by) == (by.id, str(by.id))
    assert entry.fields == {"suppressions": [str(held.id)], "others": 0}


@databases.on_sqlite
def test_a_lift_by_command_brings_back_what_was_left_by_name_only_when_asked_again(channel: Replies) -> None:
    with db.transaction() as session:
        audience = factories.audience(session, "Tenants")
        suppression.leave(session, SHE, audience_id=audience.id, now=utc_now())
        suppression.opt_out(session, SHE, source="staff", now=utc_now())
    assert "They left Tenants by name" in lift(channel, SHE)
    assert "can be messaged again about Tenants" in lift(channel, SHE)
    assert "nothing to lift" in lift(channel, SHE)


@databases.on_sqlite
def test_the_help_lists_lifting(channel: Replies) -> None:
    command = {"user": ORGANIZER, "channel": "C0GENERAL", "command": "/blast", "text": "help"}
    assert "`/blast lift PHONE`" in str(channel.stage.act("command", **command))
