"""An e-mail asks for what it says as a whole: neither its first line nor its greeting decides."""

import pytest

from core.domain import letter


@pytest.mark.parametrize(
    ("words", "certainty"),
    [
        ("Stop", "certain"),
        ("Hi Tenants,\n\nstop\n\nThanks\nAnn", "certain"),
        ("Hola,\nbasta\nSaludos", "certain"),
        ("Stop\nAnn", "certain"),
        ("Stop\nann smith", "certain"),
        ("Unsubscribe\n\nBest regards\nAnn Smith\nHousing counsellor\n+1 212 555 0123", "certain"),
        ("please stop\nemailing me", "certain"),
        ("Unsubscribe\nfrom your newsletter please", "certain"),
        ("I moved. " * 400 + "\nPlease unsubscribe me", "certain"),
        ("Stop\nBy my house when you can", "likely"),
        ("Stop\nThanks\nby my house", "likely"),
        ("who is this\nstop", "likely"),
        ("Stop\nby my house", None),
        ("Stop\n\nby my house", None),
        ("Dear all,\nwill you stop\nat the market?", None),
        ("End\nof the month works", None),
        ("Quit\nsmoking with us", None),
        ("I can't\nstop laughing", None),
        ("Thanks!\nAnn", None),
        ("", None),
    ],
)
def test_a_line_break_makes_no_keyword(words: str, certainty: str | None) -> None:
    found = letter.read(words, names=["Ann Smith"])
    assert (found.certainty if found.kind == "opt_out" else None) == certainty


@pytest.mark.parametrize("greeting", ["Stop", "Hello stop", "Hallo, stopp", "Hi, unsubscribe me"])
def test_a_request_is_no_greeting(greeting: str) -> None:
    assert letter.read(f"{greeting}\nAnn", names=["Ann"]).certainty == "certain"


def test_what_is_left_by_name_is_known_below_a_greeting() -> None:
    found = letter.read("Hi,\nSTOP TENANTS\nThanks", topics=["tenants"])
    assert (found.kind, found.topic) == ("opt_out", "tenants")


@pytest.mark.parametrize("words", ["Hi\nHelp\nAnn", "START"])
def test_other_keywords_are_read_as_well(words: str) -> None:
    assert letter.read(words, names=["Ann"]).kind in ("help", "opt_in")
