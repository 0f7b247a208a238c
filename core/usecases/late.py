"""Texts that come late, by a gap filled or a retry: they change nothing that was asked for, or decided, since."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import keywords
from core.domain.keywords import Reading
from core.models import Audience, Contact, Inbound, IncomingCall, Suppression
from core.usecases import reach, suppression, topics
from core.usecases.topics import Topic


class _Asked(NamedTuple):
    """One thing that a member asked for; `topic` None: of everything."""

    is_stop: bool
    topic: Topic | None


def stands_down(session: Session, inbound: Inbound, reading: Reading, theirs: list[Audience], *, now: datetime) -> bool:
    """Tell whether a late text has been overtaken, so that it is for staff to read only.

    An opt-out is, if it would not be in force now, had all texts come in the order in which they were written; what is
    left of it (everything but the topic that they came back for) is left here. A START is by any opt-out that is newer.
    """
    if reading.kind == "opt_in":
        return _is_asked_since(session, inbound) or _is_held_since(session, inbound)
    if reading.kind != "opt_out":
        return False
    is_held, left = _outcome(_history(session, inbound.address, theirs), theirs)
    topic = _topic(reading, theirs)
    is_overtaken = topic not in left if topic is not None else not is_held
    if is_overtaken:
        for each in _still_left(topic, left, theirs):
            topics.leave(session, inbound.address, each, inbound_id=inbound.id, now=now)
    return is_overtaken


def _still_left(asked: Topic | None, left: list[Topic], theirs: list[Audience]) -> list[Topic]:
    """Return what they have not come back for of what they asked to leave; None: everything."""
    if asked is None:
        return left
    return [each for each in topics.siblings(asked, theirs) if each in left] if asked.kind else []


def has_come_back(session: Session, address: str, *, since: datetime) -> bool:
    """Tell whether somebody has asked for texts again since."""
    is_start = sa.and_(_are_keywords(address), col(Inbound.kind) == "opt_in", col(Inbound.received_at) > since)
    return bool(session.scalar(sa.select(sa.exists().where(is_start))))


def has_left_since(session: Session, address: str, *, since: datetime) -> bool:
    """Tell whether somebody has asked for an end since: by text, by e-mail, or by the key for it in a call.

    Who was out of reach already when they asked for it again has no newer suppression that would tell it.
    """
    emails = sa.select(col(Contact.email)).where(col(Contact.phone) == address, col(Contact.email).is_not(None))
    is_theirs = sa.or_(col(Inbound.address) == address, col(Inbound.address).in_(emails))
    by_words = sa.exists().where(is_theirs, col(Inbound.kind) == "opt_out", col(Inbound.received_at) > since)
    by_key = sa.exists().where(col(IncomingCall.address) == address, col(IncomingCall.opted_out_at) > since)
    return bool(session.scalar(sa.select(sa.or_(by_words, by_key))))


def is_let_in_since(session: Session, address: str, *, since: datetime) -> bool:
    """Tell whether an address was let in again since, by its owner (which no e-mail does) or by staff."""
    is_lift = sa.exists().where(
        col(Suppression.address) == address,
        col(Suppression.lifted_at) > since,
        # One that gave way to a stronger cause wasn't lifted by anybody.
        col(Suppression.lifted_by) != suppression.REPLACED,
    )
    is_back = "@" not in address and has_come_back(session, address, since=since)
    return is_back or bool(session.scalar(sa.select(is_lift)))


def _is_asked_since(session: Session, inbound: Inbound) -> bool:
    is_later = sa.and_(_are_keywords(inbound.address), col(Inbound.received_at) > inbound.received_at)
    by_text = bool(session.scalar(sa.select(sa.exists().where(is_later))))
    return by_text or has_left_since(session, inbound.address, since=inbound.received_at)


def _is_held_since(session: Session, inbound: Inbound) -> bool:
    """Tell whether the address was put out of reach since: by its member, by staff, by the provider."""
    # What members wrote counts from when they wrote it: that text may have come late, too.
    written_at = sa.select(col(Inbound.received_at)).where(col(Inbound.id) == col(Suppression.inbound_id))
    held_at = sa.func.coalesce(written_at.scalar_subquery(), col(Suppression.created_at))
    later = sa.exists().where(
        col(Suppression.address) == inbound.address, reach.IS_ACTIVE, held_at > inbound.received_at
    )
    return bool(session.scalar(sa.select(later)))


def _history(session: Session, address: str, theirs: list[Audience]) -> list[_Asked]:
    """Return what a member has asked for, in the order in which it was written."""
    names = [audience.name for audience in theirs]
    texts = sa.select(Inbound).where(_are_keywords(address)).order_by(col(Inbound.received_at), col(Inbound.id))
    return [
        _Asked(each.kind == "opt_out", _topic(keywords.read(each.body, topics=names), theirs))
        for each in session.scalars(texts)
    ]


def _topic(reading: Reading, theirs: list[Audience]) -> Topic | None:
    return topics.named(reading.topic, theirs) if reading.topic else None


def _are_keywords(address: str) -> sa.ColumnElement[bool]:
    """Return the SQL for whether a text of theirs was acted on: an opt-in only if it was certain, an opt-out always."""
    is_start = sa.and_(col(Inbound.kind) == "opt_in", col(Inbound.certainty) == "certain")
    return sa.and_(col(Inbound.address) == address, sa.or_(col(Inbound.kind) == "opt_out", is_start))


def _outcome(asked: Iterable[_Asked], theirs: list[Audience]) -> tuple[bool, list[Topic]]:
    """Return whether somebody is out of reach in the end, and which topics they have left; as `optin.take` has it."""
    is_held, left = False, list[Topic]()
    for each in asked:
        if each.is_stop and each.topic is None:
            is_held = True
        elif each.is_stop:
            left = [*left, each.topic] if each.topic and each.topic not in left else left
        elif each.topic is None:
            # A bare START undoes a STOP, and what was left by name only if there is nothing else to undo.
            is_held, left = False, left if is_held else []
        else:
            others = topics.others(each.topic, theirs) if is_held else []
            left = topics.come_back(each.topic, list(dict.fromkeys([*left, *others])), theirs)
            is_held = False
    return is_held, left
