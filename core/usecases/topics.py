"""What members may leave and come back to one by one: the audiences they are in, and all events' audiences together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.models import Audience, AudienceKind, Contact, Membership, Suppression
from core.usecases import reach, suppression

# Words for all audiences of a kind, as `keywords` tells them: whoever writes STOP EVENTS means every event.
_KINDS = {"events": AudienceKind.EVENT}


@dataclass(frozen=True, slots=True)
class Topic:
    """One audience, or all of a kind, under the name that members know."""

    name: str
    audience_id: UUID | None = None
    kind: AudienceKind | None = None


def of(session: Session, address: str) -> list[Audience]:
    """Return the audiences that somebody is in, by name."""
    found = session.scalars(
        sa.select(Audience)
        .join(Membership, col(Membership.audience_id) == col(Audience.id))
        .join(Contact, col(Contact.id) == col(Membership.contact_id))
        .where((col(Contact.phone) == address) | (col(Contact.email) == address))
        .order_by(sa.func.lower(col(Audience.name)))
    )
    return list(found)


def named(name: str, theirs: list[Audience]) -> Topic | None:
    """Return the topic of a name among what somebody is in, or None: then they mean everything."""
    for audience in theirs:
        if audience.name == name:
            return Topic(audience.name, audience_id=audience.id)
    kind = _KINDS.get(name)
    return Topic(name, kind=kind) if kind in {audience.kind for audience in theirs} else None


def others(topic: Topic, theirs: list[Audience]) -> list[Topic]:
    """Return what somebody is in besides a topic, each audience by itself."""
    return [
        Topic(audience.name, audience_id=audience.id)
        for audience in theirs
        if audience.id != topic.audience_id and audience.kind is not topic.kind
    ]


def leave(
    session: Session,
    address: str,
    topic: Topic,
    *,
    inbound_id: int | None = None,
    source: str = "inbound",
    now: datetime,
) -> bool:
    """Take an address off a topic, from the next claim on. Returns False when it was off already."""
    return suppression.leave(
        session,
        address,
        audience_id=topic.audience_id,
        kind=topic.kind,
        source=source,
        inbound_id=inbound_id,
        now=now,
    )


def rejoin(
    session: Session,
    address: str,
    topic: Topic,
    theirs: Sequence[Audience],
    *,
    inbound_id: int | None = None,
    now: datetime,
) -> bool:
    """Put an address on a topic again, and on no other. Returns False when it had not left it.

    A kind brings back its audiences that were left by name as well. Of a kind that was left, one audience comes back
    alone: the others of `theirs` are left by name from then on.
    """
    if topic.kind is not None:
        by_name = suppression.rejoin_each(session, address, topic.kind, now=now)
        return suppression.rejoin(session, address, kind=topic.kind, now=now) or by_name
    kind = _kind(topic, theirs)
    of_kind = suppression.rejoin(session, address, kind=kind, now=now) if kind else False
    for other in siblings(topic, theirs) if of_kind else ():
        leave(session, address, other, inbound_id=inbound_id, now=now)
    return suppression.rejoin(session, address, audience_id=topic.audience_id, now=now) or of_kind


def rejoin_all(session: Session, address: str, *, now: datetime) -> bool:
    """Put an address on all that it has left again. Returns False when it had left nothing."""
    return suppression.rejoin(session, address, now=now)


def come_back(topic: Topic, left: Sequence[Topic], theirs: Sequence[Audience]) -> list[Topic]:
    """Return what of `left` stays left when somebody comes back for a topic; what `rejoin` does, without a database."""
    if topic.kind is not None:
        mine = {audience.id for audience in theirs if audience.kind is topic.kind}
        return [each for each in left if each.kind is not topic.kind and each.audience_id not in mine]
    kind = _kind(topic, theirs)
    is_of_kind = any(each.kind is kind for each in left if each.kind)
    stays = [each for each in left if each.audience_id != topic.audience_id and not (each.kind and each.kind is kind)]
    return list(dict.fromkeys([*stays, *(siblings(topic, theirs) if is_of_kind else [])]))


def siblings(topic: Topic, theirs: Sequence[Audience]) -> list[Topic]:
    """Return the other audiences of a topic's kind, each by itself."""
    kind = topic.kind or _kind(topic, theirs)
    return [
        Topic(audience.name, audience_id=audience.id)
        for audience in theirs
        if audience.kind is kind and audience.id != topic.audience_id
    ]


def _kind(topic: Topic, theirs: Sequence[Audience]) -> AudienceKind | None:
    return next((audience.kind for audience in theirs if audience.id == topic.audience_id), None)


def left(session: Session, address: str) -> list[str]:
    """Return the names of the topics that an address is off."""
    found = session.execute(
        sa.select(col(Audience.name), col(Suppression.audience_kind))
        .select_from(Suppression)
        .outerjoin(Audience, col(Audience.id) == col(Suppression.audience_id))
        .where(col(Suppression.address) == address, reach.IS_ACTIVE, ~reach.IS_OF_ALL)
        .order_by(col(Suppression.created_at))
    )
    return [name or f"every {kind.value} audience" for name, kind in found]
