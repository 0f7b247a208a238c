"""What a keyword is answered: one text, in words that say who we are and how to stop."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import languages, message, tables, tokens
from core.models import Contact, Delivery, DeliveryKind, Inbound
from core.settings import UNNAMED
from core.usecases import late, sending

# Two machines that answer each other must not go on for ever.
_SAME_ANSWER_AGAIN_AFTER = timedelta(minutes=10)
# These are given only to whoever wasn't stopped before.
_TELLS_A_CHANGE = frozenset(("stopped", "left"))
# What somebody asked for by then is part of the same talk, and was in the same language.
_SAME_TALK = timedelta(days=1)
_TRANSLATED = tables.load("answers")
# Names of topics are the organizers' words: so many characters of them keep an answer within two segments.
_LONGEST_TOPICS = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """A text with a place for who we are, and perhaps for a topic.

    `name`: what it is called in the table of its translations. `shorter`: other words for it, the longest first.
    `must_fit`: it must fit into one segment, whatever we are called. `offers`: the audiences that a question offers, in
    the order of their numbers.
    """

    words: str
    topic: str = ""
    shorter: tuple[str, ...] = ()
    offers: tuple[UUID, ...] = ()
    name: str = ""
    must_fit: bool = False

    def about(self, topic: str) -> "Answer":
        """Return the same about this topic."""
        return replace(self, topic=topic)

    def offering(self, audience_ids: Iterable[UUID]) -> "Answer":
        """Return the same as a question between these audiences."""
        return replace(self, offers=tuple(audience_ids))

    def written_in(self, language: str | None) -> "Answer":
        """Return the same in a language, if we have the words."""
        words: list[str] = _TRANSLATED.get(language or "", {}).get(self.name, [])
        # What may not name its topic for want of room is as good without.
        more = _TRANSLATED[language or ""]["help"] if words and self.name == "help_about" else []
        return replace(self, words=words[0], shorter=(*words[1:], *more)) if words else self

    def in_every_language(self) -> "list[Answer]":
        """Return the same in each language that we have it in."""
        return [self, *(self.written_in(language) for language in _TRANSLATED)]

    def text(self, organization: str) -> str:
        """Return what is sent."""
        # A name is written as its owners write it; what stands for none begins the answer, with a capital.
        who = UNNAMED.capitalize() if organization.strip() in ("", UNNAMED) else organization
        if not (self.shorter or self.must_fit):
            return self._said(self.words, who)
        plain = called(who)
        said = [self._said(words, plain) for words in (self.words, *self.shorter)]
        return next((each for each in said if _is_one(each)), self._cut(plain) if self.must_fit else said[-1])

    def _cut(self, who: str) -> str:
        shortest = (self.words, *self.shorter)[-1]
        cut = (self._said(shortest, f"{who[:size].rstrip()}...") for size in range(len(who) - 1, 0, -1))
        return next((each for each in cut if _is_one(each)), self._said(shortest, who))

    def _said(self, words: str, who: str) -> str:
        return tokens.merge(words, {"organization": who, "topic": self.topic})


def _is_one(text: str) -> bool:
    return message.measure(text).segments == 1


def called(organization: str) -> str:
    """Return the organization's name in the cheap alphabet of texts, if it can be written in it."""
    return message.fix(organization).strip() or organization


STOPPED = Answer("{organization}: you won't get any more texts from us. Reply START to get them again.", name="stopped")
LEFT = Answer(
    "{organization}: you won't get texts about {topic} any more. Reply STOP to stop all of our texts, "
    "START {topic} to get these again.",
    name="left",
)
STARTED = Answer(
    "{organization}: you will get our texts again. Reply STOP to stop them, HELP for help.", name="started"
)
WHICH = Answer(
    "{organization}: you will get our texts again. About what? Reply with a number: {topic}; or ALL. "
    "STOP stops them all.",
    name="which",
)
ONLY = Answer(
    "{organization}: you will get texts about {topic} only. Reply STOP to stop all of our texts.", name="only"
)
REJOINED = Answer(
    "{organization}: you will get texts about {topic} again. Reply STOP to stop all of our texts.", name="rejoined"
)
CONFIRM = Answer(
    "{organization}: reply YES to get our texts again. If you didn't ask for this, don't answer.", name="confirm"
)
_HELP_SHORT = "{organization}: reply STOP to get no more texts."
HELP = Answer(
    "{organization}: reply STOP to get no more texts from us. Or write what you need: a person reads it.",
    shorter=(_HELP_SHORT,),
    name="help",
    must_fit=True,
)
HELP_ABOUT = Answer(
    "{organization} texts you about: {topic}. Reply STOP to get no more texts from us. Or write what you need: "
    "a person reads it.",
    shorter=("{organization} texts you about: {topic}. Reply STOP to get no more texts.", HELP.words, _HELP_SHORT),
    name="help_about",
    must_fit=True,
)
_HELP_BY_EMAIL = "To get no more e-mails from us, answer with STOP. Or write what you need: a person reads it."
HELP_BY_EMAIL = Answer(f"This is {{organization}}. {_HELP_BY_EMAIL}")
HELP_ABOUT_BY_EMAIL = Answer(f"This is {{organization}}. We write to you about: {{topic}}. {_HELP_BY_EMAIL}")


def give(session: Session, inbound: Inbound, answer: Answer, *, organization: str, now: datetime) -> None:
    """Queue an answer in its reader's language, unless it says what was said a moment ago, and nothing has changed."""
    body = answer.written_in(language_of(session, inbound, now=now)).text(organization)
    is_same = col(Delivery.body) == body
    if answer.name in _TELLS_A_CHANGE or not stands(
        session, inbound.address, is_same, since=now - _SAME_ANSWER_AGAIN_AFTER
    ):
        sending.queue(
            session, kind=DeliveryKind.ANSWER, address=inbound.address, sender=inbound.sender, body=body, now=now
        )


def language_of(session: Session, inbound: Inbound, *, now: datetime) -> str | None:
    """Return the language that a text asks in, else that of what its writer asked lately, else the one they read."""
    known = _read_by(session, inbound.address)
    is_earlier = col(Inbound.id) != inbound.id
    bodies = (inbound.body, *session.scalars(_asked_lately(inbound.address, now=now).where(is_earlier)))
    return next(filter(None, (languages.spoken(body, known=known) for body in bodies)), known)


def language_at(session: Session, address: str, *, now: datetime) -> str | None:
    """Return the language of what somebody asked lately, else the one they read."""
    known = _read_by(session, address)
    bodies = session.scalars(_asked_lately(address, now=now))
    return next(filter(None, (languages.spoken(body, known=known) for body in bodies)), known)


def _read_by(session: Session, address: str) -> str | None:
    read = session.scalar(sa.select(col(Contact.language)).where(col(Contact.phone) == address))
    return languages.named(read or "")


def _asked_lately(address: str, *, now: datetime) -> sa.Select[str]:
    asked = (col(Inbound.address) == address, col(Inbound.kind) != "none", col(Inbound.received_at) > now - _SAME_TALK)
    return sa.select(col(Inbound.body)).where(*asked).order_by(col(Inbound.received_at).desc()).limit(3)


def stands(session: Session, address: str, is_it: sa.ColumnElement[bool], *, since: datetime) -> bool:
    """Tell whether an address was given an answer of this kind lately, and hasn't asked for an end after that."""
    found = sa.select(sa.func.max(col(Delivery.created_at))).where(
        col(Delivery.address) == address,
        col(Delivery.kind) == DeliveryKind.ANSWER,
        is_it,
        col(Delivery.created_at) > since,
    )
    given_at = session.scalar(found)
    return given_at is not None and not late.has_left_since(session, address, since=given_at)


def listed(names: Iterable[str]) -> str:
    """Write names in a row, as many as an answer has room for."""
    return ", ".join(_with_room(names))


def numbered(names: Iterable[str]) -> list[str]:
    """Put numbers before names, as many as an answer has room for."""
    return _with_room(f"{number} {name}" for number, name in enumerate(names, start=1))


def _with_room(names: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for name in names:
        if len(", ".join([*kept, name])) > _LONGEST_TOPICS:
            break
        kept.append(name)
    return kept
