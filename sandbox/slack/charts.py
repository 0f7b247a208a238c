"""The data_visualization and table blocks: limits of charts, axes, rows and cells.

Source: https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block
and https://docs.slack.dev/reference/block-kit/blocks/table-block
"""

from collections.abc import Iterator

from sandbox.slack.block_objects import ID, TYPE
from sandbox.slack.rich_text import RICH_TEXT
from sandbox.slack.schema import Rule, array, at, boolean, number, one_of, positive_number, record, string, tagged

TABLE_CHARACTERS = 10_000  # over all cells of one table
_LABEL = string(20, shortest=1)


def _points_match_categories(value: object, pointer: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    axis, all_series = value.get("axis_config"), value.get("series")
    categories = axis.get("categories") if isinstance(axis, dict) else None
    for index, series in enumerate(all_series if isinstance(all_series, list) else []):
        points = series.get("data") if isinstance(series, dict) else None
        labels = [point.get("label") for point in points or [] if isinstance(point, dict)]
        if labels != categories:
            yield at(f"{pointer}/series/{index}/data", "labels must match the categories of axis_config")


def _names_differ(value: object, pointer: str) -> Iterator[str]:
    all_series = value.get("series") if isinstance(value, dict) else None
    series = [entry for entry in all_series or [] if isinstance(entry, dict)] if isinstance(all_series, list) else []
    names = [str(entry.get("name")) for entry in series]
    if len(set(names)) < len(names):
        yield at(f"{pointer}/series", "series names must be unique")


_POINT = record({"label": _LABEL, "value": number})
_SERIES = record({"name": _LABEL, "data": array(_POINT, fewest=1, most=20)})
_AXIS = record(
    {"categories": array(_LABEL, fewest=1, most=20)},
    {"x_label": string(50, shortest=1), "y_label": string(50, shortest=1)},
)
_PLOT = record(
    {"type": TYPE, "series": array(_SERIES, fewest=1, most=6), "axis_config": _AXIS},
    {},
    _points_match_categories,
    _names_differ,
)
_SLICE = record({"label": _LABEL, "value": positive_number})
_PIE = record({"type": TYPE, "segments": array(_SLICE, fewest=1, most=6)})

DATA_VISUALIZATION = record(
    {
        "type": TYPE,
        "title": string(50, shortest=1),
        "chart": tagged({"pie": _PIE, "bar": _PLOT, "area": _PLOT, "line": _PLOT}),
    },
    {"block_id": ID},
)


def _cells_are_not_too_long(value: object, pointer: str) -> Iterator[str]:
    rows = value.get("rows") if isinstance(value, dict) else None
    if isinstance(rows, list) and text_length(rows) > TABLE_CHARACTERS:
        yield at(f"{pointer}/rows", f"must be less than {TABLE_CHARACTERS + 1} characters in all cells")


def text_length(value: object) -> int:
    """Return how many characters of text stand in a block, or in any part of one."""
    if isinstance(value, list):
        return sum(text_length(entry) for entry in value)
    if not isinstance(value, dict):
        return 0
    own = value.get("text")
    return (len(own) if isinstance(own, str) else 0) + sum(text_length(entry) for entry in value.values())


def _cell(also: dict[str, Rule]) -> Rule:
    return tagged({"raw_text": record({"type": TYPE, "text": string(TABLE_CHARACTERS, shortest=1)}), **also})


_NUMBER_CELL: dict[str, Rule] = {"raw_number": record({"type": TYPE, "value": number}, {"text": string(100)})}
_COLUMN = record({}, {"align": one_of({"left", "center", "right"}), "is_wrapped": boolean})

TABLE = record(
    {
        "type": TYPE,
        "rows": array(array(_cell({"rich_text": RICH_TEXT, **_NUMBER_CELL}), fewest=1, most=20), fewest=1, most=100),
    },
    {"block_id": ID, "column_settings": array(_COLUMN, most=20)},
    _cells_are_not_too_long,
)
