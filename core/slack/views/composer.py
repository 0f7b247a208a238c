"""The composer: the modal in which a blast is written, with its meter, and the parser of what was filled in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from core.domain import message
from core.errors import Invalid
from core.models import Blast, ChannelName
from core.slack import blocks
from core.slack.blocks import Block, Element
from core.slack.views import meter
from core.usecases.choices import Choice
from core.usecases.previewing import Content, Preview

CALLBACK = "blast.compose"
OPEN = "blast.compose"
FIX = meter.FIX
NAME, AUDIENCES, EXCLUDED, CHANNEL, BODY, WHEN, SEND_AT = (
    "name", "audiences", "excluded", "channel", "body", "when", "send_at",
)  # fmt: skip
INPUTS = (NAME, AUDIENCES, EXCLUDED, CHANNEL, BODY, WHEN, SEND_AT)
# Slack keeps what was typed under a block_id: a text that we replace must come under another.
_FIXED_BODY = "body.fixed"
_NOW, _LATER = "now", "later"
_TYPED = {"trigger_actions_on": ["on_character_entered"]}
# Only what can be sent today is offered.
_CHANNELS = {ChannelName.SMS: "Text message (SMS)"}


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in the composer, whole or not. `blast_id` and `revision`: the draft that it changes, if any."""

    name: str = ""
    audience_ids: tuple[UUID, ...] = ()
    excluded_ids: tuple[UUID, ...] = ()
    channel: ChannelName = ChannelName.SMS
    body: str = ""
    is_later: bool = False
    send_at: datetime | None = None
    blast_id: UUID | None = None
    revision: int = 0
    body_block: str = BODY

    def content(self) -> Content:
        """Return what would be sent."""
        send_at = self.send_at if self.is_later else None
        return Content(self.name.strip(), self.channel, self.body, self.audience_ids, self.excluded_ids, send_at)

    def faults(self) -> dict[str, str]:
        """Return what is wrong in the form itself, by field."""
        if self.is_later and self.send_at is None:
            return {SEND_AT: "Choose a day and time, or send it now."}
        return {}

    def with_fixed_body(self) -> "Form":
        """Replace the characters that make the text dear."""
        block = _FIXED_BODY if self.body_block == BODY else BODY
        return replace(self, body=message.fix(self.body), body_block=block)


def form_of(blast: Blast, content: Content) -> Form:
    """Return the form of a saved draft."""
    return Form(
        name=content.name,
        audience_ids=content.audience_ids,
        excluded_ids=content.excluded_ids,
        channel=content.channel,
        body=content.body,
        is_later=content.send_at is not None,
        send_at=content.send_at,
        blast_id=blast.id,
        revision=blast.revision,
    )


def render(
    form: Form, choices: Sequence[Choice], *, preview: Preview | None, faults: Mapping[str, str], now: datetime
) -> Block:
    """Draw the composer; more `choices` than a menu holds are looked up as somebody types."""
    metadata = json.dumps({"blast_id": str(form.blast_id), "revision": form.revision}) if form.blast_id else ""
    body = [
        blocks.input_block("Name", _name(form), block_id=NAME, hint="Only staff see it."),
        blocks.input_block(
            "Audiences", _menu(AUDIENCES, form.audience_ids, choices), block_id=AUDIENCES, dispatches=True
        ),
        blocks.input_block(
            "Leave out",
            _menu(EXCLUDED, form.excluded_ids, choices),
            block_id=EXCLUDED,
            is_optional=True,
            dispatches=True,
        ),
        blocks.input_block("Channel", _channel(form), block_id=CHANNEL, dispatches=True),
        blocks.input_block("Text", _text(form), block_id=form.body_block, hint=_HINT, dispatches=True),
        blocks.input_block("When", _when(form), block_id=WHEN, dispatches=True),
        *_send_at(form, now),
        blocks.divider(block_id="rule"),
        *meter.render(form.body, preview, faults),
    ]
    title = "Change the blast" if form.blast_id else "New blast"
    return blocks.modal(CALLBACK, title, body, submit="Send to review", close="Discard", metadata=metadata)


_HINT = "{first_name|friend} becomes each recipient's first name, or “friend”. Any imported column works the same way."


def read(view: Mapping[str, Any]) -> Form:
    """Read what stands in the composer.

    Raises:
        Invalid: it isn't the composer's, or was tampered with.
    """
    state = {
        action_id: (block_id, held)
        for block_id, actions in view["state"]["values"].items()
        for action_id, held in actions.items()
    }
    try:
        known = json.loads(view.get("private_metadata") or "{}")
        return Form(
            name=_typed(state, NAME),
            audience_ids=_ids(state, AUDIENCES),
            excluded_ids=_ids(state, EXCLUDED),
            channel=ChannelName(_picked(state, CHANNEL) or ChannelName.SMS),
            body=_typed(state, BODY),
            is_later=_picked(state, WHEN) == _LATER,
            send_at=_moment(state),
            blast_id=UUID(known["blast_id"]) if known else None,
            revision=int(known.get("revision", 0)),
            body_block=state[BODY][0] if BODY in state else BODY,
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise Invalid("This form can't be read. Close it and open it again.", field=NAME) from None


def options(choices: Sequence[Choice]) -> list[Element]:
    """Return audiences as a menu offers them."""
    return [_option(choice) for choice in choices[: blocks.OPTIONS]]


def _option(choice: Choice) -> Element:
    # The count must stay to be seen: a long name gives way.
    size = f" ({choice.count:,})"
    return blocks.option(blocks.cut(choice.name, blocks.OPTION - len(size)) + size, str(choice.id))


def _name(form: Form) -> Element:
    return blocks.text_input(NAME, initial=form.name, most=150, placeholder=blocks.plain("Rent meeting on Monday"))


def _menu(action_id: str, chosen: Sequence[UUID], choices: Sequence[Choice]) -> Element:
    picked = options([choice for choice in choices if choice.id in chosen])
    menu: Element = {"action_id": action_id, "placeholder": blocks.plain("Choose audiences", 150)}
    if not choices or len(choices) > blocks.OPTIONS:
        menu |= {"type": "multi_external_select", "min_query_length": 0}
    else:
        menu |= {"type": "multi_static_select", "options": options(choices)}
    return menu | ({"initial_options": picked} if picked else {})


def _channel(form: Form) -> Element:
    offered = [blocks.option(label, channel.value) for channel, label in _CHANNELS.items()]
    first = next((option for option in offered if option["value"] == form.channel.value), offered[0])
    return {"type": "static_select", "action_id": CHANNEL, "options": offered, "initial_option": first}


def _text(form: Form) -> Element:
    return blocks.text_input(BODY, initial=form.body, is_long=True, dispatch_action_config=_TYPED)


def _when(form: Form) -> Element:
    offered = [blocks.option("As soon as it is approved", _NOW), blocks.option("Later", _LATER)]
    return {"type": "radio_buttons", "action_id": WHEN, "options": offered, "initial_option": offered[form.is_later]}


def _send_at(form: Form, now: datetime) -> list[Block]:
    """Ask for the time once it is wanted; Slack shows it in the reader's own time zone."""
    if not form.is_later:
        return []
    soon = (now + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    picker = {
        "type": "datetimepicker",
        "action_id": SEND_AT,
        "initial_date_time": int((form.send_at or soon).timestamp()),
    }
    return [blocks.input_block("Send at", picker, block_id=SEND_AT, dispatches=True, hint="In your own time zone.")]


def _typed(state: Mapping[str, Any], action_id: str) -> str:
    return state[action_id][1].get("value") or "" if action_id in state else ""


def _picked(state: Mapping[str, Any], action_id: str) -> str | None:
    option = state[action_id][1].get("selected_option") if action_id in state else None
    return option["value"] if option else None


def _ids(state: Mapping[str, Any], action_id: str) -> tuple[UUID, ...]:
    picked = state[action_id][1].get("selected_options") if action_id in state else None
    return tuple(UUID(option["value"]) for option in picked or ())


def _moment(state: Mapping[str, Any]) -> datetime | None:
    seconds = state[SEND_AT][1].get("selected_date_time") if SEND_AT in state else None
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
