"""The rich_text block: sections, lists, quotes and preformatted text, with what may stand inside them.

Source: https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
"""

from sandbox.slack.block_objects import ID, TYPE, URL
from sandbox.slack.schema import Fields, Rule, anything, array, boolean, integer, one_of, record, string, tagged

_SLACK_ID = string(50, shortest=1)
_STYLE = record({}, dict.fromkeys(("bold", "italic", "strike", "code", "underline", "highlight", "client_highlight",
                                   "unlink"), boolean))  # fmt: skip


def _inline(required: Fields, optional: Fields | None = None) -> Rule:
    return record({"type": TYPE, **required}, {"style": _STYLE, **(optional or {})})


_INLINE = tagged(
    {
        "text": _inline({"text": string(12_000, shortest=1)}),
        "link": _inline({"url": URL}, {"text": string(12_000), "unsafe": boolean}),
        "emoji": _inline({"name": string(100, shortest=1)}, {"unicode": string(100), "skin_tone": integer(1, 6)}),
        "user": _inline({"user_id": _SLACK_ID}),
        "usergroup": _inline({"usergroup_id": _SLACK_ID}),
        "channel": _inline({"channel_id": _SLACK_ID}),
        "broadcast": _inline({"range": one_of({"here", "channel", "everyone"})}),
        "color": _inline({"value": string(7, shortest=7)}),
        "date": _inline(
            {"timestamp": integer(0, 9_999_999_999), "format": string(200, shortest=1)},
            {"url": URL, "fallback": string(3_000)},
        ),
    }
)
_INLINES = array(_INLINE, most=500)
_BORDER: Fields = {"border": integer(0, 1)}
_SECTION = record({"type": TYPE, "elements": _INLINES})
_LIST = record(
    {
        "type": TYPE,
        "style": one_of({"bullet", "ordered"}),
        "elements": array(tagged({"rich_text_section": _SECTION}), most=500),
    },
    {"indent": integer(0, 8), "offset": integer(0, 10_000), **_BORDER},
)

RICH_TEXT = record(
    {
        "type": TYPE,
        "elements": array(
            tagged(
                {
                    "rich_text_section": _SECTION,
                    "rich_text_list": _LIST,
                    "rich_text_quote": record({"type": TYPE, "elements": _INLINES}, _BORDER),
                    "rich_text_preformatted": record(
                        {"type": TYPE, "elements": _INLINES}, {"language": anything, **_BORDER}
                    ),
                }
            ),
            most=500,
        ),
    },
    {"block_id": ID},
)
