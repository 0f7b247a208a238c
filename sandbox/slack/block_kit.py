"""Block Kit as strict as Slack's own: what is wrong with the blocks of a message, a modal or a Home tab.

Source: https://docs.slack.dev/reference/block-kit/blocks
"""

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from sandbox.slack.block_elements import BUTTON, CONTEXT_ACTIONS, IMAGE, IN_ACTIONS, IN_CONTEXT, IN_INPUT, IN_SECTION
from sandbox.slack.block_objects import ID, SLACK_FILE, TYPE, URL, any_text, plain_text
from sandbox.slack.charts import DATA_VISUALIZATION, TABLE
from sandbox.slack.rich_text import RICH_TEXT
from sandbox.slack.schema import Fields, Rule, array, at, boolean, needs_any, one_of, only_one, record, string, tagged

Surface = Literal["message", "modal", "home"]

MOST_BLOCKS: dict[Surface, int] = {"message": 50, "modal": 100, "home": 100}
MOST_OF_A_KIND = {"table": 1, "data_visualization": 2}


def problems(blocks: object, surface: Surface) -> list[str]:
    """Return all that Slack would refuse in these blocks, with a JSON pointer each; empty when they are right."""
    root = "/blocks" if surface == "message" else "/view/blocks"
    fewest = 0 if surface == "message" else 1
    found = list(array(_BLOCKS_OF[surface], fewest=fewest, most=MOST_BLOCKS[surface])(blocks, root))
    known = [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
    return [*found, *_across_blocks(known, root), *_misplaced(known, surface, root)]


def elements_of(block: dict[str, object]) -> list[dict[str, object]]:
    """Return the elements of a block, wherever its type keeps them."""
    several = block.get("elements") or block.get("actions")
    entries = [*(several if isinstance(several, list) else []), block.get("accessory"), block.get("element")]
    inside = [element for element in entries if isinstance(element, dict)]
    return [*inside, *(button for card in inside if card.get("type") == "card" for button in elements_of(card))]


def _block(required: Fields, optional: Fields | None = None, *also: Rule) -> Rule:
    return record({"type": TYPE, **required}, {"block_id": ID, **(optional or {})}, *also)


_SECTION = _block(
    {},
    {
        "text": any_text(3_000),
        "fields": array(any_text(2_000), fewest=1, most=10),
        "accessory": tagged(IN_SECTION),
        "expand": boolean,
    },
    needs_any("text", "fields"),
)

_INPUT = _block(
    {"label": plain_text(2_000), "element": tagged(IN_INPUT)},
    {"hint": plain_text(2_000), "optional": boolean, "dispatch_action": boolean},
)

_PICTURE = _block(
    {"alt_text": string(2_000, shortest=1)},
    {"image_url": URL, "slack_file": SLACK_FILE, "title": plain_text(2_000)},
    needs_any("image_url", "slack_file"),
    only_one("image_url", "slack_file"),
)

_VIDEO = _block(
    {"alt_text": string(2_000, shortest=1), "title": plain_text(199), "thumbnail_url": URL, "video_url": URL},
    {
        "author_name": string(49),
        "description": plain_text(199),
        "provider_icon_url": URL,
        "provider_name": string(50),
        "title_url": URL,
    },
)

_CARD = _block(
    {},
    {
        "hero_image": IMAGE,
        "icon": IMAGE,
        "title": any_text(150),
        "subtitle": any_text(150),
        "body": any_text(200),
        "actions": array(tagged({"button": BUTTON}), fewest=1, most=3),
    },
    needs_any("hero_image", "title", "actions", "body"),
)

_EVERYWHERE: Fields = {
    "actions": _block({"elements": array(tagged(IN_ACTIONS), fewest=1, most=25)}),
    "context": _block({"elements": array(tagged(IN_CONTEXT), fewest=1, most=10)}),
    "divider": _block({}),
    "header": _block({"text": plain_text(150)}),
    "image": _PICTURE,
    "rich_text": RICH_TEXT,
    "section": _SECTION,
    "video": _VIDEO,
}
_INPUTS: Fields = {"input": _INPUT}
_CARDS: Fields = {
    "card": _CARD,
    "carousel": _block({"elements": array(tagged({"card": _CARD}), fewest=1, most=10)}),
}
_IN_MESSAGES: Fields = {
    "context_actions": _block({"elements": array(tagged(CONTEXT_ACTIONS), fewest=1, most=5)}),
    "data_visualization": DATA_VISUALIZATION,
    "markdown": _block({"text": string(12_000, shortest=1)}),
    "table": TABLE,
}
_IN_MODALS: Fields = {
    "alert": _block({"text": any_text(200)}, {"level": one_of({"default", "info", "warning", "error", "success"})}),
}
_BLOCKS_OF: dict[Surface, Rule] = {
    "message": tagged({**_EVERYWHERE, **_INPUTS, **_CARDS, **_IN_MESSAGES}),
    "modal": tagged({**_EVERYWHERE, **_INPUTS, **_IN_MODALS}),
    "home": tagged({**_EVERYWHERE, **_INPUTS, **_CARDS}),
}
# Elements that are refused where their block would be taken.
_REFUSED_ELEMENTS: dict[Surface, frozenset[str]] = {
    "message": frozenset({"email_text_input", "file_input", "number_input", "rich_text_input", "url_text_input"}),
    "modal": frozenset(),
    "home": frozenset({"datetimepicker", "email_text_input", "file_input", "number_input", "url_text_input"}),
}


def _across_blocks(blocks: list[dict[str, object]], root: str) -> Iterator[str]:
    block_ids = Counter(str(block["block_id"]) for block in blocks if block.get("block_id"))
    for block_id in _repeated(block_ids):
        yield at(root, f"block_id must be unique: `{block_id}` stands more than once")
    for index, block in enumerate(blocks):
        action_ids = Counter(str(element["action_id"]) for element in elements_of(block) if element.get("action_id"))
        for action_id in _repeated(action_ids):
            yield at(f"{root}/{index}", f"action_id must be unique in its block: `{action_id}` stands more than once")
    focused = sum(element.get("focus_on_load") is True for block in blocks for element in elements_of(block))
    if focused > 1:
        yield at(root, "only one element may have focus_on_load")


def _misplaced(blocks: list[dict[str, object]], surface: Surface, root: str) -> Iterator[str]:
    kinds = Counter(str(block.get("type")) for block in blocks)
    for kind, most in MOST_OF_A_KIND.items():
        if kinds[kind] > most:
            yield at(root, f"no more than {most} blocks of type {kind} allowed")
    for index, block in enumerate(blocks):
        for element in elements_of(block):
            if element.get("type") in _REFUSED_ELEMENTS[surface]:
                yield at(f"{root}/{index}", f"unsupported type: {element['type']} in a {surface}")


def _repeated(counts: Counter[str]) -> list[str]:
    return [name for name, count in counts.items() if count > 1]
