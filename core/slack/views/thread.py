"""A conversation's thread: its first message with the buttons, each text in it, and the modals; and what these say."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from core.domain import address, voice
from core.errors import Invalid
from core.models import Conversation, ConversationStatus, Inbound, Suppression, SuppressionCause
from core.slack import blocks
from core.slack.blocks import Block, Element
from core.slack.views import attached
from core.slack.views.card import Card
from core.usecases import answerable, erasure, inbox
from core.usecases.inbox import Waiting
from core.usecases.threads import Facts

CLAIM, TEXT_BACK, NOTE, CLOSE = (f"conversation.{verb}" for verb in ("claim", "text_back", "note", "close"))
CALL = "conversation.call"
CHOOSE_BLAST = "conversation.choose_blast"
OPT_OUT, CONFIRM_OPT_OUT, NOT_OPT_OUT = (
    f"conversation.{verb}" for verb in ("opt_out", "confirm_opt_out", "not_opt_out")
)
LIFT = "conversation.lift"
NOTE_VIEW = f"{NOTE}.submit"
_NOTED = "note"
_MOST_SHOWN, _MOST_IN_NOTICE, _MOST_OF_NAME = 3000, 150, 60
_BLOCKED = {
    SuppressionCause.OPT_OUT: ":no_entry_sign: They opted out and can't be texted.",
    SuppressionCause.HARD_FAILURE: ":warning: Their number could not be reached, so texts to it are stopped.",
    SuppressionCause.MANUAL: ":no_entry_sign: Staff have stopped texts to this number.",
}
_BY_EMAIL = (
    ":email: They wrote by e-mail, which Blast can't send. Answer from your mailbox, write a note here so that the "
    "others know, and close it."
)
_OPTED_OUT_BY_EMAIL = ":no_entry_sign: They opted out. Don't answer them from your mailbox either."
_BLOCKED_AT_PROVIDER = (
    ":no_entry_sign: They texted STOP: the provider blocks our texts until they text START themselves."
)
_WITHHELD = (
    ":telephone_receiver: They called and withheld their number, so they can be neither called nor texted. Write a "
    "note here if something is to be done, and close it."
)
_ERASED = "Whoever wrote here was erased. Nothing more comes of it; what stands below must be deleted by hand."
_BEFORE_LIFTING = {
    SuppressionCause.OPT_OUT: "They opted out, so do this only if they have asked for texts again. If they texted "
    "STOP, Twilio goes on blocking our texts until they text START themselves.",
    SuppressionCause.HARD_FAILURE: "Their number could not be reached. Do this if you know that it works again.",
    SuppressionCause.MANUAL: "Staff have stopped texts to this number. Do this if their reason is gone.",
}
_SUSPECTED = ":question: This looks like an opt-out. They get no texts until you have decided."
# Invisible in themselves, they hide words, turn them round, or lend one name the looks of another.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028\u2029\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffc\U000e0000-\U000e0fff]"
)
# Joiners make emoji and are letters' business in some scripts; between plain letters they only hide something.
_STRAY_JOINER = re.compile("(?<=[\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?=[\x00-\x7f]|$)|^[\u200c\u200d]+")
_PILED_MARKS = re.compile(
    r"((?:[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]){3})"
    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)

_MARKUP = re.compile("[*_~`]")


def render(facts: Facts, *, trusted_host: str) -> Card:
    """Draw a thread's first message as it stands: who, about what, their first text, and what can be done."""
    if erasure.is_erased(facts.conversation.address):
        return Card(_ERASED, [blocks.context(_ERASED)])
    who = whom(facts)
    about = f" answers *{blocks.escape(visible(facts.blast_name))}*" if facts.blast_name else _does(facts.opening)
    opening = words(facts.opening, trusted_host=trusted_host) if facts.opening else []
    drawn = [
        blocks.section(f"{who}{about}"),
        *opening,
        blocks.context(_state(facts)),
        *_how_to_answer(facts),
        *_choice(facts),
        *_buttons(facts),
    ]
    return Card(_notice(facts, facts.opening), drawn)


def render_text(facts: Facts, inbound: Inbound, *, trusted_host: str) -> Card:
    """Draw one more text of the same person."""
    conversation = str(facts.conversation.id)
    buttons = _decisions(conversation) if facts.is_suspected else _text_back(facts)
    warning = [blocks.context(_SUSPECTED)] if facts.is_suspected else []
    drawn = [*words(inbound, trusted_host=trusted_host), *warning]
    return Card(_notice(facts, inbound), [*drawn, *([] if _is_silent(facts) else blocks.actions(buttons))])


def render_step(note: str, *, by: str | None) -> Card:
    """Draw what somebody did; the first line of `note` says it, the others quote what they wrote."""
    head, _, quoted = note.partition("\n")
    said = f"{blocks.person(by)}: {blocks.escape(head)}" if by else blocks.escape(head)
    return Card(said, [blocks.section(said), *([_quote(visible(quoted))] if quoted else [])])


def words(inbound: Inbound, *, trusted_host: str) -> list[Block]:
    """Return a member's words as nothing but words, whatever they are, and pictures as links to the provider's host."""
    text = visible(inbound.body).strip()
    shown = [_quote(text)] if text else []
    links = [_link(number, part, trusted_host) for number, part in enumerate(inbound.media, start=1)]
    return [*shown, *([blocks.context(*links)] if links else [])] or [blocks.context("_An empty text._")]


def visible(text: str) -> str:
    """Take out what can't be seen but misleads: controls, zero-width and direction marks, piles of accents."""
    text = _INVISIBLE.sub("", "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc"))
    return _PILED_MARKS.sub(r"\1", _STRAY_JOINER.sub("", text))


def ask_for_note(facts: Facts) -> Block:
    """Draw the modal in which staff write something down for each other."""
    field = blocks.text_input(_NOTED, most=2000, is_long=True, focus_on_load=True)
    body = [blocks.input_block("Note", field, block_id=_NOTED, hint="Only staff see it, in the thread.")]
    return blocks.modal(
        NOTE_VIEW, "Note", body, submit="Write down", close="Cancel", metadata=str(facts.conversation.id)
    )


def read(action: Mapping[str, Any]) -> UUID:
    """Return the conversation that a button is about."""
    return parse_id(str(action.get("value", "")))


def read_note(view: Mapping[str, Any]) -> tuple[UUID, str]:
    """Return the conversation, and what is to be written down."""
    return parse_id(view["private_metadata"]), typed(view, _NOTED)


def typed(view: Mapping[str, Any], name: str) -> str:
    """Return what was typed into a field of a modal."""
    return str(view["state"]["values"][name][name].get("value") or "")


def parse_id(text: str) -> UUID:
    """Read a conversation's id out of a button or a modal."""
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("This button is not one of ours. Use the newest message of the thread.") from None


def whom(facts: Facts) -> str:
    """Name a member, with the last digits of their number."""
    name = blocks.escape(_name(facts))
    return f"*{name or 'Somebody'}* ({_ending(facts.conversation)})"


def _name(facts: Facts) -> str:
    return blocks.cut(" ".join(_MARKUP.sub("", visible(facts.name)).split()), _MOST_OF_NAME)


def _notice(facts: Facts, inbound: Inbound | None) -> str:
    """Return what notifications show and screen readers read."""
    text = " ".join(visible(inbound.body).split()) if inbound else ""
    who = f"{_name(facts) or 'Somebody'} ({_ending(facts.conversation)})"
    wordless = attached.without_words(inbound.media if inbound else ())
    return blocks.escape(f"{who}: {blocks.cut(text, _MOST_IN_NOTICE)}" if text else f"{who} {wordless}")


def _does(opening: Inbound | None) -> str:
    return " calls" if opening and any(map(attached.is_recording, opening.media)) else " writes"


def _how_to_answer(facts: Facts) -> list[Block]:
    if answerable.is_by_email(facts.conversation):
        may_be_answered = facts.blocked is None or facts.blocked.cause is SuppressionCause.HARD_FAILURE
        return [blocks.context(_BY_EMAIL)] if may_be_answered else []
    return [blocks.context(_WITHHELD)] if voice.is_withheld(facts.conversation.address) else []


def _state(facts: Facts) -> str:
    if facts.is_suspected:
        return _SUSPECTED
    if facts.blocked:
        is_by_email = answerable.is_by_email(facts.conversation)
        is_opt_out = facts.blocked.cause is SuppressionCause.OPT_OUT
        return _OPTED_OUT_BY_EMAIL if is_by_email and is_opt_out else _BLOCKED[facts.blocked.cause]
    if facts.is_blocked_at_provider:
        return _BLOCKED_AT_PROVIDER
    if facts.conversation.status is ConversationStatus.CLOSED:
        return ":white_check_mark: Closed. It opens again when they write."
    if facts.claimed_by:
        return f":bust_in_silhouette: {blocks.person(facts.claimed_by)} has it."
    return (
        ":speech_balloon: Open. Nobody has it." if not facts.conversation.answered_at else ":speech_balloon: Answered."
    )


def _is_silent(facts: Facts) -> bool:
    """Tell whether there is nothing to offer: they can't be texted, and nothing is to be decided."""
    return (facts.blocked is not None or facts.is_blocked_at_provider) and not facts.is_suspected


def _buttons(facts: Facts) -> list[Block]:
    conversation, is_open = str(facts.conversation.id), facts.conversation.status is ConversationStatus.OPEN
    row: list[Element] = _decisions(conversation) if facts.is_suspected else []
    if not facts.blocked:
        row += [blocks.button("Claim", CLAIM, conversation)] if is_open and not facts.claimed_by else []
        row += [*_text_back(facts), *_call(facts)]
    row.append(blocks.button("Note", NOTE, conversation))
    row += [blocks.button("Close", CLOSE, conversation)] if is_open else []
    if not facts.blocked and not voice.is_withheld(facts.conversation.address):
        sure = blocks.confirm(
            "Opt them out?",
            "They get no more texts from us until they text START.",
            yes="Opt out",
            no="Cancel",
            is_dangerous=True,
        )
        row.append(blocks.button("Opt out", OPT_OUT, conversation, style="danger", confirm=sure))
    elif facts.blocked and not facts.is_suspected:
        row.append(_lift(conversation, facts.blocked))
    return blocks.actions(row)


def _lift(conversation: str, held: Suppression) -> Element:
    sure = blocks.confirm(
        "Allow texts again?", _BEFORE_LIFTING[held.cause], yes="Allow texts", no="Cancel", is_dangerous=True
    )
    return blocks.button("Allow texts again", LIFT, f"{conversation}:{held.id}", confirm=sure)


def read_lift(action: Mapping[str, Any]) -> tuple[UUID, UUID]:
    """Return the conversation, and the suppression that its thread showed."""
    return parse_pair(action.get("value", ""))


def parse_pair(value: object) -> tuple[UUID, UUID]:
    """Read a conversation's id, and another, out of a button or a menu."""
    conversation, _, other = str(value).partition(":")
    return parse_id(conversation), parse_id(other)


def _choice(facts: Facts) -> list[Block]:
    """Offer the blasts that they may be answering, the one we take it for chosen."""
    conversation = facts.conversation
    offered = [
        (blast_id, blocks.option(visible(name) or "(no name)", f"{conversation.id}:{blast_id}"))
        for blast_id, name in facts.answerable
    ]
    if not offered:
        return []
    chosen = next((option for blast_id, option in offered if blast_id == conversation.blast_id), None)
    menu = blocks.menu(CHOOSE_BLAST, [option for _, option in offered], "Which blast?", initial=chosen)
    return [blocks.section("About which of the blasts that reached them:", accessory=menu, block_id=CHOOSE_BLAST)]


def read_choice(action: Mapping[str, Any]) -> tuple[UUID, UUID]:
    """Return the conversation, and the blast that it was said to be about."""
    return parse_pair((action.get("selected_option") or {}).get("value", ""))


def listing(waiting: Sequence[Waiting]) -> list[str]:
    """List conversations, a line each, with a link to its thread."""
    return [_line(each) for each in waiting]


def _line(waiting: Waiting) -> str:
    found = waiting.conversation
    name = blocks.escape(_MARKUP.sub("", visible(blocks.cut(waiting.name, _MOST_OF_NAME)))) or "Somebody"
    label = f"{name} ({_ending(found)})"
    link = f"https://slack.com/archives/{found.thread_channel}/p{found.thread_ts.replace('.', '')}"
    who = f"<{link}|{label}>" if found.thread_ts else label
    state = _waiting_state(waiting)
    has_it = f" · {blocks.person(waiting.claimed_by)} has it" if waiting.claimed_by else ""
    call = f" · call planned {blocks.moment(waiting.call_at)}" if waiting.call_at else ""
    return f"• {who} {state} {blocks.moment(found.last_inbound_at)}{has_it}{call}"


def _waiting_state(waiting: Waiting) -> str:
    if waiting.is_out_of_reach:
        return "can't be texted, last wrote"
    return "waits since" if inbox.is_waiting(waiting.conversation) else "answered, last wrote"


def render_waiting(facts: Facts) -> Card:
    """Remind staff that somebody waits; who has the conversation is named."""
    called = f"{blocks.person(facts.claimed_by)}: " if facts.claimed_by else ""
    since = blocks.moment(facts.conversation.last_inbound_at)
    told = f":hourglass: {called}{whom(facts)} has waited for an answer since {since}."
    return Card(told, [blocks.section(told), *blocks.actions(_text_back(facts))])


def _ending(conversation: Conversation) -> str:
    """Return as much of an address as a channel may know."""
    if answerable.is_by_email(conversation):
        return blocks.escape(address.masked(conversation.address))
    return "number withheld" if voice.is_withheld(conversation.address) else f"…{conversation.address[-4:]}"


def _text_back(facts: Facts) -> list[Element]:
    if facts.is_blocked_at_provider or not answerable.can_be_texted(facts.conversation):
        return []
    return [blocks.button("Text back", TEXT_BACK, str(facts.conversation.id), style="primary")]


def _call(facts: Facts) -> list[Element]:
    if not answerable.can_be_texted(facts.conversation):
        return []
    return [blocks.button("Schedule a call", CALL, str(facts.conversation.id))]


def _decisions(conversation: str) -> list[Element]:
    return [
        blocks.button("Opt out", CONFIRM_OPT_OUT, conversation, style="danger"),
        blocks.button("Not an opt-out", NOT_OPT_OUT, conversation),
    ]


def _quote(text: str) -> Block:
    return blocks.quote(blocks.cut(text, _MOST_SHOWN))


def _link(number: int, part: Mapping[str, Any], trusted_host: str) -> str:
    """Link to a picture where the provider keeps it; to any other place nobody is sent. A voice message follows."""
    if attached.is_recording(part):
        return attached.recording(part)
    url, kind = str(part.get("url", "")), blocks.escape(visible(str(part.get("type", ""))))[:50]
    label = f"Picture {number}" if kind.startswith("image/") else f"Attachment {number} ({kind or 'unknown'})"
    return (
        f":paperclip: <{blocks.escape(url)}|{label}>"
        if attached.is_kept_by(trusted_host, url)
        else f":paperclip: {label} (its address isn't the provider's)"
    )
