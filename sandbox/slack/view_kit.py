"""What Slack would refuse in a view (a modal or a Home tab), its blocks included."""

import json
from typing import Any

from sandbox.slack import block_kit
from sandbox.slack.block_objects import TYPE, plain_text
from sandbox.slack.schema import Fields, at, boolean, record, string

MOST_BYTES = 250_000
_COMMON: Fields = {
    "private_metadata": string(3_000),
    "callback_id": string(255),
    "external_id": string(255),
}
_MODAL = record(
    {"type": TYPE, "title": plain_text(24)},
    {
        **_COMMON,
        "submit": plain_text(24),
        "close": plain_text(24),
        "clear_on_close": boolean,
        "notify_on_close": boolean,
    },
)
_HOME = record({"type": TYPE}, _COMMON)


def problems(view: object, expected: block_kit.Surface) -> list[str]:
    """Return all that Slack would refuse in this view, with a JSON pointer each; empty when it is right."""
    if not isinstance(view, dict):
        return [at("/view", "must be an object")]
    missing = [at("/view", f"missing required field: {name}") for name in ("type", "blocks") if name not in view]
    if missing:
        return missing
    if view["type"] != expected:
        return [at("/view/type", f"unsupported type: {view['type']}")]
    envelope = {name: value for name, value in view.items() if name != "blocks"}
    shape = _MODAL if expected == "modal" else _HOME
    return [*shape(envelope, "/view"), *block_kit.problems(view["blocks"], expected), *_submit_problems(view)]


def is_too_large(view: dict[str, Any]) -> bool:
    """Say whether the view is more than 250 kB as JSON."""
    return len(json.dumps(view, ensure_ascii=False).encode()) > MOST_BYTES


def _submit_problems(view: dict[str, Any]) -> list[str]:
    blocks = view["blocks"] if isinstance(view["blocks"], list) else []
    has_inputs = any(isinstance(block, dict) and block.get("type") == "input" for block in blocks)
    if view["type"] == "modal" and has_inputs and not view.get("submit"):
        return [at("/view", "missing required field: submit (a modal with input blocks needs it)")]
    return []
