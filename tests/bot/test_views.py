"""Every view, found by itself: within Slack's limits, and everything in it heard."""

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slack_bolt import App, BoltRequest, BoltResponse

import sandbox
from bot import app
from core import settings
from core.slack import blocks, views
from core.slack.gateway import Gateway, web_client
from core.slack.views.card import Card
from sandbox.slack import block_kit, view_kit
from tests import databases
from tests.bot import gallery
from tests.bot.gallery import Drawn
from tests.bot.stage import APPROVALS, ORGANIZER, Stage


@pytest.fixture(scope="module")
def drawn() -> list[Drawn]:
    return list(gallery.everything())


@pytest.fixture
def bolt(chosen: pytest.MonkeyPatch) -> App:
    return app.create(settings.current())


def test_no_view_is_forgotten(drawn: list[Drawn]) -> None:
    names = {
        f"{module.name}.{name}"
        for module in pkgutil.iter_modules(views.__path__)
        for name, function in inspect.getmembers(
            importlib.import_module(f"{views.__name__}.{module.name}"), inspect.isfunction
        )
        if not name.startswith("_") and function.__module__ == f"{views.__name__}.{module.name}" and _draws(function)
    }
    assert names <= {each.by for each in drawn}


def _draws(function: Any) -> bool:
    found = inspect.signature(function).return_annotation
    return found is Card or str(found) in {"dict[str, typing.Any]", "list[dict[str, typing.Any]]"}


def test_everything_is_within_slacks_limits(drawn: list[Drawn]) -> None:
    wrong = {}
    for each in drawn:
        problems = block_kit.problems(each.blocks, each.surface)
        if each.view is not None:
            problems += view_kit.problems(each.view, each.surface)
            assert not view_kit.is_too_large(each.view)
        if problems:
            wrong[each.by] = problems
    assert wrong == {}


@databases.on_sqlite
def test_slack_takes_every_message(stage: Stage, drawn: list[Drawn]) -> None:
    gateway = Gateway(web_client("xoxb-sandbox", f"{stage.slack_url}/slack/api/"))
    messages = [each for each in drawn if each.surface == "message" and each.blocks]
    for each in messages:
        gateway.post(APPROVALS, each.by, blocks=each.blocks)
    assert len(stage.messages()) == len(messages)


def test_nobodys_words_become_mentions_or_links(drawn: list[Drawn]) -> None:
    for each in drawn:
        for text in _markup(each.blocks):
            assert "<!channel>" not in text
            assert "<https://example.org" not in text


def test_a_text_is_shown_whole(drawn: list[Drawn]) -> None:
    cards = [each for each in drawn if each.by == "card.render"]
    for each in cards[::2]:
        assert blocks.quote(gallery.long(1600)) in each.blocks


def test_the_sandbox_knows_every_emoji_of_ours() -> None:
    sources = "".join(path.read_text() for path in Path(views.__file__).parent.glob("*.py"))
    used = set(re.findall(r"(?<![\w:]):([a-z_0-9]+):(?![\w:])", sources))
    table = Path(sandbox.__file__).with_name("page").joinpath("emoji.js").read_text().split("`")[1].split()
    assert "checkered_flag" in used
    assert used <= set(table)


@databases.on_sqlite
def test_every_button_and_input_is_heard(bolt: App, drawn: list[Drawn]) -> None:
    unheard: set[tuple[str, ...]] = set()
    for each in drawn:
        for element in _elements(each.blocks):
            request = _action(element, each)
            if not _is_heard(bolt, request):
                unheard.add((each.by, element["action_id"]))
            if element["type"].endswith("external_select") and not _is_heard(bolt, _suggestion(element, each)):
                unheard.add((each.by, element["action_id"], "options"))
        if each.view is not None and each.view.get("submit") and not _is_heard(bolt, _submission(each)):
            unheard.add((each.by, each.view["callback_id"]))
    assert unheard == set()


@databases.on_sqlite
def test_what_there_is_no_button_for_is_not_heard(bolt: App) -> None:
    nobodys = {"action_id": "blast.explode", "type": "button"}
    assert not _is_heard(bolt, _action(nobodys, Drawn("", "message", [])))


def _elements(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give what tells us when it is used; inputs that don't dispatch come with the submission."""
    for block in blocks:
        if block["type"] == "input" and not block.get("dispatch_action"):
            continue
        yield from (element for element in block_kit.elements_of(block) if "action_id" in element)


def _markup(blocks: object) -> Iterator[str]:
    if isinstance(blocks, dict):
        if blocks.get("type") == "mrkdwn":
            yield blocks["text"]
        for value in blocks.values():
            yield from _markup(value)
    elif isinstance(blocks, list):
        for value in blocks:
            yield from _markup(value)


def _action(element: dict[str, Any], each: Drawn) -> dict[str, Any]:
    action = {"action_id": element["action_id"], "block_id": "b", "type": element["type"], "value": "1"}
    place = {"view": each.view} if each.view is not None else {"channel": {"id": APPROVALS}, "message": {"ts": "1.1"}}
    return {"type": "block_actions", "user": {"id": ORGANIZER}, "actions": [action], **place}


def _suggestion(element: dict[str, Any], each: Drawn) -> dict[str, Any]:
    asked = {"action_id": element["action_id"], "block_id": "b", "value": ""}
    return {"type": "block_suggestion", "user": {"id": ORGANIZER}, "view": each.view, **asked}


def _submission(each: Drawn) -> dict[str, Any]:
    return {"type": "view_submission", "user": {"id": ORGANIZER}, "view": each.view}


def _is_heard(bolt: App, payload: dict[str, Any]) -> bool:
    request = BoltRequest(mode="socket_mode", body=json.loads(json.dumps(payload)))
    listeners = bolt._listeners
    return any(listener.matches(req=request, resp=BoltResponse(status=200)) for listener in listeners)
