"""A text is merged with a contact's values, literally, and never without one that it needs."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import tokens
from core.errors import Invalid

names = st.from_regex(r"[a-z][a-z0-9_]{0,12}[a-z0-9]", fullmatch=True).map(tokens.normal)
values = st.text(max_size=20).filter(lambda value: value.strip())
pieces = st.lists(
    st.one_of(
        st.tuples(st.just("text"), st.text(max_size=10)),
        st.tuples(st.just("token"), names),
        st.tuples(st.just("fallback"), names, st.text(st.characters(exclude_characters="{}"), max_size=8)),
    ),
    max_size=12,
)


def written(piece: tuple[str, ...]) -> str:
    match piece:
        case ("text", text):
            return text.replace("{", "{{").replace("}", "}}")
        case ("token", name):
            return f"{{{name}}}"
        case (_, name, fallback):
            return f"{{{name}|{fallback}}}"
        case _:
            raise AssertionError(piece)


def expected(piece: tuple[str, ...], known: dict[str, str]) -> str:
    if piece[0] == "text":
        return piece[1]
    return known.get(piece[1]) or piece[2]


@given(pieces, st.dictionaries(names, values))
def test_merging_fills_in_values_and_fallbacks_and_nothing_else(
    parts: list[tuple[str, ...]], known: dict[str, str]
) -> None:
    needed = {piece[1] for piece in parts if piece[0] == "token"}
    known |= {name: known.get(name, "x{y}") for name in needed}
    text = "".join(map(written, parts))
    assert tokens.merge(text, known) == "".join(expected(piece, known) for piece in parts)
    assert tokens.required(text) == needed
    assert tokens.names(text) == {piece[1] for piece in parts if piece[0] != "text"}


@given(pieces)
def test_all_missing_values_are_named_at_once(parts: list[tuple[str, ...]]) -> None:
    text = "".join(map(written, parts))
    if needed := tokens.required(text):
        with pytest.raises(tokens.MissingValue) as refused:
            tokens.merge(text, {})
        assert refused.value.names == needed


@given(st.text(st.sampled_from("{}|ab _-.!:[]0")))
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    with suppress(Invalid):
        merged = tokens.merge(text, dict.fromkeys(tokens.names(text), "v"))
        assert len(merged) <= len(text)


@pytest.mark.parametrize(
    "text", ["{", "}", "a } b", "{}", "{ }", "{1x}", "{a.b}", "{a!r}", "{a:>9}", "{a[0]}", "{a|b{c}}"]
)
def test_a_stray_brace_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        tokens.parse(text)


def test_a_value_is_never_read_as_a_template() -> None:
    assert tokens.merge("{a}", {"a": "{b} {a.__class__} {{"}) == "{b} {a.__class__} {{"


def test_names_are_the_same_however_they_are_written() -> None:
    text = "{First Name} {first-name} { FIRST_NAME }"
    assert tokens.names(text) == {"first_name"}
    assert tokens.merge(text, {"first_name": "Ana"}) == "Ana Ana Ana"


def test_a_blank_value_counts_as_none() -> None:
    assert tokens.merge("Hi {first_name|friend}", {"first_name": "  "}) == "Hi friend"
    with pytest.raises(tokens.MissingValue, match=r"\{first_name\}"):
        tokens.merge("Hi {first_name}", {"first_name": "\n"})


def test_an_empty_fallback_is_a_fallback() -> None:
    assert tokens.merge("Hi{name|}!", {}) == "Hi!"


def test_a_merged_text_has_an_upper_limit() -> None:
    assert len(tokens.merge("{a}", {"a": "x" * 1600})) == 1600
    with pytest.raises(Invalid, match="1,601"):
        tokens.merge("{a}!", {"a": "x" * 1600})
