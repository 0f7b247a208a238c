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


TWO = [
    Candidate(
        "fest", "Fiesta\nLa reunión de vecinos es el sábado. Responda VOY si viene, o 1 si no puede.", NOON - 30 * HOUR
    ),
    Candidate(
        "clinic", "Clinic\nFree legal clinic on Friday. Reply yes to get a seat; 2 for a translator.", NOON - 3 * HOUR
    ),
    Candidate("marcha", "游行\n星期六在市政厅前集合，请带水。", NOON - 50 * HOUR),
    Candidate("rallies", "Rallies\nOur rallies at 123 Elm St begin at 7pm. BRING water and signs.", NOON - 26 * HOUR),
]


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("voy", "fest"),
        ("Voy! 🎉", "fest"),
        ("sí, VOY gracias", "fest"),
        ("a que hora es la reunion el sabado", "fest"),
        ("1", "fest"),
        ("2 please", "clinic"),
        ("yes", "clinic"),
        ("Yes!!", "clinic"),
        ("is the rally at 123 Elm", "rallies"),
        ("星期六几点集合？", "marcha"),
        ("no", "clinic"),
        ("gracias", "clinic"),
        ("who are you people and why do you text me", "clinic"),
        ("we will come on friday", "clinic"),
        ("bring?", "rallies"),
    ],
)
def test_keywords_numbers_accents_and_signs_count_in_any_language(text: str, about: str) -> None:
    assert attribution.choose(text, TWO, now=NOON) == about
    assert attribution.choose(text, TWO[::-1], now=NOON) == about


@pytest.mark.parametrize(
    ("text", "about"), [("ok thanks", "rally"), ("What time?", "rally"), ("and is my rent going up too", "rent")]
)
def test_a_talk_stays_about_its_blast_until_it_speaks_of_another(text: str, about: str) -> None:
    assert attribution.choose(text, BLASTS, now=NOON, going_on="rally") == about


@pytest.mark.parametrize("asks", ["Reply if you can come.", "Text us the time.", "Reply STOP to stop, HELP for help."])
def test_what_stands_behind_reply_is_not_always_a_keyword(asks: str) -> None:
    asked = [Candidate("old", asks, NOON - 30 * HOUR), Candidate("new", "See you at the hall", NOON - HOUR)]
    for text in ("if only", "the us", "stop it", "help us"):
        assert attribution.choose(text, asked, now=NOON) == "new"


def test_a_keyword_that_every_blast_asks_for_is_the_last_ones() -> None:
    asked = [Candidate(at, "Reply YES or NO.", NOON - at * HOUR) for at in (50, 3, 20)]
    assert attribution.choose("yes", asked, now=NOON) == 3


def test_without_blasts_it_is_about_none() -> None:
    assert attribution.choose("Hello", [], now=NOON) is None
