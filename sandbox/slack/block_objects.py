"""The composition objects of Block Kit: texts, options, confirmations, filters.

Source: https://docs.slack.dev/reference/block-kit/composition-objects
"""

from collections.abc import Iterator

from sandbox.slack.schema import Rule, array, at, boolean, needs_any, one_of, record, string, tagged

URL = string(3_000, shortest=1, pattern=r"\S+")
TYPE = string(50)
ID = string(255, shortest=1)  # of a block or an action


def plain_text(longest: int) -> Rule:
    """Allow a plain_text object of 1 to `longest` characters."""
    return tagged({"plain_text": _plain(longest)})


def any_text(longest: int) -> Rule:
    """Allow a plain_text or mrkdwn object of 1 to `longest` characters."""
    return tagged({"plain_text": _plain(longest), "mrkdwn": _mrkdwn(longest)})


def _plain(longest: int) -> Rule:
    return record({"type": TYPE, "text": string(longest, shortest=1)}, {"emoji": boolean})


def _mrkdwn(longest: int) -> Rule:
    return record({"type": TYPE, "text": string(longest, shortest=1)}, {"verbatim": boolean})


_OPTION_VALUE = string(150, shortest=1)

# Menus take plain text only; check boxes and radio buttons also take mrkdwn; only overflow menus take a link.
MENU_OPTION = record({"text": plain_text(75), "value": _OPTION_VALUE}, {"description": plain_text(75)})
CHOICE_OPTION = record({"text": any_text(75), "value": _OPTION_VALUE}, {"description": any_text(75)})
OVERFLOW_OPTION = record({"text": plain_text(75), "value": _OPTION_VALUE}, {"description": plain_text(75), "url": URL})
MENU_OPTIONS = array(MENU_OPTION, fewest=1, most=100)
OPTION_GROUPS = array(record({"label": plain_text(75), "options": MENU_OPTIONS}), fewest=1, most=100)

CONFIRMATION = record(
    {"title": plain_text(100), "text": any_text(300), "confirm": plain_text(30), "deny": plain_text(30)},
    {"style": one_of({"primary", "danger"})},
)

DISPATCH_ACTION_CONFIG = record(
    {"trigger_actions_on": array(one_of({"on_enter_pressed", "on_character_entered"}), fewest=1, most=2)}
)

CONVERSATION_FILTER = record(
    {},
    {
        "include": array(one_of({"im", "mpim", "private", "public"}), fewest=1, most=4),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
    needs_any("include", "exclude_external_shared_channels", "exclude_bot_users"),
)

SLACK_FILE = record({}, {"id": string(50), "url": URL}, needs_any("id", "url"))


def chosen_among_options(value: object, pointer: str) -> Iterator[str]:
    """Demand that what is chosen at first is one of the options."""
    if not isinstance(value, dict):
        return
    offered = offered_options(value)
    if not offered:
        return
    chosen = value.get("initial_options") or [value.get("initial_option")]
    for option in chosen if isinstance(chosen, list) else []:
        if isinstance(option, dict) and option not in offered:
            yield at(pointer, "initial option must exactly match one of the options")


def offered_options(element: dict[str, object]) -> list[object]:
    """Return all options of an element, out of their groups."""
    offered: list[object] = []
    options = element.get("options")
    offered.extend(options if isinstance(options, list) else [])
    groups = element.get("option_groups")
    for group in groups if isinstance(groups, list) else []:
        inside = group.get("options") if isinstance(group, dict) else None
        offered.extend(inside if isinstance(inside, list) else [])
    return offered
