"""A text chooses among what is on offer only if it says nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import choice

OFFERED = ("Rally 2026", "Tenants", "Rent and Repairs")


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("1", {0}),
        (" 2. ", {1}),
        ("#3", {2}),
        ("2\N{VARIATION SELECTOR-16}\N{COMBINING ENCLOSING KEYCAP}", {1}),
        ("\N{FULLWIDTH DIGIT TWO}", {1}),
        ("1 and 2", {0, 1}),
        ("1,3", {0, 2}),
        ("1 2", {0, 1}),
        ("1, 2 and 3", {0, 1, 2}),
        ("2 please", {1}),
        ("Just 2, thanks!", {1}),
        ("ok 2", {1}),
        ("TENANTS", {1}),
        ("only tenants", {1}),
        ("2 Tenants", {1}),
        ("rally 2026", {0}),
        ("Rent and repairs", {2}),
        ("tenants and rent and repairs", None),
        ("Tenants, Rally 2026", {0, 1}),
        ("ALL", {0, 1, 2}),
        ("all of them!", {0, 1, 2}),
        ("both", None),
        ("0", None),
        ("4", None),
        ("12", None),
        ("1 Tenants", None),
        ("1 of us will come", None),
        ("2 pm works", None),
        ("2?", None),
        ("Tenants?", None),
        ("What is the rally", None),
        ("not 2", None),
        ("all right", None),
        ("see you all", None),
        ("none", None),
        ("", None),
        (",", None),
    ],
)
def test_a_choice_is_all_that_is_said(text: str, places: set[int] | None) -> None:
    assert choice.read(text, OFFERED) == (None if places is None else frozenset(places))


def test_two_are_both() -> None:
    assert choice.read("Both", ("Rally", "Tenants")) == frozenset({0, 1})


def test_a_number_that_is_also_another_ones_name_means_neither() -> None:
    assert choice.read("2", ("2", "Tenants")) is None
    assert choice.read("2", ("Tenants", "2")) == frozenset({1})


def test_what_has_no_name_is_chosen_by_number_only() -> None:
    assert choice.read("1", ("", "Tenants")) == frozenset({0})
    assert choice.read("!", ("", "Tenants")) is None


@given(st.text(max_size=60), st.lists(st.text(max_size=20), max_size=5))
def test_whatever_is_said_a_choice_is_among_what_is_offered(text: str, offered: list[str]) -> None:
    chosen = choice.read(text, offered)
    assert chosen is None or all(0 <= each < len(offered) for each in chosen)
