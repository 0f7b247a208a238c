"""The Text back modal: what staff text to a member, begun from nothing, a saved answer, or the assistant's draft."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from core.errors import Invalid
from core.models import Draft, SavedAnswer
from core.slack import blocks
from core.slack.blocks import Block
from core.slack.views import thread
from core.usecases.threads import Facts

CALLBACK = f"{thread.TEXT_BACK}.submit"
SAVED = f"{thread.TEXT_BACK}.saved"
_REPLY, _SAVE_AS, _DRAFTED = "reply", "save_as", "drafted"
_LONGEST_NAME = 75
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HINT = "It goes to their phone, from our number. What is written in the thread never does."
_FROM_ASSISTANT = (
    ":robot_face: *The assistant drafted this.* Nobody has checked it: read it, change it, or write your own."
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What was submitted. `save_as`: the name to save it under; `draft_id`: the draft that was in the modal.

    `seen_at`: when the member's last text had come when the modal was opened.
    """

    conversation_id: UUID
    text: str
    save_as: str
    draft_id: UUID | None
    seen_at: datetime | None


def render(facts: Facts, saved: Sequence[SavedAnswer], *, longest: int, draft: Draft | None = None) -> Block:
    """Draw the modal; a draft stands in it as what it is."""
    body = [
        blocks.section(f"To {thread.whom(facts)}"),
        *_menu(saved),
        *([blocks.section(_FROM_ASSISTANT, block_id=_DRAFTED)] if draft else []),
        _field(_REPLY, draft.body if draft else "", longest),
        blocks.input_block(
            "Save it for later as",
            blocks.text_input(_SAVE_AS, most=_LONGEST_NAME),
            block_id=_SAVE_AS,
            hint="A name, if others should be able to choose this answer.",
            is_optional=True,
        ),
    ]
    seen_us = (facts.conversation.last_inbound_at - _EPOCH) // timedelta(microseconds=1)
    place = f"{facts.conversation.id}:{draft.id if draft else ''}:{seen_us}"
    return blocks.modal(CALLBACK, "Text back", body, submit="Send text", close="Cancel", metadata=place)


def filled_in(view: Mapping[str, Any], answer: SavedAnswer) -> Block:
    """Draw the open modal with a saved answer in it."""
    field = next(block for block in view["blocks"] if _is_field(block))
    # Slack keeps what was typed as long as a field keeps its name; a new one begins with what we put into it.
    number = int(field["block_id"].partition(".")[2] or 0) + 1
    new = _field(f"{_REPLY}.{number}", answer.body, field["element"]["max_length"])
    # What is no longer the assistant's isn't marked as such, nor counted as such when it is sent.
    conversation, _, seen_us = (*str(view["private_metadata"]).split(":"), "", "")[:3]
    place = f"{conversation}::{seen_us}"
    kept = [block for block in view["blocks"] if block.get("block_id") != _DRAFTED]
    body = [new if block is field else block for block in kept]
    return blocks.modal(CALLBACK, "Text back", body, submit="Send text", close="Cancel", metadata=place)


def read(view: Mapping[str, Any]) -> Reply:
    """Read what was submitted."""
    # A modal that was opened before an upgrade names no time.
    conversation, draft, seen_us = (*str(view["private_metadata"]).split(":"), "", "")[:3]
    values = view["state"]["values"]
    field: Mapping[str, Any] = next((fields[_REPLY] for fields in values.values() if _REPLY in fields), {})
    name = values.get(_SAVE_AS, {}).get(_SAVE_AS, {})
    return Reply(
        thread.parse_id(conversation),
        str(field.get("value") or ""),
        str(name.get("value") or "").strip(),
        UUID(draft) if draft else None,
        _EPOCH + timedelta(microseconds=int(seen_us)) if seen_us else None,
    )


def read_saved(action: Mapping[str, Any]) -> UUID:
    """Return the saved answer that was chosen."""
    try:
        return UUID(str((action.get("selected_option") or {}).get("value", "")))
    except ValueError:
        raise Invalid("This menu is not one of ours. Open Text back again.") from None


def _field(block_id: str, initial: str, longest: int) -> Block:
    field = blocks.text_input(_REPLY, initial=initial[:longest], most=longest, is_long=True, focus_on_load=True)
    return blocks.input_block("Text", field, block_id=block_id, hint=_HINT)


def _is_field(block: Mapping[str, Any]) -> bool:
    return bool(block["type"] == "input" and block["element"]["action_id"] == _REPLY)


def _menu(saved: Sequence[SavedAnswer]) -> list[Block]:
    if not saved:
        return []
    options = [blocks.option(answer.name, str(answer.id)) for answer in saved]
    return blocks.actions([blocks.menu(SAVED, options, "Begin with a saved answer")], block_id=SAVED)
