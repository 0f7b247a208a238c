"""Block Kit's limits: what just fits is taken, one more is refused, and the place is named."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.slack import block_kit, view_kit
from tests.sandbox.slack_stage import Json, button, modal, plain, section, text_input


def problems(*blocks: Json, surface: block_kit.Surface = "message") -> list[str]:
    return block_kit.problems(list(blocks), surface)


def option(length: int = 4, value: str = "v") -> Json:
    return {"text": plain("o" * length), "value": value}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def in_input(element: Json) -> Json:
    return {"type": "input", "label": plain("Label"), "element": element}


def menu(count: int, **more: object) -> Json:
    options = [option(value=str(number)) for number in range(count)]
    return {"type": "static_select", "action_id": "m", "options": options, **more}


LIMITS: list[tuple[str, int, Callable[[int], Json]]] = [
    ("section text", 3_000, lambda n: section("x" * n)),
    ("section fields", 10, lambda n: {"type": "section", "fields": [plain("x")] * n}),
    ("section field", 2_000, lambda n: {"type": "section", "fields": [plain("x" * n)]}),
    ("header", 150, lambda n: {"type": "header", "text": plain("x" * n)}),
    ("actions", 25, lambda n: actions(*(button(f"a{i}") for i in range(n)))),
    ("context", 10, lambda n: {"type": "context", "elements": [plain("x")] * n}),
    ("button text", 75, lambda n: actions({"type": "button", "text": plain("x" * n), "action_id": "a"})),
    ("button value", 2_000, lambda n: actions(button("a", "x" * n))),
    ("action_id", 255, lambda n: actions(button("a" * n))),
    ("block_id", 255, lambda n: {"type": "divider", "block_id": "b" * n}),
    ("options", 100, lambda n: actions(menu(n))),
    ("option text", 75, lambda n: actions({"type": "static_select", "options": [option(n)]})),
    ("option value", 150, lambda n: actions({"type": "static_select", "options": [option(value="x" * n)]})),
    ("placeholder", 150, lambda n: actions(menu(2, placeholder=plain("x" * n)))),
    ("radio buttons", 10, lambda n: actions({"type": "radio_buttons", "options": [option()] * n})),
    ("overflow", 5, lambda n: actions({"type": "overflow", "options": [option()] * n})),
    ("table rows", 100, lambda n: {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]] * n}),
    ("table cells", 20, lambda n: {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * n]}),
    ("markdown", 12_000, lambda n: {"type": "markdown", "text": "x" * n}),
]


@pytest.mark.parametrize(("name", "limit", "block"), LIMITS, ids=[name for name, _, _ in LIMITS])
def test_what_just_fits_is_taken_and_one_more_is_refused(name: str, limit: int, block: Callable[[int], Json]) -> None:
    assert problems(block(limit)) == [], name
    assert problems(block(limit + 1)) != [], name


IN_MODALS: list[tuple[str, int, Callable[[int], Json]]] = [
    ("label", 2_000, lambda n: in_input({"type": "plain_text_input"}) | {"label": plain("x" * n)}),
    ("initial value", 3_000, lambda n: in_input({"type": "plain_text_input", "initial_value": "x" * n})),
    ("alert", 200, lambda n: {"type": "alert", "text": plain("x" * n), "level": "warning"}),
]


@pytest.mark.parametrize(("name", "limit", "block"), IN_MODALS, ids=[name for name, _, _ in IN_MODALS])
def test_the_limits_of_modals_hold(name: str, limit: int, block: Callable[[int], Json]) -> None:
    assert problems(block(limit), surface="modal") == [], name
    assert problems(block(limit + 1), surface="modal") != [], name


@pytest.mark.parametrize(("surface", "limit"), [("message", 50), ("modal", 100), ("home", 100)])
def test_a_surface_holds_so_many_blocks(surface: block_kit.Surface, limit: int) -> None:
    assert problems(*[{"type": "divider"}] * limit, surface=surface) == []
    (found,) = problems(*[{"type": "divider"}] * (limit + 1), surface=surface)
    assert found.startswith(f"no more than {limit} items allowed")


WRONG: list[tuple[str, Json, str]] = [
    ("unknown block", {"type": "zap"}, "unsupported type: zap [json-pointer:/blocks/0/type]"),
    ("no type", {}, "missing required field: type [json-pointer:/blocks/0]"),
    ("not an object", [], "must be an object [json-pointer:/blocks/0]"),  # type: ignore[list-item]  # on purpose
    ("empty text", section(""), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ("empty actions", actions(), "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
    ("empty section", {"type": "section"}, "must define either `text` or `fields` [json-pointer:/blocks/0]"),
    (
        "additional property",
        actions({**button("a"), "disabled": True}),
        "invalid additional property: disabled [json-pointer:/blocks/0/elements/0]",
    ),
    (
        "type in an option",
        actions({"type": "overflow", "options": [{**option(), "type": "option"}]}),
        "invalid additional property: type [json-pointer:/blocks/0/elements/0/options/0]",
    ),
    (
        "markdown on a button",
        actions({"type": "button", "text": {"type": "mrkdwn", "text": "x"}}),
        "unsupported type: mrkdwn [json-pointer:/blocks/0/elements/0/text/type]",
    ),
    (
        "markdown in a header",
        {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
        "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
    ),
    (
        "no options",
        actions({"type": "static_select"}),
        "must define either `options` or `option_groups` [json-pointer:/blocks/0/elements/0]",
    ),
    (
        "another initial option",
        actions(menu(2, initial_option=option(value="7"))),
        "initial option must exactly match one of the options [json-pointer:/blocks/0/elements/0]",
    ),
    (
        "same action_id",
        actions(button("a"), button("a")),
        "action_id must be unique in its block: `a` stands more than once [json-pointer:/blocks/0]",
    ),
    (
        "file input",
        in_input({"type": "file_input"}),
        "unsupported type: file_input in a message [json-pointer:/blocks/0]",
    ),
    ("alert", {"type": "alert", "text": plain("x")}, "unsupported type: alert [json-pointer:/blocks/0/type]"),
]


@pytest.mark.parametrize(("name", "block", "problem"), WRONG, ids=[name for name, _, _ in WRONG])
def test_what_slack_refuses_in_a_message_is_refused(name: str, block: Json, problem: str) -> None:
    assert problem in problems(block), name


def test_a_block_id_stands_once() -> None:
    twice = [{"type": "divider", "block_id": "b"}] * 2
    assert problems(*twice) == ["block_id must be unique: `b` stands more than once [json-pointer:/blocks]"]


def test_the_same_action_id_may_stand_in_two_blocks() -> None:
    assert problems(actions(button("a")), actions(button("a"))) == []


def test_one_table_and_two_charts_fit_into_a_message() -> None:
    table: Json = {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}
    pie = {"type": "pie", "segments": [{"label": "Sent", "value": 4}]}
    chart: Json = {"type": "data_visualization", "title": "Texts", "chart": pie}
    assert problems(table, chart, chart) == []
    assert len(problems(table, table)) == 1
    assert len(problems(chart, chart, chart)) == 1


def test_the_points_of_a_chart_match_its_categories() -> None:
    series = [{"name": "Sent", "data": [{"label": "Mon", "value": 1}]}]
    chart = {"type": "bar", "series": series, "axis_config": {"categories": ["Mon"]}}
    assert problems({"type": "data_visualization", "title": "T", "chart": chart}) == []
    wrong = {**chart, "axis_config": {"categories": ["Tue"]}}
    assert len(problems({"type": "data_visualization", "title": "T", "chart": wrong})) == 1


VIEWS: list[tuple[str, Json]] = [
    ("submit missing where there are inputs", {k: v for k, v in modal(text_input("a")).items() if k != "submit"}),
    ("title too long", modal(section("x"), title=plain("x" * 25))),
    ("submit too long", modal(section("x"), submit=plain("x" * 25))),
    ("close too long", modal(section("x"), close=plain("x" * 25))),
    ("metadata too long", modal(section("x"), private_metadata="x" * 3_001)),
    ("callback too long", modal(section("x"), callback_id="x" * 256)),
    ("unknown property", modal(section("x"), submit_disabled=False)),
    ("no blocks", modal()),
    ("a home where a modal is wanted", {"type": "home", "blocks": [section("x")]}),
    ("a message's block", modal({"type": "markdown", "text": "x"})),
    ("two focused", modal(*(in_input({"type": "plain_text_input", "focus_on_load": True}) for _ in range(2)))),
]


@pytest.mark.parametrize(("name", "view"), VIEWS, ids=[name for name, _ in VIEWS])
def test_what_slack_refuses_in_a_modal_is_refused(name: str, view: Json) -> None:
    assert view_kit.problems(view, "modal") != [], name


def test_a_full_modal_is_taken() -> None:
    full = modal(
        text_input("name", optional=True, hint=plain("Hint"), dispatch_action=True),
        in_input({"type": "multi_static_select", "options": [option()], "max_selected_items": 3}),
        in_input({"type": "datetimepicker", "initial_date_time": 1_800_000_000}),
        in_input({"type": "radio_buttons", "options": [option()], "initial_option": option()}),
        in_input({"type": "file_input", "filetypes": ["csv"], "max_files": 1}),
        {"type": "alert", "text": plain("Careful"), "level": "warning"},
        close=plain("Cancel"),
        private_metadata="x" * 3_000,
        notify_on_close=True,
    )
    assert view_kit.problems(full, "modal") == []


NOISE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "value"]), inner),
    max_leaves=6,
)


@st.composite
def spoilt_views(draw: st.DrawFn) -> object:
    """A good modal in which one value, anywhere, is replaced by noise."""
    actions_block = actions(button("a"), menu(2, initial_option=option(value="0")))
    view: Json = modal(text_input("a"), actions_block, section("x"), {"type": "table", "rows": [[]]})
    place: Json | list[object] = view
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        inner = place[key]  # type: ignore[call-overload,index]  # a dict by its key or a list by its index
        if not isinstance(inner, dict | list) or not inner or draw(st.booleans()):
            place[key] = draw(NOISE)  # type: ignore[call-overload,index]  # as above
            return view
        place = inner


@given(view=spoilt_views() | NOISE)
def test_no_json_whatever_breaks_the_rules_themselves(view: object) -> None:
    assert all("[json-pointer:" in problem for problem in view_kit.problems(view, "modal"))
    blocks = view.get("blocks") if isinstance(view, dict) else view
    assert all("[json-pointer:" in problem for problem in block_kit.problems(blocks, "message"))
