"""Follow-up calls in a conversation's thread: the modal that plans one, its message, and the reminder."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from core.models import CallStatus
from core.slack import blocks
from core.slack.blocks import Block, Element
from core.slack.views import thread
from core.slack.views.card import Card
from core.usecases.calls import LONGEST_NOTE, Shown, Wanted
from core.usecases.threads import Facts

VIEW = f"{thread.CALL}.submit"
DONE, CANCEL, NUMBER = (f"conversation.call_{verb}" for verb in ("done", "cancel", "number"))
_SOON = timedelta(hours=1)
_HEADS = {
    CallStatus.PLANNED: ":telephone_receiver: Call planned for {when} by {who}.",
    CallStatus.DONE: ":white_check_mark: Call done: planned for {when} by {who}.",
    CallStatus.CANCELLED: ":x: Call cancelled: it was planned for {when} by {who}.",
    CallStatus.MISSED: ":warning: Call missed: it was planned for {when} by {who}.",
}
_ERASED = "Whom this call was to was erased. It won't take place."
_OUT_OF_REACH = ":no_entry_sign: They have opted out since, or their number is blocked. Don't call; cancel the call."


def ask(facts: Facts, *, caller: str, now: datetime) -> Block:
    """Draw the modal in which a call is planned; Slack shows times in each person's own zone."""
    at: Element = {
        "type": "datetimepicker",
        "action_id": "at",
        "initial_date_time": int((now + _SOON).timestamp()) // 900 * 900,
    }
    who: Element = {"type": "users_select", "action_id": "caller", "initial_user": caller}
    body = [
        blocks.section(f"A call to {thread.whom(facts)}"),
        blocks.input_block("When", at, block_id="at", hint="They are reminded in the thread at this time."),
        blocks.input_block("Who calls", who, block_id="caller", hint="Somebody with a role in Blast."),
        blocks.input_block(
            "Note",
            blocks.text_input("note", most=LONGEST_NOTE, is_long=True),
            block_id="note",
            hint="Only staff see it, in the thread.",
            is_optional=True,
        ),
    ]
    return blocks.modal(
        VIEW, "Schedule a call", body, submit="Schedule", close="Cancel", metadata=str(facts.conversation.id)
    )


def read(view: Mapping[str, Any]) -> tuple[UUID, Wanted]:
    """Return the conversation, and the call that is wanted."""
    values = view["state"]["values"]
    seconds = values["at"]["at"].get("selected_date_time")
    at = datetime.fromtimestamp(int(seconds), UTC) if seconds else None
    caller = str(values["caller"]["caller"].get("selected_user") or "")
    return thread.parse_id(view["private_metadata"]), Wanted(at, caller, thread.typed(view, "note"))


def read_button(action: Mapping[str, Any]) -> tuple[UUID, UUID]:
    """Return the conversation and the call that a button is about."""
    return thread.parse_pair(action.get("value", ""))


def render(shown: Shown) -> Card:
    """Draw a call as it stands: when, by whom, what was noted, and what can be said of it."""
    call = shown.call
    head = _HEADS[call.status].format(when=blocks.moment(call.at), who=blocks.person(shown.caller))
    if shown.made_by != shown.caller and call.status is CallStatus.PLANNED:
        head += f" {blocks.person(shown.made_by)} has asked for it."
    note = thread.visible(call.note).strip()
    return Card(head, [blocks.section(head), *([blocks.quote(note)] if note else []), *blocks.actions(_buttons(shown))])


def render_due(shown: Shown, facts: Facts) -> Card:
    """Remind who calls that it is time; the number itself is shown to them only, when they ask for it."""
    told = f":telephone_receiver: {blocks.person(shown.caller)}: it is time to call {thread.whom(facts)}."
    warning = [blocks.context(_OUT_OF_REACH)] if facts.blocked else []
    return Card(told, [blocks.section(told), *warning, *blocks.actions(_buttons(shown))])


def render_erased() -> Card:
    """Draw what is left of a call to somebody who was erased."""
    return Card(_ERASED, [blocks.context(_ERASED)])


def number(told: str) -> str:
    """Say the whole number to who calls."""
    return f"Call {blocks.escape(told)}. Only you see this. Press Done when you have spoken."


def _buttons(shown: Shown) -> list[Element]:
    call = shown.call
    value = f"{call.conversation_id}:{call.id}"
    done = [blocks.button("Done", DONE, value, style="primary"), blocks.button("Show number", NUMBER, value)]
    if call.status is CallStatus.PLANNED:
        return [*done, blocks.button("Cancel", CANCEL, value)]
    return done if call.status is CallStatus.MISSED else []
