"""Staff plan calls from the thread, are reminded there, and see the number when they are the one to call."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bot import app
from core import db, settings
from core.clock import utc_now
from core.models import Call, CallStatus
from core.slack.views import calls, thread
from core.usecases import erasure, inbox
from tests import replies
from tests.replies import APPROVER, ORGANIZER, SHE, Replies, buttons, shown
from workers import listening

HOUR = timedelta(hours=1)


@pytest.fixture
def channel(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replies]:
    """The replies channel with the real bot behind its buttons, and one text in it."""
    with replies.opened(database_url, monkeypatch) as opened:
        opened.stage.bot.app = app.create(settings.current())
        opened.text("Can you call me?")
        yield opened


def plan(channel: Replies, *, hours: float = 2, caller: str = ORGANIZER) -> Any:
    channel.press(thread.CALL)
    at = int((utc_now() + hours * HOUR).timestamp())
    values = {
        "at": {"at": {"type": "datetimepicker", "selected_date_time": at}},
        "caller": {"caller": {"type": "users_select", "selected_user": caller}},
        "note": {"note": {"type": "plain_text_input", "value": "The <!channel> roof"}},
    }
    view = channel.stage.view_of(ORGANIZER)
    answer = channel.stage.act("submit", user=ORGANIZER, view_id=view["id"], values=values)
    channel.tell()
    return answer


def the_call() -> Call:
    with db.reading() as session:
        return session.scalars(sa.select(Call)).one()


def let_come(hours: float) -> None:
    """Have the call's time come, so many hours ago."""
    with db.transaction() as session:
        session.execute(sa.update(Call).values(at=utc_now() - hours * HOUR))


def test_a_planned_call_stands_in_the_thread_and_is_done(channel: Replies) -> None:
    plan(channel)
    message = channel.messages()[-1]
    assert "Call planned for" in shown(message)
    assert f"by <@{ORGANIZER}>" in shown(message)
    assert "roof" in shown(message)
    assert "<!channel>" not in message["text"]
    assert SHE not in str(channel.messages())
    with db.reading() as session:
        assert "call planned" in thread.listing(inbox.listed(session))[0]
    channel.press(calls.DONE, message=message)
    _, shown_call, step = channel.messages()
    assert "Call done" in shown(shown_call)
    assert buttons(shown_call) == []
    assert f"<@{ORGANIZER}>: The call is done." in shown(step)
    assert the_call().status is CallStatus.DONE


def test_a_call_is_refused_beside_its_field(channel: Replies) -> None:
    assert "in the past" in plan(channel, hours=-1)["errors"]["at"]
    assert "60 days" in plan(channel, hours=24 * 61)["errors"]["at"]
    assert "no role in Blast" in plan(channel, caller="U0ADMIN")["errors"]["caller"]
    with db.reading() as session:
        assert session.scalars(sa.select(Call)).all() == []


def test_who_calls_is_reminded_and_alone_sees_the_number(channel: Replies) -> None:
    plan(channel, caller=APPROVER)
    assert f"<@{ORGANIZER}> has asked for it" in shown(channel.messages()[-1])
    let_come(0)
    for _ in range(2):
        listening.follow_calls(utc_now())
        channel.tell()
    _, _, reminder = channel.messages()
    assert f"<@{APPROVER}>: it is time to call" in shown(reminder)
    channel.press(calls.NUMBER, message=reminder)
    channel.press(calls.NUMBER, by=APPROVER, message=reminder)
    assert SHE not in str(channel.stage.whispers_to(ORGANIZER))
    assert SHE in str(channel.stage.whispers_to(APPROVER))
    assert SHE not in str(channel.messages())


def test_a_call_to_somebody_erased_offers_nothing_any_more(channel: Replies) -> None:
    plan(channel)
    with db.transaction() as session:
        erasure.erase(session, SHE, now=utc_now())
    channel.tell()
    message = channel.messages()[-1]
    assert "was erased" in shown(message)
    assert "roof" not in shown(message)
    assert buttons(message) == []


def test_a_call_done_meanwhile_is_not_brought_to_mind(channel: Replies) -> None:
    plan(channel)
    message = channel.messages()[-1]
    let_come(0)
    listening.follow_calls(utc_now())
    channel.stage.act("action", user=ORGANIZER, action_id=calls.CANCEL, channel=replies.CHANNEL, ts=message["ts"])
    channel.tell()
    assert "it is time" not in " ".join(map(shown, channel.messages()))


def test_a_thread_is_told_of_a_missed_call(channel: Replies) -> None:
    plan(channel)
    let_come(24.1)
    listening.follow_calls(utc_now())
    channel.tell()
    _, message, step = channel.messages()
    assert "Call missed" in shown(message)
    assert buttons(message) == [calls.DONE, calls.NUMBER]
    assert "counts as missed" in shown(step)


def test_who_cannot_be_texted_is_not_called(channel: Replies) -> None:
    assert thread.CALL in buttons(channel.messages()[0])
    channel.press(thread.OPT_OUT)
    assert thread.CALL not in buttons(channel.messages()[0])
