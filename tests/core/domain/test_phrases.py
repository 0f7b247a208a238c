"""What phrases may say of words, of those between, and of where they stand."""

import pytest

from core.domain.keywords.grammar import Phrases, Text, phrase
from core.domain.keywords.normal import tokens


@pytest.mark.parametrize("part", ["stop|&", "&", "|"])
def test_a_phrase_that_would_match_anything_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="without letters"):
        phrase(f"please {part}", 1.0, {}, tokens)


def test_phrases_are_tied_to_the_bounds_of_clauses() -> None:
    words = tokens("Hi, it says wrong number. No thanks, quit please")
    text = Text.of(words, greetings={"hi"}, closers={"please"})
    assert found("wrong number >", text) == ["wrong number"]
    assert found("it says >", text) == []
    assert found("< quit >", text) == ["quit"]
    assert found("< number", text) == []
    assert found("< ~3 number", text) == ["number"]
    assert found("it ~1 wrong|right phone?", text) == ["it says wrong"]
    assert found("says ~2 thanks", text) == []
    assert found("number , no", text) == ["number . no"]
    assert found("quit >>", text) == ["quit"]
    assert found("number >>", text) == []


def test_phrases_may_take_other_words_and_gaps_of_a_class_and_end_where_the_sentence_turns() -> None:
    text = Text.of(tokens("it says wrong number but who knows"), greetings=(), closers=())
    assert found("says !right|number", text) == ["says wrong"]
    assert found("says !wrong", text) == []
    assert found("knows !me", text) == []
    assert found("it ~2:says|wrong number", text) == ["it says wrong number"]
    assert found("it ~2:says number", text) == []
    assert found("number ~2 knows", text) == []
    with pytest.raises(ValueError, match="first word"):
        phrase("!stop me", 1.0, {}, tokens)


def found(written: str, text: Text) -> list[str]:
    """Find one phrase in a text."""
    sought = Phrases([phrase(written, 1.0, {}, tokens)])
    return [" ".join(text.words[each.start : each.end]) for each in sought.find(text)]
