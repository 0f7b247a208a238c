"""What people do in Slack's client with commands, messages and Home tabs, and what they see of the bot's answer."""

from typing import Any

from sandbox.slack import payloads, view_state
from sandbox.slack.api import chat
from sandbox.slack.block_kit import elements_of
from sandbox.slack.block_objects import MENU_OPTIONS, OPTION_GROUPS
from sandbox.slack.cast import Channel, Person
from sandbox.slack.deliveries import Answer, Deliveries
from sandbox.slack.state import Slack
from sandbox.slack.views import View
from sandbox.slack.wire import BOT_USER, SLACKBOT, Json, Refused

# What Slack's client tells people when the app's answer fails them.
FAILURES = {"http_timeout": "operation_timeout", "connection_failed": "dispatch_failed"}


class Impossible(ValueError):
    """Nobody could do that in Slack's client; the sentence says why."""


class Acts:
    """Acts of people, each delivered to the bot."""

    def __init__(self, slack: Slack, deliveries: Deliveries) -> None:
        self._slack = slack
        self._deliveries = deliveries

    def person(self, user_id: str) -> Person:
        """Return who acts."""
        try:
            return self._slack.workspace.person(user_id)
        except Refused:
            raise Impossible(f"There is nobody with the id {user_id}: use one of the cast.") from None

    def channel(self, reference: str) -> Channel:
        """Return where it happens."""
        try:
            return self._slack.workspace.channel(reference)
        except Refused:
            raise Impossible(f"There is no channel {reference}: use one of the workspace's.") from None

    async def command(self, person: Person, channel: Channel, name: str, text: str) -> Json:
        """Type a slash command; what the bot answers is shown to this person, or to all if it says so."""
        form = payloads.command(self._slack, person, channel, text, name)
        answer = await self._deliveries.command(form)
        if not answer.is_ok:
            sentence = f"{name} failed with the error “{_failure(answer)}”"
            self._slack.workspace.whisper(channel, person.id, {"text": sentence}, by=SLACKBOT)
            return {"status": answer.status, "response": answer.body, "error": _failure(answer)}
        shown = answer.as_json() or {"text": answer.body}
        if answer.body.strip():
            self._show(shown, person, channel)
        return {"status": answer.status, "response": answer.as_json() or answer.body}

    async def use_in_message(self, person: Person, channel: Channel, ts: str, given: Json) -> Json:
        """Press a button or choose from a menu in a message."""
        message = self._visible(person, channel, ts)
        action = self._act_in_message(channel, message, given)
        state = self._slack.message_states[channel.id, ts]
        place = payloads.in_message(self._slack, person, channel, message, state)
        return self.outcome(await self._deliveries.interact(payloads.block_actions(self._slack, person, place, action)))

    def fill_in_message(self, person: Person, channel: Channel, ts: str, given: Json) -> Json:
        """Type into an input of a message; the bot hears of it with the next button pressed there."""
        self._act_in_message(channel, self._visible(person, channel, ts), given)
        return {"status": None, "response": ""}

    async def use_in_view(self, person: Person, view: View, given: Json) -> Json:
        """Use an element of a modal or a Home tab."""
        block, element = find_element(view.content["blocks"], given)
        action, held = acted(block, element, given, suggested=suggested(view, element, block))
        if held is not None:
            view.values[block["block_id"]][element["action_id"]] = held
            self._slack.views.tell_of(view)
        place = payloads.in_view(view)
        return self.outcome(await self._deliveries.interact(payloads.block_actions(self._slack, person, place, action)))

    async def options(self, person: Person, view: View, given: Json) -> Json:
        """Type into a menu whose options the bot knows; return what it offers."""
        block, element = find_element(view.content["blocks"], given)
        if not str(element["type"]).endswith("external_select"):
            raise Impossible("This menu has its own options: choose one of them.")
        where = (block["block_id"], element["action_id"])
        query = str(given.get("query", ""))
        payload = payloads.block_suggestion(self._slack, person, payloads.in_view(view), where, query)
        answer = await self._deliveries.interact(payload)
        offered = answer.as_json() or {}
        rule, name = (OPTION_GROUPS, "option_groups") if "option_groups" in offered else (MENU_OPTIONS, "options")
        found = list(rule(offered.get(name), f"/{name}")) if offered.get(name) else []
        if not answer.is_ok or found:
            error = "invalid_options" if found else _failure(answer)
            return {"status": answer.status, "error": error, "problems": found}
        entries = offered.get(name) or []
        groups = entries if name == "option_groups" else [{"options": entries}]
        view.suggested[where] = [option for group in groups for option in group["options"]]
        return {"status": answer.status, name: entries}

    async def open_home(self, person: Person) -> Json:
        """Look at the app's Home tab."""
        return self.outcome(await self._deliveries.event(payloads.home_opened(self._slack, person)))

    async def write(self, person: Person, channel: Channel, text: str, thread_ts: str | None) -> Json:
        """Post a message; the bot hears of it where it is a member."""
        if thread_ts and thread_ts not in channel.messages:
            raise Impossible("There is no such thread in this channel.")
        content = {"text": text, **({"thread_ts": thread_ts} if thread_ts else {})}
        message = self._slack.workspace.post(channel, content, by=person.id)
        if BOT_USER not in channel.members:
            return {"status": None, "ts": message["ts"]}
        answer = await self._deliveries.event(payloads.message_posted(self._slack, person, channel, message))
        return {**self.outcome(answer), "ts": message["ts"]}

    def outcome(self, answer: Answer) -> Json:
        """Return what the page is told of a delivery."""
        failed = {} if answer.is_ok else {"error": _failure(answer)}
        return {"status": answer.status, "response": answer.as_json() or answer.body, **failed}

    def _act_in_message(self, channel: Channel, message: Json, given: Json) -> Json:
        blocks = message.get("blocks") or []
        where = (channel.id, message["ts"])
        state = view_state.carried_over(self._slack.message_states.get(where, {}), blocks)
        self._slack.message_states[where] = state
        block, element = find_element(blocks, given)
        action, held = acted(block, element, given, suggested=[])
        if held is not None:
            state[block["block_id"]][element["action_id"]] = held
        return action

    def _show(self, shown: Json, person: Person, channel: Channel) -> None:
        try:
            content = chat.message_content(shown)
        except Refused as refusal:
            sentence = f"The app's answer was refused: {refusal.error}"
            self._slack.workspace.whisper(channel, person.id, {"text": sentence}, by=SLACKBOT)
            return
        if shown.get("response_type") == "in_channel":
            self._slack.workspace.post(channel, content, by=BOT_USER)
        else:
            self._slack.workspace.whisper(channel, person.id, content)

    def _visible(self, person: Person, channel: Channel, ts: str) -> Json:
        if ts in channel.messages:
            return channel.messages[ts]
        for message in self._slack.workspace.ephemerals:
            if (message["ts"], message["channel"], message["user"]) == (ts, channel.id, person.id):
                return message
        raise Impossible("This person sees no such message in this channel.")


def _failure(answer: Answer) -> str:
    return FAILURES.get(answer.failure, "dispatch_failed")


def find_element(blocks: list[Json], given: Json) -> tuple[Json, Json]:
    """Return the block and element with the given action_id, and block_id if one is given."""
    for block in blocks:
        for element in elements_of(block):
            same_block = not given.get("block_id") or block["block_id"] == given["block_id"]
            if same_block and element.get("action_id") == given.get("action_id"):
                return block, element
    raise Impossible(f"There is no element {given.get('action_id')!r} here.")


def suggested(view: View, element: Json, block: Json) -> list[Json]:
    """Return the options that the bot last offered for an element."""
    return view.suggested.get((block["block_id"], element["action_id"]), [])


def acted(block: Json, element: Json, given: Json, *, suggested: list[Json]) -> tuple[Json, Json | None]:
    """Return the action as it stands in a payload, and the state that the element has then (None: keeps none)."""
    where = {"type": element["type"], "action_id": element["action_id"], "block_id": block["block_id"]}
    if element["type"] == "overflow":
        return {**where, "selected_option": _overflow_option(element, given)}, None
    if element["type"] not in view_state.FIELDS:
        own: Json = {name: element[name] for name in ("text", "value", "style", "url", "confirm") if name in element}
        return {**where, **own}, None
    try:
        held = view_state.changed(element, given, suggested=suggested)
    except (ValueError, TypeError) as error:
        raise Impossible(str(error)) from error
    repeated: Json = {name: element[name] for name in ("placeholder", "confirm") if name in element}
    return {**where, **repeated, **held}, held


def _overflow_option(element: Json, given: Json) -> Json:
    wanted: Any = given.get("selected_option", given.get("value"))
    value = wanted.get("value") if isinstance(wanted, dict) else wanted
    for option in element["options"]:
        if option["value"] == value:
            return dict(option)
    raise Impossible(f"There is no option {value!r} here.")
