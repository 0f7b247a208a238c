"""Block Kit in small constructors that keep Slack's limits: our own words are cut with an ellipsis, nobody else's are.

Source: https://docs.slack.dev/reference/block-kit/blocks
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

Block = dict[str, Any]
Element = dict[str, Any]

SECTION, HEADER, BUTTON, OPTION, TITLE, FALLBACK = 3000, 150, 75, 75, 24, 3000
FIELD, FIELDS, ELEMENTS, OPTIONS, MESSAGE_BLOCKS, VIEW_BLOCKS = 2000, 10, 25, 100, 50, 100
_ELLIPSIS = "…"


class TooLarge(ValueError):
    """Something of ours doesn't fit Slack's limits and can't be cut: a bug, found before Slack refuses it."""


def cut(text: str, most: int) -> str:
    """Shorten words of ours to what Slack takes."""
    return text if len(text) <= most else text[: most - 1].rstrip() + _ELLIPSIS


def counted(count: int, noun: str) -> str:
    """Write how many there are of something."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def escape(text: str) -> str:
    """Make people's words harmless in Slack's markup: no mention, link or date can be made of them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain(text: str, most: int = SECTION) -> Element:
    """Return a text object without markup."""
    return {"type": "plain_text", "text": cut(text, most), "emoji": True}


def mrkdwn(text: str, most: int = SECTION) -> Element:
    """Return a text object with Slack's markup; escape people's words before."""
    # `verbatim` keeps Slack from turning names and addresses within people's words into mentions and links.
    return {"type": "mrkdwn", "text": cut(text, most), "verbatim": True}


def header(text: str) -> Block:
    """Return a heading."""
    return {"type": "header", "text": plain(text, HEADER)}


def section(text: str, *, accessory: Element | None = None, block_id: str | None = None) -> Block:
    """Return a paragraph."""
    return _named({"type": "section", "text": mrkdwn(text)}, block_id, accessory=accessory)


def fields(pairs: Iterable[tuple[str, str]]) -> Block:
    """Return up to ten small facts in two columns, each a label and its value."""
    found = [mrkdwn(f"*{label}*\n{value}", FIELD) for label, value in pairs]
    if not 1 <= len(found) <= FIELDS:
        raise TooLarge(f"{len(found)} fields in a section")
    return {"type": "section", "fields": found}


def quote(text: str) -> Block:
    """Quote people's words as they are, whole: in rich text nothing is read as markup, a mention or a link."""
    parts = [text[start : start + SECTION] for start in range(0, len(text), SECTION)] or [" "]
    inner = [{"type": "text", "text": part} for part in parts]
    return {"type": "rich_text", "elements": [{"type": "rich_text_quote", "elements": inner}]}


def paragraphs(lines: Iterable[str]) -> list[Block]:
    """Return lines of markup, over as many paragraphs as it takes."""
    return [section(page) for page in _pages(lines, SECTION)]


def names(given: Sequence[str], *, most: int = 1500) -> str:
    """Name things, escaped; those that would take more than `most` characters are counted."""
    listed, size = [], 0
    for name in map(escape, given):
        size += len(name) + 2
        if size > most:
            break
        listed.append(name)
    more = f" and {len(given) - len(listed)} more" if len(listed) < len(given) else ""
    return f"{', '.join(listed)}{more}"


def context(*texts: str) -> Block:
    """Return a line of small print."""
    return {"type": "context", "elements": [mrkdwn(text, FIELD) for text in texts[:10]]}


def divider(*, block_id: str | None = None) -> Block:
    """Return a rule."""
    return _named({"type": "divider"}, block_id)


def actions(elements: Sequence[Element], *, block_id: str | None = None) -> list[Block]:
    """Return a row of buttons, or nothing when there are none: Slack refuses an empty row."""
    if len(elements) > ELEMENTS:
        raise TooLarge(f"{len(elements)} buttons in a row")
    return [_named({"type": "actions", "elements": list(elements)}, block_id)] if elements else []


def button(
    text: str, action_id: str, value: str, *, style: str | None = None, confirm: Element | None = None
) -> Element:
    """Return a button; `value` is ours and must fit whole."""
    if len(value) > 2000 or len(action_id) > 255:
        raise TooLarge(f"value or action_id of {action_id}")
    element = {"type": "button", "text": plain(text, BUTTON), "action_id": action_id, "value": value}
    return element | {key: given for key, given in (("style", style), ("confirm", confirm)) if given}


def confirm(title: str, text: str, *, yes: str, no: str, is_dangerous: bool = False) -> Element:
    """Return the question that Slack asks before a button's press is sent."""
    question = {"title": plain(title, 100), "text": plain(text, 300), "confirm": plain(yes, 30), "deny": plain(no, 30)}
    return question | {"style": "danger" if is_dangerous else "primary"}


def menu(action_id: str, options: Sequence[Element], placeholder: str, *, initial: Element | None = None) -> Element:
    """Return a menu to choose one of; its options go as they are."""
    if not 1 <= len(options) <= OPTIONS:
        raise TooLarge(f"{len(options)} options in {action_id}")
    element = {"type": "static_select", "action_id": action_id, "placeholder": plain(placeholder, 150)}
    return element | {"options": list(options)} | ({"initial_option": initial} if initial else {})


def option(text: str, value: str) -> Element:
    """Return a choice; its value is at most 150 characters."""
    if len(value) > 150:
        raise TooLarge(f"option value {value[:20]}")
    return {"text": plain(text, OPTION), "value": value}


def input_block(
    label: str, element: Element, *, block_id: str, hint: str = "", is_optional: bool = False, dispatches: bool = False
) -> Block:
    """Return a labelled input; `dispatches` tells us of every change."""
    block = {"type": "input", "block_id": block_id, "label": plain(label, 2000), "element": element}
    extras = {"optional": is_optional, "dispatch_action": dispatches, "hint": plain(hint, 2000) if hint else None}
    return block | {key: given for key, given in extras.items() if given}


def text_input(action_id: str, *, initial: str = "", most: int = 3000, is_long: bool = False, **more: Any) -> Element:
    """Return a field to type in; `more` goes to the element as it is."""
    element = {"type": "plain_text_input", "action_id": action_id, "multiline": is_long, "max_length": most, **more}
    return element | ({"initial_value": initial} if initial else {})


def modal(
    callback_id: str,
    title: str,
    body: Sequence[Block],
    *,
    submit: str | None = None,
    close: str = "Close",
    metadata: str = "",
) -> Block:
    """Return a modal; with inputs it needs a `submit`."""
    if len(body) > VIEW_BLOCKS or len(metadata) > 3000:
        raise TooLarge(f"modal {callback_id}")
    view = {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain(title, TITLE),
        "close": plain(close, TITLE),
        "private_metadata": metadata,
        "blocks": list(body),
    }
    return view | ({"submit": plain(submit, TITLE)} if submit else {})


def home(body: Sequence[Block]) -> Block:
    """Return what is shown under the app's Home tab; what doesn't fit is left off."""
    return {"type": "home", "blocks": list(body[:VIEW_BLOCKS])}


def moment(when: datetime) -> str:
    """Write an instant so that each reader sees it in their own time zone."""
    fallback = when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(when.timestamp())}^{{date_short_pretty}} at {{time}}|{fallback}>"


def person(slack_user_id: str) -> str:
    """Mention a Slack user."""
    return f"<@{slack_user_id}>"


def _named(block: Block, block_id: str | None, *, accessory: Element | None = None) -> Block:
    extras = {"block_id": block_id, "accessory": accessory}
    return block | {key: given for key, given in extras.items() if given}


def _pages(lines: Iterable[str], most: int) -> list[str]:
    """Join lines to pages of at most `most` characters; a longer line goes on on the next page."""
    pages = [""]
    for line in lines:
        for piece in _pieces(line, most):
            joined = f"{pages[-1]}\n{piece}" if pages[-1] else piece
            if len(joined) <= most:
                pages[-1] = joined
            else:
                pages.append(piece)
    return [page for page in pages if page]


def _pieces(line: str, most: int) -> Iterable[str]:
    while len(line) > most:
        # Not within an entity such as &amp;: it would show as its letters.
        end = most if "&" not in line[most - 5 : most] else line.rindex("&", 0, most)
        yield line[:end]
        line = line[end:]
    yield line
