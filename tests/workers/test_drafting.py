"""The assistant drafts, people send: slow, down or rude, it holds nothing up, and what became of it is on record."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from bot import app
from core import db, settings
from core.clock import utc_now
from core.errors import Invalid, NotFound
from core.models import Draft, DraftOutcome
from core.slack.views import text_back, thread
from core.usecases import drafts, saved
from tests import factories, replies
from tests.replies import ORGANIZER, SHE, Replies
from tests.sandbox.slack_stage import wait_for
from workers import drafting

PATIENCE_S = 30.0
DRAFTED = "We meet at the hall at 6."


class Endpoint:
    """An endpoint that speaks chat completions, over HTTP; it answers as told and keeps what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.answer: Any = {"choices": [{"message": {"role": "assistant", "content": DRAFTED}}]}
        self.asked: list[tuple[str, str, Any]] = []
        self.lets_go = threading.Event()
        self.lets_go.set()

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve on a free port of this machine."""
        endpoint = self

        class Request(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.asked.append((self.path, self.headers.get("Authorization", ""), told))
                endpoint.lets_go.wait(10)
                raw = json.dumps(endpoint.answer).encode()
                self.send_response(endpoint.status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            self.lets_go.set()
            server.shutdown()
            server.server_close()
            thread.join(5)


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The drafts that workers were nudged to write."""
    found: list[str] = []
    monkeypatch.setattr(drafting, "nudge", lambda actor, draft_id, *, queue: found.append(draft_id))
    return found


@pytest.fixture
def channel(
    database_url: str, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint, nudged: list[str]
) -> Iterator[Replies]:
    """The replies channel with the bot and a briefed assistant, and nobody's text yet."""
    with endpoint.served() as address, replies.opened(database_url, monkeypatch) as opened:
        monkeypatch.setenv("ASSISTANT_URL", address)
        monkeypatch.setenv("ASSISTANT_API_KEY", "a-key")
        settings.current.cache_clear()
        opened.stage.bot.app = app.create(settings.current())
        with db.transaction() as session:
            drafts.brief(session, None, "You answer for {organization}.", "We meet on Mondays.", now=utc_now())
        yield opened
        settings.current.cache_clear()


def write(nudged: list[str]) -> Draft:
    drafting.write(UUID(nudged[-1]))
    with db.reading() as session:
        return session.scalars(sa.select(Draft).order_by(sa.desc("created_at"))).all()[0]


def field(channel: Replies) -> dict[str, Any]:
    blocks = channel.stage.view_of(ORGANIZER)["blocks"]
    found: dict[str, Any] = next(block for block in blocks if block["block_id"].startswith("reply"))
    return found


def outcomes() -> dict[str, int]:
    with db.reading() as session:
        return drafts.outcomes(session)


def test_a_draft_stands_in_the_modal_as_what_it_is(channel: Replies, endpoint: Endpoint, nudged: list[str]) -> None:
    channel.text("Where do we meet?")
    draft = write(nudged)
    assert (draft.outcome, draft.body, draft.model) == (DraftOutcome.READY, DRAFTED, "gpt-4o-mini")
    ((path, key, told),) = endpoint.asked
    assert (path, key) == ("/v1/chat/completions", "Bearer a-key")
    assert told["messages"][-1] == {"role": "user", "content": "Where do we meet?"}
    assert "You answer for our organization." in told["messages"][0]["content"]
    assert SHE not in json.dumps(told)
    assert channel.replies() == []
    channel.press(thread.TEXT_BACK)
    assert field(channel)["element"]["initial_value"] == DRAFTED
    assert "The assistant drafted this" in str(channel.stage.view_of(ORGANIZER))


@pytest.mark.parametrize(("sent", "outcome"), [(DRAFTED, "sent"), ("At the hall, bring chairs.", "changed")])
def test_what_became_of_a_draft_is_on_record(channel: Replies, nudged: list[str], sent: str, outcome: str) -> None:
    channel.text("Where do we meet?")
    write(nudged)
    channel.press(thread.TEXT_BACK)
    channel.submit({"reply": sent})
    assert [reply.body for reply in channel.replies()] == [sent]
    assert outcomes() == {outcome: 1}


def test_a_draft_that_comes_too_late_is_not_used(channel: Replies, nudged: list[str]) -> None:
    channel.text("Where do we meet?")
    channel.press(thread.TEXT_BACK)
    write(nudged)
    channel.submit({"reply": "At the hall."})
    assert outcomes() == {"unused": 1}


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, {}),
        (200, {}),
        (200, []),
        (200, {"choices": [{"message": {"content": " "}}]}),
        (302, {}),
        (200, "x" * 300_000),
    ],
)
def test_when_the_assistant_is_of_no_use_staff_write_by_themselves(
    channel: Replies, endpoint: Endpoint, nudged: list[str], status: int, answer: Any
) -> None:
    endpoint.status, endpoint.answer = status, answer
    channel.text("Where do we meet?")
    assert write(nudged).error.startswith("The assistant")
    channel.press(thread.TEXT_BACK)
    assert "initial_value" not in field(channel)["element"]
    channel.submit({"reply": "At the hall."})
    assert outcomes() == {"failed": 1}


def test_nothing_waits_for_a_slow_assistant(
    channel: Replies, endpoint: Endpoint, nudged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.channels.assistant._WITHIN_S", 0.2)
    endpoint.lets_go.clear()
    channel.text("Where do we meet?")
    channel.press(thread.TEXT_BACK)
    channel.submit({"reply": "At the hall."})
    assert len(channel.replies()) == 1
    with db.transaction() as session:
        session.execute(sa.update(Draft).values(outcome=DraftOutcome.WANTED))
    assert "TimeoutError" in write(nudged).error


def test_a_hanging_assistant_holds_no_hands_but_its_own(
    channel: Replies, endpoint: Endpoint, nudged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.channels.assistant._WITHIN_S", 60)
    desk = drafting.Desk(drafting.write, threads=2)
    monkeypatch.setattr(drafting, "desk", desk)
    endpoint.lets_go.clear()
    for number in range(6):
        channel.text("Where do we meet?", sender=factories.phone(number))
    for draft_id in nudged:
        drafting.write_draft.fn(draft_id)
    wait_for(lambda: len(endpoint.asked) == 2, PATIENCE_S)
    assert outcomes() == {"wanted": 6}
    endpoint.lets_go.set()
    wait_for(lambda: outcomes() == {"ready": 6}, PATIENCE_S)


def test_a_draft_that_is_lost_to_a_mistake_of_ours_takes_no_other_with_it() -> None:
    written: list[UUID] = []

    def write_or_fail(draft_id: UUID) -> None:
        written.append(draft_id)
        if len(written) == 1:
            raise RuntimeError("a mistake")

    desk = drafting.Desk(write_or_fail, threads=1)
    wanted = [uuid4(), uuid4()]
    for draft_id in wanted:
        desk.take(draft_id)
    wait_for(lambda: written == wanted, PATIENCE_S)


def test_a_draft_that_gave_way_to_a_saved_answer_was_not_used(channel: Replies, nudged: list[str]) -> None:
    with db.transaction() as session:
        saved.put(session, "Who we are", "We are the tenants' union.", by=None, now=utc_now())
    channel.text("Where do we meet?")
    write(nudged)
    channel.press(thread.TEXT_BACK)
    view = channel.stage.view_of(ORGANIZER)
    menu = next(each for each in view["blocks"] if each["block_id"] == text_back.SAVED)["elements"][0]
    where = {"view_id": view["id"], "block_id": text_back.SAVED, "action_id": text_back.SAVED}
    channel.stage.act("action", user=ORGANIZER, selected_option=menu["options"][0], **where)
    channel.submit({})
    assert [reply.body for reply in channel.replies()] == ["We are the tenants' union."]
    assert outcomes() == {"unused": 1}


@pytest.mark.parametrize("step", [thread.CLOSE, thread.OPT_OUT])
def test_a_draft_that_nobody_can_use_any_more_was_not_used(channel: Replies, nudged: list[str], step: str) -> None:
    channel.text("Where do we meet?")
    write(nudged)
    channel.press(step)
    assert outcomes() == {"unused": 1}


def test_a_draft_in_the_modal_counts_though_they_wrote_again_meanwhile(channel: Replies, nudged: list[str]) -> None:
    channel.text("Where do we meet?")
    write(nudged)
    channel.press(thread.TEXT_BACK)
    channel.text("And when?")
    channel.submit({"reply": DRAFTED})
    assert outcomes() == {"sent": 1, "unused": 1}


def test_a_draft_is_over_when_they_write_again(channel: Replies, nudged: list[str]) -> None:
    channel.text("Where do we meet?")
    write(nudged)
    channel.text("And when?")
    assert outcomes() == {"unused": 1, "wanted": 1}


@pytest.mark.parametrize("body", ["please cancel", "STOP", "   "])
def test_nobody_drafts_an_answer_to_an_opt_out_or_to_nothing(channel: Replies, nudged: list[str], body: str) -> None:
    channel.text(body)
    assert nudged == []


def test_without_a_briefing_or_an_address_nothing_is_drafted(
    channel: Replies, nudged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSISTANT_URL", "")
    settings.current.cache_clear()
    channel.text("Where do we meet?")
    assert nudged == []


def test_a_briefing_is_checked_and_the_audiences_own_goes_first(channel: Replies, nudged: list[str]) -> None:
    with db.transaction() as session:
        factories.audience(session, "Tenants", [factories.contact(session, phone=SHE)])
        for prompt in ("", "Hi {name}", "x" * 4001):
            with pytest.raises(Invalid):
                drafts.brief(session, None, prompt, "", now=utc_now())
        with pytest.raises(Invalid):
            drafts.brief(session, None, "Hi", "x" * 20_001, now=utc_now())
        with pytest.raises(NotFound):
            drafts.brief(session, "nobody", "Hi", "", now=utc_now())
        drafts.brief(session, "tenants", "You answer tenants about {blast}.", "", now=utc_now())
    channel.text("Where do we meet?")
    with db.reading() as session:
        draft = session.scalars(sa.select(Draft)).one()
        told = drafts.messages(session, draft.id, organization="Us", now=utc_now())
    assert told is not None
    assert "You answer tenants about (none)." in told[0]["content"]
