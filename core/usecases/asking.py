"""About what somebody wants texts again: asked when there are several topics, understood once and for a day."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import choice
from core.models import Audience, Delivery, DeliveryKind, Inbound, TopicQuestion
from core.models.dialect import insert
from core.usecases import answers, conversations, suppression, topics
from core.usecases.answers import Answer
from core.usecases.topics import Topic

# What comes later than this is about something else.
OPEN_FOR = timedelta(days=1)


def question(theirs: Sequence[Audience]) -> Answer | None:
    """Return the question which of these somebody wants texts about; None when there are no two to choose from."""
    listed = answers.numbered([audience.name for audience in theirs])
    if len(listed) < 2:
        return None
    return answers.WHICH.about(", ".join(listed)).offering([audience.id for audience in theirs[: len(listed)]])


def remember(session: Session, inbound: Inbound, asked: Answer, *, now: datetime) -> None:
    """Keep what was offered, so that the answer is understood; a later question takes its place."""
    values = {"sender": inbound.sender, "offered": [str(each) for each in asked.offers], "asked_at": now}
    session.execute(
        insert(session, TopicQuestion)
        .values(address=inbound.address, **values)
        .on_conflict_do_update(index_elements=["address"], set_=values)
    )


def close(session: Session, address: str) -> None:
    """Expect no answer any more: they have said by a keyword what they want."""
    session.execute(sa.delete(TopicQuestion).where(col(TopicQuestion.address) == address))


def forget(session: Session, *, now: datetime) -> None:
    """Forget questions that nobody has answered in time."""
    session.execute(sa.delete(TopicQuestion).where(col(TopicQuestion.asked_at) < now - OPEN_FOR))


def choose(session: Session, inbound: Inbound, theirs: Sequence[Audience], *, now: datetime) -> Answer | None:
    """Do what an answer to our question asks for; None when a text isn't one, and is conversation.

    It is one only if it says nothing else, comes within a day, to the number that asked, and before anything else of
    ours has reached them: after that, “1” may be the answer to something else. The first one counts.
    """
    asked = session.get(TopicQuestion, inbound.address, populate_existing=True)
    if asked is None or inbound.media or not _is_open(session, asked, inbound):
        return None
    places = {str(audience.id): audience for audience in theirs}
    offered = [places.get(each) for each in asked.offered]
    chosen = choice.read(inbound.body, [audience.name if audience else "" for audience in offered])
    wanted = [offered[place] for place in sorted(chosen or ())]
    mine = [audience for audience in wanted if audience is not None]
    if not mine or not _take(session, asked):
        return None
    if len(mine) == len(offered):
        return _come_back_for_all(session, inbound, now=now)
    return _come_back_for(session, inbound, mine, theirs, now=now)


def _is_open(session: Session, asked: TopicQuestion, inbound: Inbound) -> bool:
    is_in_time = asked.asked_at <= inbound.received_at <= asked.asked_at + OPEN_FOR
    if not is_in_time or asked.sender != inbound.sender or suppression.active(session, inbound.address):
        return False
    heard = sa.exists().where(
        col(Delivery.address) == inbound.address,
        col(Delivery.kind) != DeliveryKind.ANSWER,
        col(Delivery.claimed_at) > asked.asked_at,
    )
    return not session.scalar(sa.select(heard))


def _take(session: Session, asked: TopicQuestion) -> bool:
    is_it = (col(TopicQuestion.address) == asked.address, col(TopicQuestion.asked_at) == asked.asked_at)
    return bool(session.execute(sa.delete(TopicQuestion).where(*is_it)).rowcount)  # type: ignore[attr-defined]  # a DELETE has it


def _come_back_for_all(session: Session, inbound: Inbound, *, now: datetime) -> Answer:
    topics.rejoin_all(session, inbound.address, now=now)
    conversations.tell(session, inbound, "They want texts about everything that they are in.", now=now)
    return answers.STARTED


def _come_back_for(
    session: Session, inbound: Inbound, chosen: Sequence[Audience], theirs: Sequence[Audience], *, now: datetime
) -> Answer:
    for audience in chosen:
        suppression.rejoin(session, inbound.address, audience_id=audience.id, kind=audience.kind, now=now)
    for audience in theirs:
        if audience not in chosen:
            other = Topic(audience.name, audience_id=audience.id)
            topics.leave(session, inbound.address, other, inbound_id=inbound.id, now=now)
    names = answers.listed([audience.name for audience in chosen])
    conversations.tell(session, inbound, f"They want texts about {names} only.", now=now)
    return answers.ONLY.about(names)
