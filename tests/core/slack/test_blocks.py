"""Small constructors keep Slack's limits; people's words come through whole and harmless."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.slack import blocks
from core.slack.blocks import TooLarge


@given(st.text(alphabet=st.sampled_from("ab &<>\n*é🙂"), min_size=1, max_size=9_000))
def test_a_quote_is_what_was_written_to_the_letter(text: str) -> None:
    (quoted,) = blocks.quote(text)["elements"]
    assert "".join(piece["text"] for piece in quoted["elements"]) == text
    assert all(0 < len(piece["text"]) <= blocks.SECTION for piece in quoted["elements"])


def test_names_that_do_not_fit_are_counted() -> None:
    assert blocks.names(["a&b", "<c>"]) == "a&amp;b, &lt;c&gt;"
    assert blocks.names(["n" * 75] * 40).endswith(" and 21 more")


def test_our_own_words_are_cut_with_an_ellipsis() -> None:
    assert blocks.cut("x" * 10, 10) == "x" * 10
    assert blocks.cut("x" * 11, 10) == "x" * 9 + "…"


def test_what_cannot_be_cut_is_refused() -> None:
    for too_large in (
        lambda: blocks.button("Go", "a", "v" * 2_001),
        lambda: blocks.option("Go", "v" * 151),
        lambda: blocks.actions([blocks.button("Go", "a", "v")] * 26),
        lambda: blocks.modal("c", "Title", [blocks.divider()] * 101),
        lambda: blocks.modal("c", "Title", [], metadata="m" * 3_001),
        lambda: blocks.fields([]),
    ):
        with pytest.raises(TooLarge):
            too_large()


def test_an_empty_row_of_buttons_is_left_out() -> None:
    assert blocks.actions([]) == []


def test_an_instant_is_written_for_every_reader() -> None:
    at = datetime(2026, 6, 3, 18, 0, tzinfo=UTC)
    assert blocks.moment(at) == "<!date^1780509600^{date_short_pretty} at {time}|2026-06-03 18:00 UTC>"
