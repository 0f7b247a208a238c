"""A message by telephone is heard in its caller's thread, once; then Twilio keeps it no longer."""

import pytest

from core import db
from core.clock import utc_now
from core.domain.voice import Recording, Ring
from core.slack.gateway import SlackFailed
from core.usecases import erasure, voice
from sandbox.twilio import recordings as sounds
from tests import factories
from tests.replies import SHE, Replies, buttons, shown, waiting
from tests.sandbox.twilio_servers import Servers, TwilioRestException
from workers import recordings

MENU = '<Response><Record action="/done" recordingStatusCallback="/ready"/></Response>'


def call(twilio: Servers, *, seconds: int = 3, caller: str = SHE, url: str = "") -> str:
    """Have somebody call and leave a message; return its sid."""
    twilio.product.answers.append((200, "text/xml", MENU))
    placed = twilio.post("/ui/phones/call", **{"from": SHE})
    twilio.post(f"/ui/phones/call/{placed['sid']}/speak", seconds=seconds)
    form = twilio.product.posted[-1].form
    left = Recording(form["RecordingSid"], placed["sid"], url or form["RecordingUrl"], seconds)
    with db.transaction() as session:
        voice.ring(session, Ring(placed["sid"], caller, factories.SENDER), now=utc_now())
        voice.take(session, left, at=utc_now(), now=utc_now())
    return left.sid


def is_kept(twilio: Servers, sid: str) -> bool:
    try:
        twilio.client().recordings(sid).fetch()
    except TwilioRestException:
        return False
    return True


def test_a_message_stands_in_its_thread_with_its_length_and_can_be_heard(channel: Replies, twilio: Servers) -> None:
    sid = call(twilio)
    channel.tell()
    channel.tell()
    root, message = channel.messages()
    (file,) = message["files"]
    assert ") calls :telephone_receiver: They called and left a message of 3 s." in shown(root)
    assert "conversation.text_back" in buttons(root)
    assert (message["thread_ts"], file["name"]) == (root["ts"], "voice-message.wav")
    assert file["mimetype"] in ("audio/x-wav", "audio/wav")
    assert channel.stage.stand_in._slack.files.get(file["id"]).content == sounds.sound(3)
    assert is_kept(twilio, sid)
    channel.tell()
    assert not is_kept(twilio, sid)


def test_deleting_what_is_gone_is_done(channel: Replies, twilio: Servers) -> None:
    sid = call(twilio)
    for _ in range(2):
        recordings.TELLERS["recording.unwanted"](channel.gateway, {"recording_sid": sid})
    assert not is_kept(twilio, sid)


def test_a_message_follows_the_texts_of_its_caller_in_their_thread(channel: Replies, twilio: Servers) -> None:
    channel.text("Hello?")
    call(twilio, seconds=83)
    channel.tell()
    root, message = channel.messages()
    assert message["thread_ts"] == root["ts"]
    assert "left a message of 1:23 min" in shown(message)
    assert "called and left a message" in message["text"]


def test_a_message_that_slack_does_not_take_stays_at_twilio_and_a_sentence_says_where(
    channel: Replies, twilio: Servers
) -> None:
    sid = call(twilio)
    channel.stage.act("faults", scopes=["chat:write"])
    for _ in range(4):
        channel.tell()
    _, told = channel.messages()
    assert "files:write" in told["text"]
    assert f"Recordings/{sid}|The recording>" in told["text"]
    assert is_kept(twilio, sid)


def test_a_recording_elsewhere_is_never_fetched(channel: Replies, twilio: Servers) -> None:
    call(twilio, url="https://evil.example/2010-04-01/Accounts/AC1/Recordings/RE1")
    for _ in range(3):
        channel.tell()
    _, told = channel.messages()
    assert "its address isn't Twilio's" in told["text"]
    assert "evil.example" not in told["text"]
    assert channel.files() == []


def test_a_recording_that_is_not_ready_is_asked_for_again(channel: Replies, twilio: Servers) -> None:
    sid = call(twilio)
    recordings.TELLERS["recording.unwanted"](channel.gateway, {"recording_sid": sid})
    channel.tell()
    (payload,) = waiting("voice.received")
    with pytest.raises(SlackFailed, match="answered 404"):
        recordings.TELLERS["voice.received"](channel.gateway, payload)
    recordings.TELLERS["voice.received"](channel.gateway, payload | {"until": 0})
    channel.tell()
    assert "Twilio answered 404" in channel.messages()[-1]["text"]


def test_who_withheld_their_number_is_offered_no_answer(channel: Replies, twilio: Servers) -> None:
    call(twilio, caller="")
    channel.tell()
    (root,) = channel.messages()
    assert "(number withheld)" in shown(root)
    assert "withheld their number" in shown(root)
    assert buttons(root) == ["conversation.claim", "conversation.note", "conversation.close"]


def test_a_message_of_somebody_erased_is_not_put_into_slack(channel: Replies, twilio: Servers) -> None:
    sid = call(twilio)
    channel.tell()
    with db.transaction() as session:
        erasure.erase(session, SHE, now=utc_now())
    channel.tell()
    assert channel.files() == []
    assert not is_kept(twilio, sid)


def test_a_call_without_a_message_is_told_of_in_the_thread(channel: Replies) -> None:
    channel.text("Hello?")
    with db.transaction() as session:
        voice.end(session, Ring("CA1", SHE, factories.SENDER), now=utc_now())
    channel.tell()
    root, told = channel.messages()
    assert told["thread_ts"] == root["ts"]
    assert shown(told).strip() == "They called, and left no message."
    assert waiting("call.ended") == []
