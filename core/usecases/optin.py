"""Coming back: START, START with a topic, and the second question where it is wanted (double opt-in)."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import keywords
from core.models import Audience, Delivery, Inbound
from core.usecases import answers, asking, conversations, suppression, topics
from core.usecases.answers import Answer
from core.usecases.topics import Topic

# A YES that comes later than this may be the answer to something else.
_CONFIRM_WITHIN = timedelta(days=1)
_MARKS = sorted({each.words.partition("{organization}")[2] for each in answers.CONFIRM.in_every_language()})


def is_asked(session: Session, address: str, *, now: datetime) -> bool:
    """Tell whether somebody was asked lately to confirm that they want texts again, and is still to answer.

    Who asked for an end once more meanwhile has answered.
    """
    is_question = sa.or_(*(col(Delivery.body).endswith(mark, autoescape=True) for mark in _MARKS))
    was_asked = answers.stands(session, address, is_question, since=now - _CONFIRM_WITHIN)
    return was_asked and suppression.active(session, address) is not None


def take(
    session: Session,
    inbound: Inbound,
    topic: Topic | None,
    theirs: list[Audience],
    *,
    asks_first: bool,
    is_answered: bool,
    now: datetime,
) -> Answer | None:
    """Let somebody have texts again; returns the answer that they are owed, if any.

    A bare START undoes a STOP; what was left by name stays left until it is named, or until there is nothing else to
    undo. With `asks_first` a STOP is undone by the answer to our question only. `is_answered`: the provider has
    answered it, so nobody is asked about what.
    """
    held = suppression.active(session, inbound.address)
    if held is not None and held.cause not in suppression.MEMBERS_MAY_LIFT:
        # What staff decided is theirs to undo: they see the text.
        conversations.receive(session, inbound, now=now)
        return None
    if held is not None and topic is not None:
        _leave_others(session, inbound, topic, theirs, now=now)
    if held is not None and asks_first:
        conversations.tell(session, inbound, "They asked for texts again, and are asked to confirm it.", now=now)
        return answers.CONFIRM
    is_back = suppression.start(session, inbound.address, now=now)
    if topic is not None:
        is_back |= topics.rejoin(session, inbound.address, topic, theirs, inbound_id=inbound.id, now=now)
    elif held is None:
        is_back |= topics.rejoin_all(session, inbound.address, now=now)
    answer = _answer(topic, theirs)
    conversations.tell(session, inbound, _told(answer, theirs, is_answered=is_answered), now=now)
    # A provider's keyword from somebody who was never stopped may be one whose STOP it took before we were told.
    return answer if is_back or keywords.provider_answers(inbound.body) is None else None


def _told(answer: Answer, theirs: list[Audience], *, is_answered: bool) -> str:
    told = "They asked for texts again, and can be texted."
    if not (is_answered and answer.offers):
        return told
    names = answers.listed(audience.name for audience in theirs)
    return f"{told} The provider has answered them, so they weren't asked about what: they are in {names}."


def _leave_others(session: Session, inbound: Inbound, topic: Topic, theirs: list[Audience], *, now: datetime) -> None:
    """Who comes back for one topic doesn't come back for the others."""
    for other in topics.others(topic, theirs):
        topics.leave(session, inbound.address, other, inbound_id=inbound.id, now=now)


def _answer(topic: Topic | None, theirs: list[Audience]) -> Answer:
    if topic is not None:
        return answers.REJOINED.about(topic.name)
    return asking.question(theirs) or answers.STARTED
