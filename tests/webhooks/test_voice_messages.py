"""What callers leave is part of their conversation, once, however often and in whatever order it is told."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db
from core.clock import utc_now
from core.models import (
    ChannelName,
    Conversation,
    Inbound,
    IncomingCall,
    OutboxEvent,
    Suppression,
    WebhookEvent,
)
from core.usecases import erasure, events
from tests import databases
from tests.webhooks.caller import (
    CALL,
    KEPT_AT,
    RECORDING,
    SHE,
    is_out_of_reach,
    names,
    rows,
    said,
    tell,
    told_of_recording,
)
from tests.webhooks.conftest import ACCOUNT, SENDER, Door


def test_messages_of_two_who_withhold_their_numbers_are_not_taken_for_one_persons(door: Door) -> None:
    for end in "12":
        call, recording = "CA" + end * 32, "RE" + end * 32
        tell(door, caller="anonymous", call=call)
        told_of_recording(door, CallSid=call, RecordingSid=recording)
    with db.reading(door.engine) as session:
        assert len({each.address for each in rows(session, Conversation)}) == 2


def test_a_message_becomes_part_of_the_callers_conversation_once(door: Door) -> None:
    door.text("Who is this?")
    tell(door)
    recorded = {"RecordingUrl": KEPT_AT, "RecordingDuration": "23", "Digits": "hangup"}
    assert "We have your message" in said(tell(door, "/recorded", **recorded))
    assert [told_of_recording(door).status for _ in range(2)] == [204, 204]
    with db.reading(door.engine) as session:
        (conversation,) = rows(session, Conversation)
        text, message = session.scalars(sa.select(Inbound).order_by(col(Inbound.id)))
        assert (text.conversation_id, message.conversation_id) == (conversation.id, conversation.id)
        assert (message.provider_sid, message.body) == (RECORDING, "")
        assert message.media == [{"url": KEPT_AT, "type": "audio/wav", "sid": RECORDING, "seconds": 23}]
        assert names(session) == ["message.received"] * 2


@pytest.mark.parametrize("order", [("/ended", ""), ("", "/ended"), ("",)])
@databases.on_sqlite
def test_a_message_is_taken_before_after_and_without_the_calls_end(door: Door, order: tuple[str, ...]) -> None:
    tell(door)
    for what in order:
        answer = tell(door, what, CallStatus="completed") if what else told_of_recording(door)
        assert answer.status == 204
    with db.reading(door.engine) as session:
        assert [each.provider_sid for each in rows(session, Inbound)] == [RECORDING]


def test_a_message_of_a_call_that_is_not_known_yet_is_kept_and_tried_again(
    door: Door, worker: Callable[[], None]
) -> None:
    assert told_of_recording(door).status == 204
    with db.reading(door.engine) as session:
        (event,) = rows(session, WebhookEvent)
        assert (event.channel, event.kind, event.key) == (ChannelName.VOICE, "recording", RECORDING)
        assert "isn't known yet" in event.error
        assert event.due_at is not None
    tell(door)
    with db.transaction(door.engine) as session:
        session.execute(sa.update(WebhookEvent).values(due_at=utc_now() - timedelta(seconds=1)))
    worker()
    with db.reading(door.engine) as session:
        assert len(rows(session, Inbound)) == 1
        assert rows(session, WebhookEvent)[0].done_at is not None


def test_a_message_of_somebody_who_was_erased_is_deleted_at_the_provider(door: Door) -> None:
    tell(door)
    with db.transaction(door.engine) as session:
        erasure.erase(session, SHE, now=utc_now())
    assert told_of_recording(door).status == 204
    with db.reading(door.engine) as session:
        assert rows(session, Inbound) == rows(session, Conversation) == []
        assert names(session) == ["recording.unwanted"]
        assert SHE not in str([(each.address, each.sid) for each in rows(session, IncomingCall)])


def test_who_presses_the_key_in_the_middle_of_a_message_is_heard_both_ways(door: Door) -> None:
    tell(door)
    answer = tell(door, "/recorded", Digits="9", RecordingUrl=KEPT_AT, RecordingDuration="12")
    assert "no more texts" in said(answer)
    assert is_out_of_reach(door)
    with db.reading(door.engine) as session:
        assert len(rows(session, Inbound)) == 1


def test_the_sound_of_the_key_itself_is_no_message(door: Door) -> None:
    tell(door)
    tell(door, "/recorded", Digits="9", RecordingUrl=KEPT_AT, RecordingDuration="2")
    with db.reading(door.engine) as session:
        assert rows(session, Inbound) == []
        assert names(session) == ["recording.unwanted"]


@pytest.mark.parametrize("changes", [{"RecordingStatus": "absent"}, {"RecordingUrl": ""}, {"RecordingDuration": "0"}])
@databases.on_sqlite
def test_a_recording_that_holds_nothing_is_no_message(door: Door, changes: dict[str, str]) -> None:
    tell(door)
    assert told_of_recording(door, **changes).status == 204
    with db.reading(door.engine) as session:
        assert rows(session, Inbound) == []


def test_who_hangs_up_is_told_of_in_their_thread_later_and_only_if_there_is_one(door: Door) -> None:
    tell(door, call="CA" + "2" * 32)
    tell(door, "/ended", call="CA" + "2" * 32)
    door.text("Who is this?")
    tell(door)
    for _ in range(2):
        tell(door, "/ended")
    with db.reading(door.engine) as session:
        message, ended = session.scalars(sa.select(OutboxEvent).order_by(col(OutboxEvent.id)))
        assert (message.name, ended.name) == ("message.received", "call.ended")
        assert ended.payload == {"call_sid": CALL}
        assert ended.due_at - ended.created_at == timedelta(minutes=2)


def test_nobody_is_told_of_a_call_that_stopped_texts(door: Door) -> None:
    door.text("Who is this?")
    tell(door, "/key", Digits="9")
    tell(door, "/ended")
    with db.reading(door.engine) as session:
        assert "call.ended" not in names(session)


def test_what_is_told_many_times_at_once_is_taken_once(door: Door) -> None:
    door.text("Who is this?")
    tell(door)
    recorded = {"RecordingUrl": KEPT_AT, "RecordingDuration": "23", "Digits": "9"}
    with ThreadPoolExecutor(8) as callers:
        posts = [
            *(callers.submit(told_of_recording, door) for _ in range(3)),
            *(callers.submit(tell, door, "/recorded", **recorded) for _ in range(3)),
            *(callers.submit(tell, door, "/ended") for _ in range(2)),
        ]
        assert {post.result(timeout=30).status for post in posts} <= {200, 204}
    with db.reading(door.engine) as session:
        assert [len(rows(session, table)) for table in (IncomingCall, Conversation, Suppression)] == [1, 1, 1]
        assert [each.provider_sid for each in rows(session, Inbound)][1:] == [RECORDING]
        assert names(session).count("conversation.changed") == 1
        assert names(session).count("message.received") == 2


@pytest.mark.parametrize("kind", ["ring", "opt_out", "recording", "ended"])
@databases.on_sqlite
def test_what_was_put_aside_as_it_was_posted_is_taken_in_once_it_can_be_read(
    door: Door, worker: Callable[[], None], kind: str
) -> None:
    tell(door, call="CA" + "2" * 32)
    posted = {"AccountSid": ACCOUNT, "CallSid": "CA" + "2" * 32, "From": SHE, "To": SENDER, "Digits": "9"}
    posted |= {"RecordingSid": RECORDING, "RecordingUrl": KEPT_AT, "RecordingDuration": "7"}
    with db.transaction(door.engine) as session:
        events.keep(session, ChannelName.VOICE, kind, "1", posted, error="x", is_hopeless=True, now=utc_now())
    worker()
    with db.transaction(door.engine) as session:
        (event,) = rows(session, WebhookEvent)
        assert event.done_at is None
        events.retry(session, event.id, now=utc_now() - timedelta(seconds=1))
    worker()
    with db.reading(door.engine) as session:
        (event,) = rows(session, WebhookEvent)
        (call,) = rows(session, IncomingCall)
        assert (event.done_at is not None, event.error) == (True, "")
        assert (call.opted_out_at is not None) == (kind == "opt_out")
        assert bool(call.recording_sid) == (kind == "recording")
        assert (call.ended_at is not None) == (kind == "ended")
