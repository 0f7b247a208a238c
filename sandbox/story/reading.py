"""What people read in Slack's messages and modals: blocks as plain text, and the figures on a card."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

Json = dict[str, Any]

_DATE = re.compile(r"<!date\^[^|>]*\|([^>]*)>")
_PERSON = re.compile(r"<@(\w+)>")
_LINK = re.compile(r"<[^|>]*\|([^>]*)>")
_EMOJI = re.compile(r":[a-z0-9_+-]+: ?")
_COUNT = re.compile(r"([0-9][0-9,]*) ([a-z][a-z ]*)")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def text_of(shown: Json) -> str:
    """Return what a message or modal says, block by block; of one without blocks its text."""
    lines = [line for block in shown.get("blocks") or [] for line in _lines(block)]
    return plain("\n".join(lines) if lines else str(shown.get("text", "")))


def plain(marked: str) -> str:
    """Take Slack's marks out of a text."""
    text = _PERSON.sub(lambda found: f"@{found[1].removeprefix('U0').capitalize()}", _DATE.sub(r"\1", marked))
    text = _EMOJI.sub("", _LINK.sub(r"\1", text)).replace("*", "").replace("`", "")
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text


def buttons_of(shown: Json) -> list[str]:
    """Return the action_ids of the buttons in a message or modal."""
    elements = (element for block in shown.get("blocks") or [] for element in _elements(block))
    return [element["action_id"] for element in elements if element.get("type") == "button"]


def counts_of(text: str, words: Iterable[str]) -> dict[str, int]:
    """Return the figure that stands before each of `words` in a text: `4,812 delivered` is 4812 (0: isn't there)."""
    found: dict[str, int] = {}
    for number, word in _COUNT.findall(text):
        found.setdefault(word.strip(), int(number.replace(",", "")))
    return {word: found.get(word, 0) for word in words}


def state_of(card: Json) -> str:
    """Return the line of a card that says where its blast stands: the one below its heading."""
    return next(iter(text_of(card).splitlines()[1:]), "")


def _lines(block: Json) -> list[str]:
    if block.get("type") == "rich_text":
        return ["".join(_pieces(block))]
    fields = [_texts(field).replace("\n", ": ") for field in block.get("fields") or []]
    elements = block.get("elements") or [] if block.get("type") == "context" else []
    return [line for line in (_texts(block.get("text")), *fields, *map(_texts, elements)) if line]


def _texts(held: Any) -> str:
    text = held.get("text") if isinstance(held, dict) else None
    return text if isinstance(text, str) else ""


def _pieces(rich: Json) -> Iterator[str]:
    """Yield the pieces of text in a rich_text block, however deep they lie."""
    if isinstance(rich.get("text"), str):
        yield rich["text"]
    for element in rich.get("elements") or []:
        yield from _pieces(element)


def _elements(block: Json) -> list[Json]:
    if block.get("type") == "actions":
        return list(block.get("elements") or [])
    accessory = block.get("accessory")
    return [accessory] if isinstance(accessory, dict) else []
