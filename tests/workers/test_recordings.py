"""A message by telephone is heard in its caller's thread, once; then Twilio keeps it no longer."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from core import db, settings
from core.clock import utc_now
from core.domain.voice import Recording, Ring
from core.models import OutboxEvent
from core.slack.gateway import SlackFailed
from core.usecases import erasure, voice
from sandbox.twilio import recordings as sounds
from tests import factories, replies
from tests.replies import SHE, Replies, buttons, shown
from tests.sandbox.twilio_servers import Rig, Servers, TwilioRestException
from workers import recordings

MENU = '<Response><Record action="/done" recordingStatusCallback="/ready"/></Response>'


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig.up() as rig:
        yield rig


@pytest.fixture
def twilio(rig: Rig) -> Iterator[Servers]:
    with rig.serve() as servers:
        yield servers


@pytest.fixture
def channel(database_url: str, monkeypatch: pytest.MonkeyPatch, twilio: Servers) -> Iterator[Replies]:
    """The replies channel, with Twilio's stand-in at hand, on either database."""
    with replies.opened(database_url, monkeypatch) as opened:
        monkeypatch.setenv("TWILIO_API_URL", f"{twilio.url}/twilio")
        monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", "sandbox-auth-token")
        settings.current.cache_clear()
        yield opened


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


def waiting(name: str) -> list[dict[str, Any]]:
    with db.reading() as session:
        is_it = (col(OutboxEvent.name) == name, col(OutboxEvent.done_at).is_(None))
        return [event.payload for event in session.scalars(sa.select(OutboxEvent).where(*is_it))]


def files(channel: Replies) -> list[dict[str, Any]]:
    return [file for message in channel.messages() for file in message.get("files") or []]


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
    assert files(channel) == []


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
    assert files(channel) == []
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
