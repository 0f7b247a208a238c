"""A text is about the last blast, unless it says otherwise."""

from datetime import timedelta

import pytest

from core.domain import attribution
from core.domain.attribution import Candidate
from tests.factories import NOON

HOUR = timedelta(hours=1)
BLASTS = [
    Candidate(
        "rally", "Rally\nCome to the rally at city hall on Saturday. Reply RIDE if you need one.", NOON - 30 * HOUR
    ),
    Candidate("rent", "Rent\nYour rent is going up? Meet us on Monday about the rent increase.", NOON - 2 * HOUR),
    Candidate("old", "Picnic\nThe picnic in the park needs potato salad.", NOON - 300 * HOUR),
]


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("Who is this?", "rent"),
        ("ok thanks", "rent"),
        ("Ride!", "rally"),
        ("where is the rally on Saturday", "rally"),
        ("is my rent going up too", "rent"),
        ("I can bring potato salad to the picnic park", "old"),
        ("", "rent"),
        ("🎉", "rent"),
        ("STOP", "rent"),
    ],
)
def test_a_text_is_about_what_it_speaks_of_or_the_last(text: str, about: str) -> None:
    assert attribution.choose(text, BLASTS, now=NOON) == about
    assert attribution.choose(text, BLASTS[::-1], now=NOON) == about


def test_without_blasts_it_is_about_none() -> None:
    assert attribution.choose("Hello", [], now=NOON) is None
