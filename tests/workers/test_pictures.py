"""A member's picture comes to staff: into its thread, once, after the text; where it can't, a sentence says so."""

import base64
from typing import Any

import pytest

from core import db, settings
from core.clock import utc_now
from core.slack.gateway import Gateway, SlackFailed
from core.usecases import erasure
from tests.core.channels.media_stage import PNG
from tests.replies import SHE, Replies, shown, waiting
from tests.sandbox.slack_stage import request
from tests.sandbox.twilio_servers import Servers
from workers import pictures, sharing
from workers.once import once

PICTURE = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


def send(channel: Replies, twilio: Servers, *media: str, body: str = "Look") -> None:
    """Have a member send pictures, and staff told of the text, but not yet shown them."""
    twilio.post("/ui/phones/text", **{"from": SHE, "body": body, "media": list(media)})
    form = twilio.product.posted[-1].form
    parts = [(form[f"MediaUrl{n}"], form[f"MediaContentType{n}"]) for n in range(int(form["NumMedia"]))]
    channel.text(body, media=tuple(parts))


def show(channel: Replies, **changes: Any) -> None:
    for payload in waiting("picture.received"):
        pictures.TELLERS["picture.received"](channel.gateway, payload | changes)


def test_a_picture_stands_in_its_thread_after_its_text(channel: Replies, twilio: Servers) -> None:
    send(channel, twilio, PICTURE)
    assert channel.files() == []
    channel.tell()
    root, message = channel.messages()
    (file,) = message["files"]
    assert "Look" in shown(root)
    assert "|Picture 1>" in shown(root)
    assert (message["thread_ts"], file["name"], file["mimetype"]) == (root["ts"], "picture-1.png", "image/png")
    assert channel.stage.stand_in._slack.files.get(file["id"]).content == PNG
    status, _, headers = request(channel.stage.address, "HEAD", f"/ui/slack/files/{file['id']}")
    assert (status, headers["content-type"]) == (200, "image/png")


def test_each_picture_of_each_text_is_shown_once_however_often_that_is_told(channel: Replies, twilio: Servers) -> None:
    send(channel, twilio, PICTURE, PICTURE)
    send(channel, twilio, PICTURE, body="More")
    for _ in range(2):
        show(channel)
    assert [file["name"] for file in channel.files()] == ["picture-1.png", "picture-2.png", "picture-1.png"]


def test_a_picture_that_another_worker_is_at_comes_again(channel: Replies, twilio: Servers) -> None:
    send(channel, twilio, PICTURE)
    (payload,) = waiting("picture.received")
    with pytest.raises(SlackFailed, match="running"), once(f"picture:{payload['inbound_id']}:1"):
        show(channel)
    assert channel.files() == []


def test_a_flood_of_pictures_leaves_threads_for_what_is_more_urgent(channel: Replies, twilio: Servers) -> None:
    send(channel, twilio, PICTURE)
    with sharing._AT_ONCE, sharing._AT_ONCE, pytest.raises(SlackFailed, match="busy"):
        show(channel)
    show(channel)
    assert len(channel.files()) == 1


def test_a_picture_that_is_not_there_is_asked_for_again_and_given_up_in_the_end(
    channel: Replies, twilio: Servers
) -> None:
    send(channel, twilio, PICTURE)
    (payload,) = waiting("picture.received")
    gone = str(settings.current().twilio_api_url) + "/2010-04-01/gone"
    channel.text("And this", media=((gone, "image/png"),))
    payload = waiting("picture.received")[-1]
    with pytest.raises(SlackFailed, match="answered 404"):
        pictures.TELLERS["picture.received"](channel.gateway, payload)
    pictures.TELLERS["picture.received"](channel.gateway, payload | {"until": 0})
    channel.tell()
    told = [message["text"] for message in channel.messages() if "could not be shown" in message["text"]]
    assert len(told) == 1
    assert "Twilio answered 404" in told[0]
    assert len(channel.files()) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"errors": {"files.getUploadURLExternal": "internal_error"}}, "Slack did not confirm"),
        ({"errors": {"files.completeUploadExternal": "internal_error"}}, "Slack did not confirm"),
        ({"scopes": ["chat:write"]}, "files:write"),
    ],
)
def test_when_slack_does_not_take_it_a_sentence_stands_in_the_thread(
    channel: Replies, twilio: Servers, fault: dict[str, Any], words: str
) -> None:
    send(channel, twilio, PICTURE)
    channel.stage.act("faults", **fault)
    channel.tell()
    channel.tell()
    channel.tell()
    root, told = channel.messages()
    assert told["thread_ts"] == root["ts"]
    assert words in told["text"]
    assert channel.files() == []


def test_a_picture_that_slack_puts_off_comes_again(channel: Replies, twilio: Servers) -> None:
    send(channel, twilio, PICTURE)
    channel.stage.act("faults", rate_limit={"files.completeUploadExternal": 1})
    with pytest.raises(SlackFailed):
        show(channel)
    show(channel)
    assert len(channel.files()) == 1


def test_what_is_no_picture_or_lies_elsewhere_stays_a_link(channel: Replies) -> None:
    own = settings.current().twilio_api_url
    channel.text("x", media=(("https://evil.example/x", "image/png"), (f"{own}/2010-04-01/v", "text/x-vcard")))
    assert waiting("picture.received") == []


def erase(channel: Replies) -> None:
    with db.transaction() as session:
        erasure.erase(session, SHE, now=utc_now())


def kept(channel: Replies) -> list[str]:
    """Return the ids of the pictures that Slack still has."""
    return list(channel.stage.stand_in._slack.files._kept)


def test_with_somebody_who_is_erased_their_pictures_and_words_go(channel: Replies, twilio: Servers) -> None:
    send(channel, twilio, PICTURE, PICTURE)
    channel.tell()
    assert len(kept(channel)) == 2
    erase(channel)
    channel.tell()
    assert kept(channel) == []
    root = channel.messages()[0]
    assert "was erased" in shown(root)
    assert "Look" not in str(root)


def test_a_picture_that_is_gone_already_is_fine(channel: Replies, twilio: Servers) -> None:
    send(channel, twilio, PICTURE)
    channel.tell()
    erase(channel)
    channel.gateway.delete_file(kept(channel)[0])
    channel.tell()
    assert kept(channel) == []


def test_a_picture_whose_sender_is_erased_while_it_is_uploaded_goes(
    channel: Replies, twilio: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(channel, twilio, PICTURE)
    share = Gateway.share_file

    def erased_meanwhile(gateway: Gateway, *args: Any, **more: Any) -> str:
        file_id = share(gateway, *args, **more)
        erase(channel)
        return file_id

    monkeypatch.setattr(Gateway, "share_file", erased_meanwhile)
    channel.tell()
    channel.tell()
    assert kept(channel) == []


def test_a_text_of_somebody_who_was_erased_opens_no_thread(channel: Replies) -> None:
    channel.receive("Hello")
    erase(channel)
    assert channel.tell() == []
    assert channel.messages() == []


def test_a_picture_of_somebody_who_was_erased_is_not_fetched(channel: Replies, twilio: Servers) -> None:
    send(channel, twilio, PICTURE)
    erase(channel)
    show(channel)
    assert channel.files() == []
