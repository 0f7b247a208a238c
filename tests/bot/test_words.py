"""What is typed after /blast, and times as people write them."""

from datetime import UTC, datetime

import pytest

from bot import when, words
from bot.words import Shorthand, Verb
from core.errors import Invalid

# Wednesday, eight in the morning in New York.
NOW = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", Verb("", "")),
        ("  LIST ", Verb("list", "")),
        ("status  Rent meeting", Verb("status", "Rent meeting")),
        ('"Hi" to:tenants', Shorthand("Hi", ("tenants",), (), "")),
        ("“Hi – there”", Shorthand("Hi – there", (), (), "")),
        ('"R&amp;D &lt;3" to:a,b to:"c d" not:e', Shorthand("R&D <3", ("a", "b", "c d"), ("e",), "")),
        ('"Say "yes"" to:x at:"tomorrow 18:00"', Shorthand('Say "yes"', ("x",), (), "tomorrow 18:00")),
        ('"Two\nlines" at:18:00', Shorthand("Two\nlines", (), (), "18:00")),
    ],
)
def test_what_is_typed_is_taken_apart(typed: str, expected: Verb | Shorthand) -> None:
    assert words.parse(typed) == expected


@pytest.mark.parametrize("typed", ['"Hi', '"Hi" tenants', '"Hi" to:x now', '"Hi" cc:x'])
def test_what_cannot_be_read_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(Invalid, match="/blast"):
        words.parse(typed)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-06-04 18:00", datetime(2026, 6, 4, 22, 0, tzinfo=UTC)),
        ("2026-06-04T18:00+02:00", datetime(2026, 6, 4, 16, 0, tzinfo=UTC)),
        ("tomorrow 18:00", datetime(2026, 6, 4, 22, 0, tzinfo=UTC)),
        ("tomorrow at 6pm", datetime(2026, 6, 4, 22, 0, tzinfo=UTC)),
        ("tomorrow noon", datetime(2026, 6, 4, 16, 0, tzinfo=UTC)),
        ("friday 6:30pm", datetime(2026, 6, 5, 22, 30, tzinfo=UTC)),
        ("18:00", datetime(2026, 6, 3, 22, 0, tzinfo=UTC)),
        ("December 24 2026 9:00", datetime(2026, 12, 24, 14, 0, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_the_writers_own_zone(written: str, expected: datetime) -> None:
    assert when.parse(written, tz="America/New_York", now=NOW) == expected


@pytest.mark.parametrize("written", ["", "1", "tonight at 8", "tomorrow", "soon", "2026-06-04", "25:00", "x 18:00 y"])
def test_a_time_that_would_be_guessed_is_refused(written: str) -> None:
    with pytest.raises(Invalid, match="can't read the time"):
        when.parse(written, tz="America/New_York", now=NOW)


@pytest.mark.parametrize("written", ["2026-06-03 07:00", "yesterday 18:00"])
def test_a_past_time_is_refused(written: str) -> None:
    with pytest.raises(Invalid, match="past"):
        when.parse(written, tz="America/New_York", now=NOW)


def test_a_time_that_the_clocks_skip_is_refused() -> None:
    with pytest.raises(Invalid, match="doesn't exist"):
        when.parse("2027-03-14 02:30", tz="America/New_York", now=NOW)


def test_an_unknown_zone_is_taken_for_utc() -> None:
    assert when.parse("2026-06-04 18:00", tz="Nowhere/Land", now=NOW) == datetime(2026, 6, 4, 18, 0, tzinfo=UTC)
