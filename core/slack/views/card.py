"""A blast's card: what it says, who agreed, how it is doing, and the buttons that its state allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from core.domain.lifecycles import BlastStatus, may
from core.errors import Invalid
from core.models import Blast, ChannelName
from core.slack import blocks
from core.slack.blocks import Block, Element
from core.slack.views import outcome, unknowns
from core.usecases.cards import Facts
from core.usecases.previewing import Preview

# In the order in which they stand; those of them that BLAST_MOVES allows are shown.
VERBS = ("approve", "submit", "undo", "resume", "pause", "request_changes", "edit", "cancel")
TEST = "blast.test"
NOTE_VIEW = "blast.request_changes"
TEST_VIEW = "blast.test"
_LABELS = {
    "approve": "Approve",
    "submit": "Send to review",
    "undo": "Undo approval",
    "resume": "Resume",
    "pause": "Pause",
    "request_changes": "Request changes",
    "edit": "Edit",
    "cancel": "Cancel",
}
_STYLES = {"approve": "primary", "submit": "primary", "resume": "primary", "cancel": "danger", "undo": "danger"}
_BEFORE = frozenset({BlastStatus.DRAFT, BlastStatus.IN_REVIEW})
_RUNNING = frozenset({BlastStatus.SENDING, BlastStatus.PAUSED})
_STATES = {
    BlastStatus.DRAFT: ":pencil2: Draft",
    BlastStatus.IN_REVIEW: ":eyes: Waiting for approval",
    BlastStatus.APPROVED: ":white_check_mark: Approved",
    BlastStatus.SENDING: ":outbox_tray: Sending",
    BlastStatus.PAUSED: ":double_vertical_bar: Paused",
    BlastStatus.FINISHED: ":checkered_flag: Finished",
    BlastStatus.CANCELLED: ":no_entry_sign: Cancelled",
    BlastStatus.EXPIRED: ":hourglass: Expired",
}
_CHANNELS = {ChannelName.SMS: "Text message", ChannelName.EMAIL: "E-mail", ChannelName.VOICE: "Call"}


class Card(NamedTuple):
    """A message: `text` is what notifications and screen readers get."""

    text: str
    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class Button:
    """What a button of a card says when it is pressed: which blast, and what of it the person saw."""

    blast_id: UUID
    revision: int


def action_id(verb: str) -> str:
    """Return the identifier of a verb's button."""
    return f"blast.{verb}"


def render(facts: Facts, now: datetime) -> Card:
    """Draw a blast's card as it stands."""
    blast = facts.blast
    text = f"{blast.name}: {state_of(blast).lower()}"
    drawn = [
        blocks.header(blast.name),
        blocks.section(f"*{_STATES[blast.status]}*{_remark(facts)}"),
        *([blocks.quote(blast.note)] if blast.status is BlastStatus.DRAFT and blast.note else []),
        blocks.fields(_terms(facts)),
        blocks.quote(blast.body),
        *_size(facts),
        *outcome.render(facts, now),
        *(unknowns.render(facts, value(blast)) if blast.status in _RUNNING else []),
        *_consent(facts),
        *_buttons(blast),
    ]
    return Card(blocks.escape(text), drawn)


def state_of(blast: Blast) -> str:
    """Say in a word or two where a blast stands."""
    return _STATES[blast.status].rsplit(": ", 1)[1]


def read(action: Mapping[str, Any]) -> Button:
    """Read a pressed button.

    Raises:
        Invalid: its value isn't of ours.
    """
    return read_value(str(action.get("value", "")))


def read_value(value: str) -> Button:
    """Read `blast_id:revision`, from a button or from a modal that was opened by one."""
    blast_id, _, revision = value.partition(":")
    try:
        return Button(UUID(blast_id), int(revision))
    except ValueError:
        raise Invalid("This button belongs to no blast. Use the blast's newest card.") from None


def value(blast: Blast) -> str:
    """Return what the buttons of a blast's card carry."""
    return f"{blast.id}:{blast.revision}"


def ask_for_note(button_value: str) -> Block:
    """Draw the modal that asks an approver what should be changed."""
    field = blocks.text_input("note", most=500, is_long=True)
    body = [
        blocks.input_block("What should be changed?", field, block_id="note", hint="The author is told in your name.")
    ]
    return blocks.modal(NOTE_VIEW, "Request changes", body, submit="Send back", metadata=button_value)


def read_note(view: Mapping[str, Any]) -> tuple[Button, str]:
    """Read the note of an approver."""
    return read_value(view["private_metadata"]), view["state"]["values"]["note"]["note"].get("value") or ""


def ask_for_phone(button_value: str) -> Block:
    """Draw the modal that asks a member of staff for their phone."""
    field = blocks.text_input("phone", most=40, placeholder=blocks.plain("+1 212 555 0123"))
    hint = "One text goes to this number, as the first recipient would get it. The number isn't kept with your name."
    body = [blocks.input_block("Your phone", field, block_id="phone", hint=hint)]
    return blocks.modal(TEST_VIEW, "Text me a test", body, submit="Text me", metadata=button_value)


def read_phone(view: Mapping[str, Any]) -> tuple[Button, str]:
    """Read the phone of a member of staff."""
    return read_value(view["private_metadata"]), view["state"]["values"]["phone"]["phone"].get("value") or ""


def _remark(facts: Facts) -> str:
    """Say why it is in its state, where that isn't plain."""
    blast = facts.blast
    by = f" by {blocks.person(facts.changed_by)}" if facts.changed_by else ""
    if blast.status in (BlastStatus.PAUSED, BlastStatus.IN_REVIEW) and blast.held_reason:
        return f"{by if blast.status is BlastStatus.PAUSED else ''}: {blocks.escape(blast.held_reason)}"
    if blast.status in (BlastStatus.PAUSED, BlastStatus.CANCELLED):
        return by
    if blast.status is BlastStatus.DRAFT and blast.note:
        return f"\nChanges were requested{by}:"
    if blast.status is BlastStatus.APPROVED and blast.starts_at:
        return f", starts {blocks.moment(blast.starts_at)}. Until then it can be undone."
    if blast.status is BlastStatus.EXPIRED:
        return "\nIt was found too long after its time, so nothing was sent. Compose it again with a new time."
    return ""


def _terms(facts: Facts) -> list[tuple[str, str]]:
    blast = facts.blast
    when = blocks.moment(blast.send_at) if blast.send_at else "As soon as it is approved"
    terms = [
        ("Author", blocks.person(facts.author)),
        ("Channel", _CHANNELS[blast.channel]),
        ("Audiences", blocks.names(facts.audiences)),
        ("When", when),
    ]
    return [*terms, ("Left out", blocks.names(facts.excluded))] if facts.excluded else terms


def _size(facts: Facts) -> list[Block]:
    """Say what it will cost, or what has been spent."""
    if facts.preview is not None:
        return [blocks.section(size_line(facts.preview))]
    when = " so far" if facts.blast.status in _RUNNING else ""
    have_left = "segment has left" if facts.segments == 1 else "segments have left"
    return [blocks.context(f"{facts.segments:,} {have_left}{when}.")] if facts.segments else []


def size_line(preview: Preview) -> str:
    """Say in a line how many a blast goes to, and what it costs."""
    skipped = sum(preview.skipped.values())
    left_out = f" ({skipped:,} more are out of reach: {outcome.reasons(preview.skipped)})" if skipped else ""
    return (
        f"*{preview.recipients:,}* recipients{left_out} · *{preview.segments_total:,}* segments "
        f"({preview.measure.encoding}, up to {preview.measure.segments} each) · about *{money(preview)}*"
    )


def money(preview: Preview) -> str:
    """Write a price with its currency."""
    return f"{preview.cost:,} {preview.currency}"


def _consent(facts: Facts) -> list[Block]:
    blast = facts.blast
    if blast.status is BlastStatus.DRAFT:
        return []
    by = ", ".join(map(blocks.person, facts.approved_by)) or "nobody yet"
    wanted = f" ({len(facts.approved_by)} of {blast.approvals_needed})" if blast.status in _BEFORE else ""
    return [blocks.context(f"Approved by {by}{wanted} · revision {blast.revision} · `{blast.id.hex[:8]}`")]


def _buttons(blast: Blast) -> list[Block]:
    row = [_button(verb, blast) for verb in VERBS if may(verb, blast.status)]
    if blast.status in _BEFORE:
        row.insert(-1, blocks.button("Text me a test", TEST, value(blast)))
    return blocks.actions(row, block_id=f"blast.{blast.revision}.{blast.status.value}")


def _button(verb: str, blast: Blast) -> Element:
    question = None
    if verb == "cancel":
        left = "What has not left yet never will. " if blast.status not in _BEFORE else ""
        question = blocks.confirm(
            "Cancel this blast?",
            f"{left}This can't be undone.",
            yes="Cancel the blast",
            no="Keep it",
            is_dangerous=True,
        )
    return blocks.button(_LABELS[verb], action_id(verb), value(blast), style=_STYLES.get(verb), confirm=question)
