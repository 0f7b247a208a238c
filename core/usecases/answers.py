"""What a keyword is answered: one text, in words that say who we are and how to stop."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import message, tokens
from core.models import Delivery, DeliveryKind, Inbound
from core.settings import UNNAMED
from core.usecases import sending

# Two machines that answer each other must not go on for ever.
_SAME_ANSWER_AGAIN_AFTER = timedelta(minutes=10)
# Names of topics are the organizers' words: so many characters of them keep an answer within two segments.
_LONGEST_TOPICS = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """A text with a place for who we are, and perhaps for a topic.

    `shorter`: other words, the longest first, for an answer that must fit into one segment. `offers`: the audiences
    that a question offers, in the order of their numbers.
    """

    words: str
    topic: str = ""
    shorter: tuple[str, ...] = ()
    offers: tuple[UUID, ...] = ()

    def about(self, topic: str) -> "Answer":
        """Return the same about this topic."""
        return replace(self, topic=topic)

    def offering(self, audience_ids: Iterable[UUID]) -> "Answer":
        """Return the same as a question between these audiences."""
        return replace(self, offers=tuple(audience_ids))

    def text(self, organization: str) -> str:
        """Return what is sent."""
        # A name is written as its owners write it; what stands for none begins the answer, with a capital.
        who = UNNAMED.capitalize() if organization.strip() in ("", UNNAMED) else organization
        return self._short(who) if self.shorter else self._said(self.words, who)

    def _short(self, who: str) -> str:
        plain = called(who)
        for words in (self.words, *self.shorter):
            said = self._said(words, plain)
            if message.measure(said).segments == 1:
                return said
        cut = (f"{plain[:size].rstrip()}..." for size in range(len(plain) - 1, 0, -1))
        return next(said for each in cut if message.measure(said := self._said(words, each)).segments == 1)

    def _said(self, words: str, who: str) -> str:
        return tokens.merge(words, {"organization": who, "topic": self.topic})


def called(organization: str) -> str:
    """Return the organization's name in the cheap alphabet of texts, if it can be written in it."""
    return message.fix(organization).strip() or organization


STOPPED = Answer("{organization}: you won't get any more texts from us. Reply START to get them again.")
LEFT = Answer(
    "{organization}: you won't get texts about {topic} any more. Reply STOP to stop all of our texts, "
    "START {topic} to get these again."
)
STARTED = Answer("{organization}: you will get our texts again. Reply STOP to stop them, HELP for help.")
WHICH = Answer(
    "{organization}: you will get our texts again. About what? Reply with a number: {topic}; or ALL. "
    "STOP stops them all."
)
ONLY = Answer("{organization}: you will get texts about {topic} only. Reply STOP to stop all of our texts.")
REJOINED = Answer("{organization}: you will get texts about {topic} again. Reply STOP to stop all of our texts.")
CONFIRM = Answer("{organization}: reply YES to get our texts again. If you didn't ask for this, don't answer.")
_HELP_SHORT = "{organization}: reply STOP to get no more texts."
HELP = Answer(
    "{organization}: reply STOP to get no more texts from us. Or write what you need: a person reads it.",
    shorter=(_HELP_SHORT,),
)
HELP_ABOUT = Answer(
    "{organization} texts you about: {topic}. Reply STOP to get no more texts from us. Or write what you need: "
    "a person reads it.",
    shorter=("{organization} texts you about: {topic}. Reply STOP to get no more texts.", HELP.words, _HELP_SHORT),
)
_HELP_BY_EMAIL = "To get no more e-mails from us, answer with STOP. Or write what you need: a person reads it."
HELP_BY_EMAIL = Answer(f"This is {{organization}}. {_HELP_BY_EMAIL}")
HELP_ABOUT_BY_EMAIL = Answer(f"This is {{organization}}. We write to you about: {{topic}}. {_HELP_BY_EMAIL}")


def give(session: Session, inbound: Inbound, answer: Answer, *, organization: str, now: datetime) -> None:
    """Queue an answer, unless the same was given a moment ago."""
    body = answer.text(organization)
    if not was_given(session, inbound.address, col(Delivery.body) == body, since=now - _SAME_ANSWER_AGAIN_AFTER):
        sending.queue(
            session, kind=DeliveryKind.ANSWER, address=inbound.address, sender=inbound.sender, body=body, now=now
        )


def was_given(session: Session, address: str, is_it: sa.ColumnElement[bool], *, since: datetime) -> bool:
    """Tell whether an address was given an answer of this kind lately."""
    found = sa.exists().where(
        col(Delivery.address) == address,
        col(Delivery.kind) == DeliveryKind.ANSWER,
        is_it,
        col(Delivery.created_at) > since,
    )
    return bool(session.scalar(sa.select(found)))


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
