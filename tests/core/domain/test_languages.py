"""In which language somebody asks, and which one they are said to read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import languages

ASKED = {
    "es": ("ALTO", "ayuda", "alto por favor", "ALTO TENANTS", "START EVENTOS", "no me manden más mensajes", "Alta"),
    "fr": ("Arrêt", "aide svp", "désabonner", "STOP s'il vous plaît"),
    "pt": ("sair", "ajuda", "não quero mais mensagens"),
    "de": ("abmelden", "Hilfe", "bitte keine Nachrichten mehr"),
    "it": ("aiuto", "non voglio più messaggi"),
    "zh": ("停止", "帮助", "退訂"),
    "vi": ("hủy", "trợ giúp"),
    "tl": ("tigil na", "tulong"),
    "ar": ("توقف", "مساعدة"),
    "ht": ("sispann", "èd"),
}


@pytest.mark.parametrize(("language", "text"), [(each, text) for each, texts in ASKED.items() for text in texts])
def test_the_words_tell_the_language(language: str, text: str) -> None:
    assert languages.spoken(text) == language


@pytest.mark.parametrize(
    "text", ["STOP", "Start", "HELP", "info", "stop please", "please stop texting me", "2", "👍", ""]
)
def test_what_everybody_writes_tells_no_language(text: str) -> None:
    assert languages.spoken(text) is None


def test_a_word_of_several_languages_is_of_the_one_that_its_writer_reads() -> None:
    assert languages.spoken("cancelar") == "es"
    assert languages.spoken("cancelar", known="pt") == "pt"
    assert languages.spoken("cancelar", known="de") == "es"


@pytest.mark.parametrize(
    ("written", "language"),
    [
        ("es", "es"),
        ("ES-mx", "es"),
        ("pt_BR", "pt"),
        (" Spanish ", "es"),
        ("Español", "es"),
        ("Tiếng Việt", "vi"),
        ("Kreyòl", "ht"),
        ("中文", "zh"),
        ("zh-Hant-TW", "zh"),
        ("English", "en"),
        ("Navajo", None),
        ("estonian", None),
        ("", None),
    ],
)
def test_a_contacts_language_is_read_as_sheets_have_it(written: str, language: str | None) -> None:
    assert languages.named(written) == language


@given(st.text(max_size=60))
def test_any_text_has_a_language_of_ours_or_none(text: str) -> None:
    assert languages.spoken(text) in {None, *ASKED}
