"""A bot of a few lines behind BOT_URL, so that the page can be tried without the product."""

import json
from typing import Any
from urllib.parse import parse_qs

from slack_sdk import WebClient
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.sandbox.slack_stage import plain, section

Json = dict[str, Any]


class TinyBot:
    """Opens a modal on /blast, posts what was submitted as a card, and takes presses of its buttons."""

    def __init__(self, sandbox_url: str) -> None:
        self.web = WebClient(token="xoxb-sandbox", base_url=f"{sandbox_url}/slack/api/")
        self.pressed: list[Json] = []
        self.submitted: list[Json] = []

    def app(self) -> Starlette:
        """Return what listens at /slack/events."""
        return Starlette(routes=[Route("/slack/events", self._hear, methods=["POST"])])

    async def _hear(self, request: Request) -> Response:
        body = (await request.body()).decode()
        if request.headers.get("content-type", "").startswith("application/json"):
            return await run_in_threadpool(self._event, json.loads(body))
        form = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        if "payload" in form:
            return await run_in_threadpool(self._interaction, json.loads(form["payload"]))
        return await run_in_threadpool(self._command, form)

    def _command(self, form: dict[str, str]) -> Response:
        if form.get("text") == "inputs":
            self.web.views_open(trigger_id=form["trigger_id"], view=every_input())
            return Response()
        if form.get("text"):
            return JSONResponse({"text": f"You typed {form['text']}"})
        self.web.views_open(trigger_id=form["trigger_id"], view=composer(body=""))
        return Response()

    def _interaction(self, payload: Json) -> Response:
        if payload["type"] == "block_suggestion":
            return JSONResponse(
                {"options": [option(f"{payload['value']} Street"), option(f"{payload['value']} Square")]}
            )
        if payload["type"] == "view_submission":
            self.submitted.append(payload["view"]["state"]["values"])
            return self._submitted(payload["user"]["id"], payload["view"]["state"]["values"])
        action = payload["actions"][0]
        self.pressed.append({"user": payload["user"]["id"], **action})
        if action["action_id"] == "body":
            view = composer(body=action["value"] or "")
            self.web.views_update(view_id=payload["view"]["id"], hash=payload["view"]["hash"], view=view)
        if action["action_id"] == "approve":
            where = {"channel": payload["channel"]["id"], "ts": payload["message"]["ts"]}
            text = f"Approved by <@{payload['user']['id']}>"
            self.web.chat_update(**where, text=text, blocks=[section(f":white_check_mark: {text}")])
        return Response()

    def _submitted(self, user: str, values: Json) -> Response:
        if "name" not in values:
            return Response()
        name = values["name"]["name"]["value"]
        if name == "taken":
            return JSONResponse({"response_action": "errors", "errors": {"name": "There is such a blast already."}})
        blocks = card(user, name, values["body"]["body"]["value"])
        self.web.chat_postMessage(channel="C0APPROVALS", text=name, blocks=blocks)
        return Response()

    def _event(self, body: Json) -> Response:
        event = body.get("event", {})
        if event.get("type") == "app_home_opened":
            view = {"type": "home", "blocks": [section(f"Welcome home, <@{event['user']}>")]}
            self.web.views_publish(user_id=event["user"], view=view)
        return Response()


def composer(*, body: str) -> Json:
    """Return the modal, with a meter under what was typed so far."""
    options = [option("Tenants"), option("Volunteers"), option("Press")]
    blocks = [
        text_input("name", "Name"),
        {
            "type": "input",
            "block_id": "audiences",
            "label": plain("Audiences"),
            "optional": True,
            "element": {"type": "multi_static_select", "action_id": "audiences", "options": options},
        },
        text_input("body", "Text", multiline=True),
        {"type": "context", "block_id": f"meter-{len(body)}", "elements": [plain(f"{len(body)} characters")]},
    ]
    return {
        "type": "modal",
        "callback_id": "blast.compose",
        "title": plain("New blast"),
        "submit": plain("Send to review"),
        "close": plain("Cancel"),
        "blocks": blocks,
    }


def every_input() -> Json:
    """Return a modal with an input of each kind but text."""
    options = [option("Red"), option("Blue")]
    elements: list[Json] = [
        {"type": "static_select", "options": options},
        {"type": "radio_buttons", "options": options},
        {"type": "checkboxes", "options": options},
        {"type": "external_select", "min_query_length": 2, "placeholder": plain("Find a street")},
        {"type": "datepicker"},
        {"type": "timepicker"},
        {"type": "datetimepicker"},
        {"type": "users_select"},
        {"type": "number_input", "is_decimal_allowed": False},
        {"type": "file_input", "filetypes": ["csv"], "max_files": 1},
    ]
    blocks: list[Json] = [
        {"type": "alert", "level": "warning", "text": plain("Fill in all of them")},
        *(an_input(element) for element in elements),
    ]
    return {"type": "modal", "title": plain("Every input"), "submit": plain("Done"), "blocks": blocks}


def an_input(element: Json) -> Json:
    """Return an input block that bears the name of its element's type."""
    kind = element["type"]
    label = plain(kind.replace("_", " "))
    return {"type": "input", "block_id": kind, "label": label, "element": {**element, "action_id": kind}}


def text_input(name: str, label: str, *, multiline: bool = False) -> Json:
    """Return an input; the long one tells the bot of every key."""
    element: Json = {"type": "plain_text_input", "action_id": name, "multiline": multiline}
    block: Json = {"type": "input", "block_id": name, "label": plain(label), "element": element}
    if multiline:
        element["dispatch_action_config"] = {"trigger_actions_on": ["on_character_entered"]}
        block["dispatch_action"] = True
    return block


def card(author: str, name: str, body: str) -> list[Json]:
    """Return a message with buttons, one of which asks first."""
    escaped = body.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    sure = {"title": plain("Cancel it?"), "text": plain("Nobody will be texted."), "confirm": plain("Cancel it")}
    approve = {"type": "button", "text": plain("Approve"), "action_id": "approve", "style": "primary", "value": "1"}
    cancel = {
        "type": "button",
        "text": plain("Cancel"),
        "action_id": "cancel",
        "style": "danger",
        "confirm": {**sure, "deny": plain("Keep it")},
    }
    return [
        {"type": "header", "text": plain(name)},
        section(f"{escaped}\n_by <@{author}>_"),
        {"type": "actions", "elements": [approve, cancel]},
    ]


def option(text: str) -> Json:
    """Return an option whose value is its text in lower case."""
    return {"text": plain(text), "value": text.lower()}
