"""The elements of Block Kit: buttons, menus, inputs, pictures, and where each may stand.

Source: https://docs.slack.dev/reference/block-kit/block-elements
"""

from collections.abc import Iterator

from sandbox.slack.block_objects import (
    CHOICE_OPTION,
    CONFIRMATION,
    CONVERSATION_FILTER,
    DISPATCH_ACTION_CONFIG,
    ID,
    MENU_OPTION,
    MENU_OPTIONS,
    OPTION_GROUPS,
    OVERFLOW_OPTION,
    SLACK_FILE,
    TYPE,
    URL,
    any_text,
    chosen_among_options,
    plain_text,
)
from sandbox.slack.schema import (
    Fields,
    Rule,
    anything,
    array,
    at,
    boolean,
    integer,
    needs_any,
    one_of,
    only_one,
    record,
    string,
)

_SLACK_ID = string(50, shortest=1)
_SLACK_IDS = array(_SLACK_ID, most=100)
_STYLE = one_of({"primary", "danger"})
_DATE = string(10, pattern=r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_NUMBER = string(50, pattern=r"-?\d+(\.\d+)?")
_TIME = string(5, pattern=r"([01]\d|2[0-3]):[0-5]\d")
# Slack demands exactly ten digits.
_EPOCH_SECONDS = integer(1_000_000_000, 9_999_999_999)
_SELECTABLE: Fields = {"max_selected_items": integer(1, 1_000)}


def _element(required: Fields, optional: Fields, *also: Rule) -> Rule:
    return record({"type": TYPE, **required}, {"action_id": ID, **optional}, *also)


def _field(optional: Fields, *also: Rule, required: Fields | None = None) -> Rule:
    common: Fields = {"placeholder": plain_text(150), "focus_on_load": boolean}
    return _element(required or {}, {**common, **optional}, *also)


def _written(optional: Fields, *also: Rule, required: Fields | None = None) -> Rule:
    return _field({"dispatch_action_config": DISPATCH_ACTION_CONFIG, **optional}, *also, required=required)


def _menu(optional: Fields, *also: Rule) -> Rule:
    return _field({"confirm": CONFIRMATION, **optional}, *also)


def _static_menu(first: Fields) -> Rule:
    lists: Fields = {"options": MENU_OPTIONS, "option_groups": OPTION_GROUPS}
    rules = (needs_any("options", "option_groups"), only_one("options", "option_groups"), chosen_among_options)
    return _menu({**lists, **first}, *rules)


def _choices(first: Fields) -> Rule:
    shape: Fields = {"confirm": CONFIRMATION, "focus_on_load": boolean, **first}
    return _element({"options": array(CHOICE_OPTION, fewest=1, most=10)}, shape, chosen_among_options)


def _lengths_in_order(value: object, pointer: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    shortest, longest = value.get("min_length", 0), value.get("max_length", 3_000)
    if isinstance(shortest, int) and isinstance(longest, int) and shortest > longest:
        yield at(pointer, "min_length must be less than or equal to max_length")


_FIRST_OPTION: Fields = {"initial_option": MENU_OPTION}
_FIRST_OPTIONS: Fields = {"initial_options": MENU_OPTIONS, **_SELECTABLE}
_EXTERNAL: Fields = {"min_query_length": integer(0, 3_000)}
_CONVERSATIONS: Fields = {"default_to_current_conversation": boolean, "filter": CONVERSATION_FILTER}
_ANSWERS_TO_CHANNEL: Fields = {"response_url_enabled": boolean}
_FEEDBACK = record({"text": plain_text(75), "value": string(2_000)}, {"accessibility_label": string(75, shortest=1)})

IMAGE = record(
    {"type": TYPE, "alt_text": string(2_000, shortest=1)},
    {"image_url": URL, "slack_file": SLACK_FILE},
    needs_any("image_url", "slack_file"),
    only_one("image_url", "slack_file"),
)

BUTTON = _element(
    {"text": plain_text(75)},
    {
        "url": URL,
        "value": string(2_000),
        "style": _STYLE,
        "confirm": CONFIRMATION,
        "accessibility_label": string(75, shortest=1),
    },
)

MENUS: Fields = {
    "static_select": _static_menu(_FIRST_OPTION),
    "external_select": _menu({**_FIRST_OPTION, **_EXTERNAL}),
    "users_select": _menu({"initial_user": _SLACK_ID}),
    "conversations_select": _menu({"initial_conversation": _SLACK_ID, **_CONVERSATIONS, **_ANSWERS_TO_CHANNEL}),
    "channels_select": _menu({"initial_channel": _SLACK_ID, **_ANSWERS_TO_CHANNEL}),
}

MULTI_MENUS: Fields = {
    "multi_static_select": _static_menu(_FIRST_OPTIONS),
    "multi_external_select": _menu({**_FIRST_OPTIONS, **_EXTERNAL}),
    "multi_users_select": _menu({"initial_users": _SLACK_IDS, **_SELECTABLE}),
    "multi_conversations_select": _menu({"initial_conversations": _SLACK_IDS, **_CONVERSATIONS, **_SELECTABLE}),
    "multi_channels_select": _menu({"initial_channels": _SLACK_IDS, **_SELECTABLE}),
}

CHOICES: Fields = {
    "checkboxes": _choices({"initial_options": array(CHOICE_OPTION, fewest=1, most=10)}),
    "radio_buttons": _choices({"initial_option": CHOICE_OPTION}),
}

DAYS_AND_TIMES: Fields = {
    "datepicker": _menu({"initial_date": _DATE}),
    "timepicker": _menu({"initial_time": _TIME, "timezone": string(100, shortest=1)}),
}

# It has no placeholder, unlike its two brothers.
DATETIME_PICKER: Fields = {
    "datetimepicker": _element(
        {}, {"initial_date_time": _EPOCH_SECONDS, "confirm": CONFIRMATION, "focus_on_load": boolean}
    ),
}

OVERFLOW: Fields = {
    "overflow": _element({"options": array(OVERFLOW_OPTION, fewest=1, most=5)}, {"confirm": CONFIRMATION}),
}

WRITTEN: Fields = {
    "plain_text_input": _written(
        {
            "initial_value": string(3_000),
            "multiline": boolean,
            "min_length": integer(0, 3_000),
            "max_length": integer(1, 3_000),
        },
        _lengths_in_order,
    ),
    "email_text_input": _written({"initial_value": string(3_000)}),
    "url_text_input": _written({"initial_value": string(3_000)}),
    "number_input": _written(
        {"initial_value": string(3_000), "min_value": _NUMBER, "max_value": _NUMBER},
        required={"is_decimal_allowed": boolean},
    ),
    "rich_text_input": _written({"initial_value": anything}),
}

FILE_INPUT: Fields = {
    "file_input": _element(
        {}, {"filetypes": array(string(50, shortest=1), fewest=1, most=100), "max_files": integer(1, 10)}
    ),
}

CONTEXT_ACTIONS: Fields = {
    "feedback_buttons": _element({"positive_button": _FEEDBACK, "negative_button": _FEEDBACK}, {}),
    "icon_button": _element(
        {"icon": one_of({"trash"}), "text": plain_text(75)},
        {
            "value": string(2_000),
            "confirm": CONFIRMATION,
            "accessibility_label": string(75, shortest=1),
            "visible_to_user_ids": array(_SLACK_ID, most=100),
        },
    ),
}

IN_ACTIONS: Fields = {
    "button": BUTTON, **CHOICES, **DAYS_AND_TIMES, **DATETIME_PICKER, **MENUS, **MULTI_MENUS, **OVERFLOW,
}  # fmt: skip
IN_SECTION: Fields = {
    "button": BUTTON, "image": IMAGE, **CHOICES, **DAYS_AND_TIMES, **MENUS, **MULTI_MENUS, **OVERFLOW,
}  # fmt: skip
IN_INPUT: Fields = {
    **CHOICES, **DAYS_AND_TIMES, **DATETIME_PICKER, **MENUS, **MULTI_MENUS, **WRITTEN, **FILE_INPUT,
}  # fmt: skip
IN_CONTEXT: Fields = {"image": IMAGE, "plain_text": any_text(3_000), "mrkdwn": any_text(3_000)}
