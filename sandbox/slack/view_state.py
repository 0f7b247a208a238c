"""What a view's inputs hold: as they start, as people change them, and what stays when the view is updated."""

import re
from typing import Any

from sandbox.slack.block_kit import elements_of
from sandbox.slack.block_objects import offered_options
from sandbox.slack.wire import Json

# For every element that keeps a state: the state's field, the element's field it starts from, and what empty is.
FIELDS: dict[str, tuple[str, str, Any]] = {
    "plain_text_input": ("value", "initial_value", None),
    "email_text_input": ("value", "initial_value", None),
    "url_text_input": ("value", "initial_value", None),
    "number_input": ("value", "initial_value", None),
    "rich_text_input": ("rich_text_value", "initial_value", None),
    "static_select": ("selected_option", "initial_option", None),
    "external_select": ("selected_option", "initial_option", None),
    "radio_buttons": ("selected_option", "initial_option", None),
    "multi_static_select": ("selected_options", "initial_options", []),
    "multi_external_select": ("selected_options", "initial_options", []),
    "checkboxes": ("selected_options", "initial_options", []),
    "users_select": ("selected_user", "initial_user", None),
    "multi_users_select": ("selected_users", "initial_users", []),
    "channels_select": ("selected_channel", "initial_channel", None),
    "multi_channels_select": ("selected_channels", "initial_channels", []),
    "conversations_select": ("selected_conversation", "initial_conversation", None),
    "multi_conversations_select": ("selected_conversations", "initial_conversations", []),
    "datepicker": ("selected_date", "initial_date", None),
    "timepicker": ("selected_time", "initial_time", None),
    "datetimepicker": ("selected_date_time", "initial_date_time", None),
    "file_input": ("files", "files", []),
}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class BadInput(ValueError):
    """Something that nobody could type or choose in this element."""


def initial(blocks: list[Json]) -> Json:
    """Return the state of fresh blocks: {block_id: {action_id: state}}."""
    values: Json = {}
    for block in blocks:
        for element in elements_of(block):
            if str(element.get("type")) in FIELDS:
                values.setdefault(block["block_id"], {})[element["action_id"]] = _initial(element)
    return values


def carried_over(before: Json, blocks: list[Json]) -> Json:
    """Return the state of updated blocks: what stood under the same block_id, action_id and type stays."""
    values = initial(blocks)
    for block_id, actions in values.items():
        for action_id, fresh in actions.items():
            old = before.get(block_id, {}).get(action_id)
            if old is not None and old["type"] == fresh["type"]:
                actions[action_id] = old
    return values


def changed(element: Json, given: Json, *, suggested: list[Json]) -> Json:
    """Return the state of an element once somebody has typed or chosen `given`.

    `given` holds `value` or the state's own field; an option may be named by its value alone.

    Raises:
        BadInput: the element doesn't offer that.
    """
    kind = element["type"]
    field, _, empty = FIELDS[kind]
    if field not in given and "value" not in given:
        raise BadInput(f"Give `{field}` or `value` for a {kind}.")
    content = given.get(field, given.get("value"))
    if field in ("selected_option", "selected_options"):
        content = _options(element, content, suggested)
    if kind == "datetimepicker" and content not in (None, ""):
        content = int(content)
    if field == "value" and not isinstance(content, str | None):
        raise BadInput("Only text can be typed here.")
    return {"type": kind, field: empty if content in (None, "") else content}


def missing_or_wrong(blocks: list[Json], values: Json) -> dict[str, str]:
    """Return what Slack's client itself complains of before it submits a modal, by block_id."""
    errors = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        field, _, empty = FIELDS[element["type"]]
        content = values[block["block_id"]][element["action_id"]].get(field, empty)
        complaint = _complaint(element, content, is_optional=block.get("optional", False))
        if complaint:
            errors[block["block_id"]] = complaint
    return errors


def _initial(element: Json) -> Json:
    field, source, empty = FIELDS[element["type"]]
    default = list(empty) if isinstance(empty, list) else empty
    return {"type": element["type"], field: element.get(source, default)}


def _options(element: Json, content: Any, suggested: list[Json]) -> Any:
    if content in (None, "", []):
        return content
    several = FIELDS[element["type"]][0] == "selected_options"
    wanted = content if isinstance(content, list) else [content]
    chosen = [_option(element, one, suggested) for one in wanted]
    most = element.get("max_selected_items")
    if most and len(chosen) > most:
        raise BadInput(f"At most {most} may be chosen here.")
    return chosen if several else chosen[0]


def _option(element: Json, wanted: Any, suggested: list[Json]) -> Json:
    value = wanted.get("value") if isinstance(wanted, dict) else wanted
    offered = [option for option in [*offered_options(element), *suggested] if isinstance(option, dict)]
    matching = [option for option in offered if option.get("value") == value]
    if matching:
        return matching[0]
    if isinstance(wanted, dict) and element["type"].endswith("external_select"):
        return wanted
    raise BadInput(f"There is no option {value!r} here.")


def _complaint(element: Json, content: Any, *, is_optional: bool) -> str | None:
    if content in (None, "", []):
        return None if is_optional else "Please complete this required field."
    if not isinstance(content, str):
        return None
    shortest, longest = element.get("min_length", 0), element.get("max_length", 3_000)
    if not shortest <= len(content) <= longest:
        return f"Please enter {shortest} to {longest} characters."
    if element["type"] == "email_text_input" and not _EMAIL.fullmatch(content):
        return "Please enter a valid email address."
    if element["type"] == "url_text_input" and not re.match(r"https?://\S+", content):
        return "Please enter a valid URL."
    return _number_complaint(element, content) if element["type"] == "number_input" else None


def _number_complaint(element: Json, content: str) -> str | None:
    try:
        number = float(content)
    except ValueError:
        return "Please enter a number."
    if not element["is_decimal_allowed"] and not number.is_integer():
        return "Please enter a whole number."
    lowest, highest = float(element.get("min_value", "-inf")), float(element.get("max_value", "inf"))
    return None if lowest <= number <= highest else f"Please enter a number from {lowest:g} to {highest:g}."
