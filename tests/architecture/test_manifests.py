"""The Slack app that the manifests make is the one that the code needs: nothing missing, nothing too many."""

import ast
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.architecture import tree

# Source: https://docs.slack.dev/reference/methods, each method's page; our channels are public or private ones.
_SCOPES_OF_METHODS = {
    "auth.test": set[str](),
    "chat.postEphemeral": {"chat:write"},
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "conversations.info": {"channels:read", "groups:read"},
    "files.delete": {"files:write"},
    "files.info": {"files:read"},
    "files.upload_v2": {"files:write"},
    "users.info": {"users:read"},
    "views.open": set[str](),
    "views.publish": set[str](),
    "views.push": set[str](),
    "views.update": set[str](),
}
_SCOPES_OF_EVENTS = {"app_home_opened": set[str]()}
# Families of the Web API: an attribute such as `users_info` is one of its methods.
_FAMILIES = ("auth", "chat", "conversations", "files", "reactions", "team", "usergroups", "users", "views")


def _manifest(mode: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((tree.ROOT / "deploy" / "slack" / f"manifest.{mode}.json").read_text())
    return content


def _calls(*packages: str) -> Iterator[ast.Call]:
    for path in tree.modules(*packages):
        yield from (node for node in ast.walk(tree.parsed(path)) if isinstance(node, ast.Call))


def _methods() -> set[str]:
    """Return the Web API methods that the code calls, by name through the gateway or as the SDK's client has them."""
    found = set()
    for call in _calls("bot", "workers", "core"):
        if not isinstance(call.func, ast.Attribute):
            continue
        name, first = call.func.attr, call.args[0] if call.args else None
        if name in ("_call", "api_call") and isinstance(first, ast.Constant):
            found.add(str(first.value))
        elif name.partition("_")[0] in _FAMILIES and name.removesuffix("_v2").count("_") == 1:
            found.add(name.replace("_", ".", 1))
    return found


def _listened_to(kind: str) -> set[str]:
    """Return what listeners of a kind ("event", "command", …) listen to, as far as it is spelled out."""
    return {
        str(call.args[0].value)
        for call in _calls("bot")
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and (call.func.value.id, call.func.attr) == ("app", kind)
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def _has_listener(kind: str) -> bool:
    return any(ast.unparse(call.func) == f"app.{kind}" for call in _calls("bot"))


def _takes_files() -> bool:
    texts = (path.read_text() for path in tree.modules("core", "bot"))
    return any('"file_input"' in text or "url_private" in text for text in texts)


def test_the_scopes_are_those_that_the_code_needs() -> None:
    needed = {"commands"} | ({"files:read"} if _takes_files() else set())
    needed = needed.union(*(_SCOPES_OF_METHODS[method] for method in _methods()))
    needed = needed.union(*(_SCOPES_OF_EVENTS[event] for event in _listened_to("event")))
    assert set(_manifest("http")["oauth_config"]["scopes"]["bot"]) == needed


def test_the_methods_that_are_called_were_found() -> None:
    assert {"chat.postMessage", "chat.update", "views.open", "views.publish", "users.info"} <= _methods()


def test_the_events_are_those_that_the_bot_listens_to() -> None:
    assert set(_manifest("http")["settings"]["event_subscriptions"]["bot_events"]) == _listened_to("event")


def test_the_commands_are_those_that_the_bot_listens_to() -> None:
    named = {command["command"] for command in _manifest("http")["features"]["slash_commands"]}
    assert named == _listened_to("command") == {"/blast"}


def test_every_request_goes_to_the_one_address_of_the_bot() -> None:
    content = _manifest("http")
    interactivity = content["settings"]["interactivity"]
    addresses = {
        content["features"]["slash_commands"][0]["url"],
        content["settings"]["event_subscriptions"]["request_url"],
        interactivity["request_url"],
        interactivity["message_menu_options_url"],
    }
    assert addresses == {"https://blast.example.org/slack/events"}
    assert 'Route("/slack/events"' in (tree.ROOT / "bot" / "doors.py").read_text()


def test_lists_that_are_asked_for_as_somebody_types_have_an_address() -> None:
    asks = _has_listener("options")
    assert ("message_menu_options_url" in _manifest("http")["settings"]["interactivity"]) == asks


def test_both_manifests_make_the_same_app_but_for_the_way_to_it() -> None:
    over_http, over_socket = _manifest("http"), _manifest("socket")
    assert over_socket["settings"].pop("socket_mode_enabled") is True
    assert over_http["settings"].pop("socket_mode_enabled") is False
    assert _without_addresses(over_http) == over_socket


@pytest.mark.parametrize("mode", ["http", "socket"])
def test_a_manifest_keeps_to_the_lengths_that_slack_allows(mode: str) -> None:
    content = _manifest(mode)
    (command,) = content["features"]["slash_commands"]
    assert len(content["display_information"]["name"]) <= 35
    assert len(content["display_information"]["description"]) <= 140
    assert len(command["description"]) <= 2000
    assert len(command["usage_hint"]) <= 1000


def _without_addresses(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_addresses(value) for key, value in content.items() if not key.endswith("url")}
    return [_without_addresses(each) for each in content] if isinstance(content, list) else content
