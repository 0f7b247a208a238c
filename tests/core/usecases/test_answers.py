"""Answers are in the language of whoever asks, each one text that says who we are and how to stop."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import languages, message, tables
from core.models import ChannelName, Delivery, DeliveryKind
from core.usecases import answers, help_texts, inbound, suppression
from core.usecases.answers import Answer
from core.usecases.inbound import Text
from tests import factories
from tests.factories import NOON, SENDER, phone

SHE = phone(1)
EVERY = [
    *(answers.STOPPED, answers.LEFT, answers.STARTED, answers.WHICH, answers.ONLY, answers.REJOINED),
    *(answers.CONFIRM, answers.HELP, answers.HELP_ABOUT),
]
TRANSLATED = tables.load("answers")
DEAR = {"zh", "vi", "ar"}
# What an answer must name, in capitals, whatever its language is.
NAMED = {"stopped": "START", "confirm": "YES"}


def take(session: Session, body: str, number: int = 1, **values: Any) -> None:
    text = Text(f"SM{number}", SHE, SENDER, body, is_answered_by_provider=False)
    inbound.take(session, text, organization="Us", now=NOON + timedelta(hours=number), **values)


def given(session: Session) -> list[str]:
    is_one = col(Delivery.kind) == DeliveryKind.ANSWER
    return [each.body or "" for each in session.scalars(sa.select(Delivery).where(is_one).order_by(col(Delivery.id)))]


def said(answer: Answer, language: str) -> str:
    return answer.about("Rent").written_in(language).text("Us")


def test_every_answer_is_there_in_every_language() -> None:
    assert len(TRANSLATED) >= 9
    for language, words in TRANSLATED.items():
        assert languages.named(language) == language
        assert set(words) == {each.name for each in EVERY}, language


@pytest.mark.parametrize("language", [*TRANSLATED, "en"])
@pytest.mark.parametrize("answer", EVERY, ids=lambda each: each.name)
def test_it_says_who_we_are_what_about_and_how_to_go_on(answer: Answer, language: str) -> None:
    told = said(answer, language)
    assert "Us" in told
    assert NAMED.get(answer.name, "STOP") in told
    assert ("Rent" in told) is ("{topic}" in answer.words)
    assert "{" not in told


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("answer", EVERY, ids=lambda each: each.name)
def test_it_is_cheap_where_the_language_can_be_written_so(answer: Answer, language: str) -> None:
    size = message.measure(said(answer, language))
    assert size.encoding == ("UCS-2" if language in DEAR else "GSM-7")
    assert size.segments <= (2 if "{topic}" in answer.words and language in DEAR else 1), said(answer, language)


@pytest.mark.parametrize("organization", ["Tenants Together", "Asociación de Inquilinos Unidos del Sur de California"])
@pytest.mark.parametrize("language", [*TRANSLATED, "en"])
def test_help_is_one_text_whatever_we_are_called(language: str, organization: str) -> None:
    for answer in (answers.HELP, answers.HELP_ABOUT.about("Reparaciones y alquileres de la calle Elm")):
        told = answer.written_in(language).text(organization)
        assert message.measure(told).segments == 1, told
        assert "STOP" in told


@pytest.mark.parametrize(
    ("body", "reads", "begins"),
    [
        ("ALTO", "", "Us: ya no le enviaremos"),
        ("alto por favor", "fr", "Us: ya no le enviaremos"),
        ("STOP", "es-MX", "Us: ya no le enviaremos"),
        ("STOP", "", "Us: you won't get"),
        ("STOP", "Navajo", "Us: you won't get"),
        ("please stop texting me", "vi", "Us: sẽ không nhắn tin"),
        ("停止", "en", "Us：我们不会"),
        ("ayuda", "", "Us: responda STOP"),
        ("HELP", "ht", "Us: reponn STOP"),
    ],
)
def test_the_words_decide_then_what_they_read_then_it_is_english(
    session: Session, body: str, reads: str, begins: str
) -> None:
    factories.contact(session, 1, language=reads)
    take(session, body)
    assert [told[: len(begins)] for told in given(session)] == [begins]


def test_a_talk_stays_in_its_language(session: Session) -> None:
    member = factories.contact(session, 1)
    for name in ("Rally", "Tenants"):
        factories.audience(session, name, [member])
    for number, body in enumerate(("ALTO", "ALTA", "2"), start=1):
        take(session, body, number)
    assert [told.split(". ")[0] for told in given(session)] == [
        "Us: ya no le enviaremos mensajes",
        "Us: le enviaremos mensajes de nuevo",
        "Us: le enviaremos mensajes solo sobre Tenants",
    ]


@pytest.mark.parametrize(("asks", "yes"), [("ALTA", "Sí"), ("ALTA", "yes"), ("commencer", "Oui !"), ("START", "YES")])
def test_the_second_word_may_be_in_any_language(session: Session, asks: str, yes: str) -> None:
    take(session, "STOP", 1)
    take(session, asks, 2, asks_twice=True)
    assert suppression.active(session, SHE) is not None
    take(session, yes, 3, asks_twice=True)
    assert suppression.active(session, SHE) is None


def test_a_yes_to_something_else_is_no_opt_in(session: Session) -> None:
    take(session, "STOP", 1)
    take(session, "Sí", 2)
    assert suppression.active(session, SHE) is not None


def test_words_of_our_own_go_before_any_language(session: Session) -> None:
    body = "{organization}: rent and repairs. Reply STOP to stop."
    help_texts.put(session, body, audience=None, channel=ChannelName.SMS, organization="Us", now=NOON)
    take(session, "ayuda")
    assert given(session) == ["Us: rent and repairs. Reply STOP to stop."]
