"""What people do with a modal: fill it in, submit it, close it, attach a file."""

import base64
import binascii

from sandbox.slack import payloads, view_state
from sandbox.slack.acts import FAILURES, Acts, Impossible, acted, find_element, suggested
from sandbox.slack.cast import Person
from sandbox.slack.deliveries import Answer, Deliveries
from sandbox.slack.state import Slack
from sandbox.slack.views import View
from sandbox.slack.wire import Json, Refused

TROUBLE = "We had some trouble connecting. Try again?"
LARGEST_FILE = 10 * 1024 * 1024  # bytes, in a file_input


class Modals:
    """Acts of people in their own modals."""

    def __init__(self, slack: Slack, deliveries: Deliveries, acts: Acts) -> None:
        self._slack = slack
        self._deliveries = deliveries
        self._acts = acts

    def view(self, person: Person, view_id: str) -> View:
        """Return a modal or Home tab that this person has before them."""
        view = self._slack.views.of_person(person.id, view_id)
        if view is None:
            raise Impossible("This person has no such view open.")
        return view

    async def fill_in(self, person: Person, view: View, given: Json) -> Json:
        """Type or choose something; the bot hears of it where the block dispatches its action."""
        block, element = find_element(view.content["blocks"], given)
        if block["type"] != "input":
            raise Impossible("This is no input: use it as an action.")
        if block.get("dispatch_action"):
            return await self._acts.use_in_view(person, view, given)
        self._set(view, block, element, given)
        self._slack.views.tell_of(view)
        return {"status": None, "response": ""}

    async def submit(self, person: Person, view: View, values: Json) -> Json:
        """Press the modal's submit button, after setting `values` ({block_id: {action_id: state}})."""
        for block_id, actions in values.items():
            for action_id, given in actions.items():
                block, element = find_element(view.content["blocks"], {"block_id": block_id, "action_id": action_id})
                self._set(view, block, element, given)
        if view.content.get("submit") is None:
            raise Impossible("This view has no submit button.")
        complaints = view_state.missing_or_wrong(view.content["blocks"], view.values)
        if complaints:
            return {"status": None, "response_action": "errors", "errors": complaints}
        answer = await self._deliveries.interact(payloads.view_submission(self._slack, person, view))
        return self._submitted(person, view, answer)

    async def close(self, person: Person, view: View, *, all_of_them: bool) -> Json:
        """Close a modal, or all of them; the bot hears of those that asked for it."""
        is_cleared = all_of_them or bool(view.content["clear_on_close"])
        closed = self._slack.views.stacks.get(person.id, []) if is_cleared else [view]
        told = [entry for entry in closed if entry.content["notify_on_close"]]
        if is_cleared:
            self._slack.views.clear(person.id)
        else:
            self._slack.views.close(view)
        outcome: Json = {"status": None, "response": ""}
        for entry in told:
            payload = payloads.view_closed(self._slack, person, entry, is_cleared=is_cleared)
            outcome = self._acts.outcome(await self._deliveries.interact(payload))
        return outcome

    def attach(self, person: Person, view: View, given: Json) -> Json:
        """Choose a file in a file_input; return the file."""
        block, element = find_element(view.content["blocks"], given)
        if element["type"] != "file_input":
            raise Impossible("This element takes no files.")
        name, content = str(given.get("filename") or "file.txt"), _content(given)
        kinds = [kind.lower() for kind in element.get("filetypes", [])]
        if kinds and name.rpartition(".")[2].lower() not in kinds:
            raise Impossible(f"Only these kinds of files may be chosen here: {', '.join(kinds)}.")
        if len(content) > LARGEST_FILE:
            raise Impossible("A file of more than 10 MB can't be chosen here.")
        held = view.values[block["block_id"]][element["action_id"]]
        if len(held["files"]) >= element.get("max_files", 10):
            held["files"].clear()
        file = self._slack.files.add(name, content, by=person.id).as_json(self._slack.origin)
        held["files"].append(file)
        self._slack.views.tell_of(view)
        return {"file": file}

    def _set(self, view: View, block: Json, element: Json, given: Json) -> None:
        _, held = acted(block, element, given, suggested=suggested(view, element, block))
        if held is not None:
            view.values[block["block_id"]][element["action_id"]] = held

    def _submitted(self, person: Person, view: View, answer: Answer) -> Json:
        if not answer.is_ok:
            error = FAILURES.get(answer.failure, TROUBLE)
            return {"status": answer.status, "response_action": None, "errors": {}, "error": error}
        told = answer.as_json() or {}
        action = told.get("response_action")
        outcome: Json = {"status": answer.status, "response_action": action, "errors": {}}
        try:
            return {**outcome, **self._respond(person, view, action, told)}
        except Refused as refusal:
            return {**outcome, "error": TROUBLE, "refused": refusal.as_json()}

    def _respond(self, person: Person, view: View, action: str | None, told: Json) -> Json:
        if action is None:
            self._slack.views.close(view)
        elif action == "clear":
            self._slack.views.clear(person.id)
        elif action == "errors":
            return {"errors": _shown_errors(view, told.get("errors"))}
        elif action == "update" and isinstance(told.get("view"), dict):
            self._slack.views.update(view, told["view"])
        elif action == "push" and isinstance(told.get("view"), dict):
            self._slack.views.push(person.id, told["view"])
        else:
            raise Refused("invalid_response_action")
        return {}


def _shown_errors(view: View, errors: object) -> Json:
    inputs = {block["block_id"] for block in view.content["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors:
        raise Refused("invalid_errors")
    if not errors.keys() <= inputs:
        raise Refused("invalid_errors", unknown_blocks=sorted(errors.keys() - inputs))
    return dict(errors)


def _content(given: Json) -> bytes:
    if "content_base64" not in given:
        return str(given.get("content", "")).encode()
    try:
        return base64.b64decode(str(given["content_base64"]), validate=True)
    except binascii.Error as error:
        raise Impossible("`content_base64` is no base64: encode the file again.") from error
