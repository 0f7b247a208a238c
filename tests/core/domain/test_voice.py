"""What callers hear says the same in every language, and who withholds their number is known."""

from dataclasses import fields

import pytest

from core.domain import languages, tables, voice
from core.domain.voice import Words

SPOKEN = sorted(tables.load("spoken"))


@pytest.mark.parametrize("language", SPOKEN)
def test_each_language_says_everything(language: str) -> None:
    said = voice.words(language)
    assert languages.named(language) == language
    assert said.language.startswith(f"{language}-")
    assert said.voice.startswith("Polly.")  # the usual one is silent in most languages
    assert all(getattr(said, each.name) for each in fields(Words))
    assert "{organization}" in said.greeting
    assert "9" in said.how_to_stop
    assert all("STOP" in words for words in (said.withheld, said.unsaved, said.closed))


def test_a_language_without_words_hears_english() -> None:
    assert voice.words("vi") == voice.words(None) == voice.words("en")


def test_no_two_languages_share_a_sentence() -> None:
    sentences = [getattr(voice.words(language), each.name) for language in SPOKEN for each in fields(Words)]
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("number", ["+12125550123", "+447700900123", " +12125550123 "])
def test_a_number_is_a_caller(number: str) -> None:
    assert voice.caller(number) == number.strip()


@pytest.mark.parametrize(
    "told",
    ["", "anonymous", "Restricted", "+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253", "client:ann"],
)
def test_what_is_no_number_is_nobody(told: str) -> None:
    assert voice.caller(told) == ""
