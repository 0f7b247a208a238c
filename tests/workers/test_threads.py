"""What members write reaches the replies channel: a thread for each, in order, and harmless whatever it says."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core import db
from core.clock import utc_now
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import Inbound
from core.slack.views import thread
from core.usecases import suppression
from sandbox.slack import block_kit
from tests import factories, replies
from tests.replies import SHE, Replies, buttons, shown


@pytest.fixture
def channel(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replies]:
    """The replies channel, on either database."""
    with replies.opened(database_url, monkeypatch) as opened:
        yield opened


def test_a_first_text_opens_a_thread_that_says_who_and_about_what(channel: Replies) -> None:
    with db.transaction() as session:
        contact = factories.contact(session, 0, phone=SHE, name="Ann <Lee>")
        blast = factories.blast(session, status=BlastStatus.SENDING)
        values: dict[str, Any] = {
            "address": SHE,
            "contact_id": contact.id,
            "status": DeliveryStatus.DELIVERED,
            "claimed_at": utc_now(),
        }
        factories.delivery(session, blast_id=blast.id, **values)
    channel.text("Who is this?")
    (message,) = channel.messages()
    assert "*Ann &lt;Lee&gt;* (…0123) answers *Rent meeting*" in shown(message)
    assert "Who is this?" in shown(message)
    assert SHE not in str(message)
    assert buttons(message) == [
        thread.CLAIM,
        thread.TEXT_BACK,
        thread.CALL,
        thread.NOTE,
        thread.CLOSE,
        thread.OPT_OUT,
    ]
    assert channel.conversation().thread_ts == message["ts"]


def test_the_next_texts_follow_in_the_thread(channel: Replies) -> None:
    channel.text("Who is this?")
    channel.text("Hello?")
    root, second = channel.messages()
    assert second["thread_ts"] == root["ts"]
    assert "Hello?" in shown(second)
    assert buttons(second) == [thread.TEXT_BACK]


def test_a_text_opens_another_thread_when_the_first_is_gone_from_slack(channel: Replies) -> None:
    channel.text("Who is this?")
    channel.stage.client.chat_delete(channel="C0REPLIES", ts=channel.messages()[0]["ts"])
    channel.text("Hello?")
    root, second = channel.messages()
    assert "Hello?" in shown(second)
    assert (second["thread_ts"], channel.conversation().thread_ts) == (root["ts"], root["ts"])


def test_texts_told_in_the_wrong_order_still_make_one_thread(channel: Replies) -> None:
    channel.receive("one")
    channel.receive("two")
    assert channel.tell(latest_first=True) == ["message.received"]
    assert channel.tell() == []
    assert ["one" in shown(channel.messages()[0]), "two" in shown(channel.messages()[1])] == [True, True]
    assert channel.messages()[1]["thread_ts"] == channel.messages()[0]["ts"]


def test_two_members_have_two_threads(channel: Replies) -> None:
    channel.text("Hello", sender=factories.phone(1))
    channel.text("Hello", sender=factories.phone(2))
    assert [message.get("thread_ts") for message in channel.messages()] == [None, None]


def test_what_looks_like_an_opt_out_is_blocked_and_shown_for_a_decision(channel: Replies) -> None:
    channel.text("please cancel")
    with db.reading() as session:
        assert suppression.active(session, SHE) is not None
    (message,) = channel.messages()
    assert buttons(message)[:2] == [thread.CONFIRM_OPT_OUT, thread.NOT_OPT_OUT]
    assert thread.TEXT_BACK not in buttons(message)
    assert "looks like an opt-out" in shown(message)


def test_a_stop_in_a_conversation_is_told_in_its_thread(channel: Replies) -> None:
    channel.text("Who is this?")
    channel.text("STOP")
    root, told = channel.messages()
    assert "opted out" in shown(told)
    assert thread.TEXT_BACK not in buttons(root)


@pytest.mark.parametrize(
    ("media", "said"), [((("https://api.twilio.com/1", "image/png"),), "sent a picture"), ((), "sent nothing in words")]
)
def test_a_text_without_words_is_announced_as_what_it_is(
    channel: Replies, media: tuple[tuple[str, str], ...], said: str
) -> None:
    channel.text("", media=media)
    (message,) = channel.messages()
    assert message["text"].endswith(said)


def test_pictures_are_links_to_the_provider_and_to_nobody_else(channel: Replies) -> None:
    bad = "https://evil.example/x"
    odd = "https://api.twilio.com/a|<!channel>"
    channel.text("", media=(("https://api.twilio.com/1/Media/ME1", "image/png"), (bad, "image/png"), (odd, "a<b")))
    (message,) = channel.messages()
    assert "<https://api.twilio.com/1/Media/ME1|Picture 1>" in shown(message)
    assert bad not in shown(message)
    assert "<!channel>" not in shown(message)


@pytest.mark.parametrize(
    "hostile",
    [
        "<!channel> <@U0ADMIN> <https://evil.example|click> *bold* `code` ```\nblock",
        "> quoted\n>>> more\n:tada: _Approved by Admin_",
        "😀" * 1600,
        "\u202egnp.exe\u202c \u200bst\u200bop\u2066x\u2069",
        "a\x07b\x1bc",
        "Z" + "\u0301" * 500,
        "&lt;!here&gt; &amp;",
        " ",
        "x" * 60_000,
    ],
)
def test_hostile_texts_are_shown_as_nothing_but_words(channel: Replies, hostile: str) -> None:
    channel.text(hostile)
    channel.text(hostile)
    for message in channel.messages():
        assert "<!" not in message["text"]
        assert "<@" not in message["text"]
        assert not {"\u202e", "\u200b", "\x1b", "\x07"} & set(str(message["blocks"]))
        # Markup is read in these alone, and they hold no word of the member's.
        marked = [block for block in message["blocks"] if block["type"] in ("section", "context")]
        assert not any(word in str(marked) for word in ("evil", "Approved by Admin", "U0ADMIN", "channel"))


def test_emoji_and_other_scripts_keep_their_joiners() -> None:
    for kept in ("👩‍👩‍👧", "می‌خواهم", "क्‍ष", "مرحبا", "é ü ñ"):
        assert thread.visible(kept) == kept


@given(st.text(max_size=1600), st.text(max_size=40))
@example("", "")
def test_whatever_is_written_slack_takes_it(body: str, kind: str) -> None:
    media = [{"url": f"https://api.twilio.com/{body[:20]}", "type": kind}] * 10
    inbound = Inbound(provider_sid="SM1", address=SHE, sender=SHE, body=body, media=media, received_at=factories.NOON)
    assert block_kit.problems(thread.words(inbound, trusted_host="api.twilio.com"), "message") == []
