"""The pools of contacts: found and made by name, counted, and never of two kinds at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from core.errors import Invalid, NotFound
from core.models import Audience, AudienceKind, Contact, Membership, Suppression
from core.models.dialect import insert
from core.usecases import reach

_LONGEST_NAME = 75
_Left = aliased(Suppression)
_KINDS = {AudienceKind.COMMUNITY: "a community audience", AudienceKind.EVENT: "an event’s audience"}


class Counted(NamedTuple):
    """An audience with its members. `textable`: how many of them a text would reach today."""

    audience: Audience
    members: int
    textable: int


def parse_name(text: str) -> str:
    """Tidy the name of an audience.

    Raises:
        Invalid: there is none, or it is too long to be shown in Slack.
    """
    name = " ".join(text.split())
    if not name or not name.isprintable():
        raise Invalid("Give the audience a name, such as “tenants”.", field="audience")
    if len(name) > _LONGEST_NAME:
        raise Invalid(
            f"The audience’s name has {len(name)} characters. Keep it within {_LONGEST_NAME}.", field="audience"
        )
    return name


def find_by_name(session: Session, name: str) -> Audience | None:
    """Return the audience of this name, in whatever case it is written."""
    # The database folds both, so that it agrees with its own unique index.
    return session.scalar(
        sa.select(Audience).where(sa.func.lower(col(Audience.name)) == sa.func.lower(parse_name(name)))
    )


def get_by_name(session: Session, name: str) -> Audience:
    """Return the audience of this name, in whatever case it is written.

    Raises:
        NotFound: there is none.
    """
    found = find_by_name(session, name)
    if found is None:
        raise NotFound(
            f"There is no audience called “{name[:_LONGEST_NAME]}”. `blast audiences` lists those there are."
        )
    return found


def refuse_mixing(session: Session, name: str, kind: AudienceKind | None) -> None:
    """Refuse to put people of one kind of pool into an audience of the other; None goes with either.

    Raises:
        Invalid: the audience is of the other kind.
    """
    found = find_by_name(session, name)
    if found is not None and kind is not None and found.kind is not kind:
        raise Invalid(
            f"“{found.name}” is {_KINDS[found.kind]}, and these people were to go into {_KINDS[kind]}. "
            "The two never mix: choose another name, or the other kind.",
            field="audience",
        )


def named(session: Session, name: str, kind: AudienceKind | None, *, now: datetime) -> Audience:
    """Return the audience of this name; if there is none, make one (of the community, unless `kind` says otherwise).

    Raises:
        Invalid: the name can't be taken, or the audience is of the other kind.
    """
    made = Audience(name=parse_name(name), kind=kind or AudienceKind.COMMUNITY, created_at=now)
    session.execute(insert(session, Audience).values(made.model_dump()).on_conflict_do_nothing())
    refuse_mixing(session, name, kind)
    found = find_by_name(session, name)
    if found is None:
        raise LookupError("an audience vanished while it was made")
    return found


def listing(session: Session, *, ids: Sequence[UUID] | None = None) -> list[Counted]:
    """Return all audiences (or those in `ids`) by name, with their counts."""
    has_left = sa.exists().where(
        col(_Left.address) == col(Contact.phone),
        col(_Left.lifted_at).is_(None),
        (col(_Left.audience_id) == col(Audience.id)) | (col(_Left.audience_kind) == col(Audience.kind)),
    )
    is_textable = sa.and_(col(Contact.phone).is_not(None), col(Suppression.id).is_(None), ~has_left)
    query = (
        sa.select(Audience, sa.func.count(col(Contact.id)), sa.func.count(sa.case((is_textable, 1))))
        .outerjoin(Membership, col(Membership.audience_id) == col(Audience.id))
        .outerjoin(Contact, col(Contact.id) == col(Membership.contact_id))
        .outerjoin(
            Suppression,
            sa.and_(col(Suppression.address) == col(Contact.phone), reach.IS_ACTIVE, reach.IS_OF_ALL),
        )
        .group_by(col(Audience.id))
        .order_by(sa.func.lower(col(Audience.name)))
    )
    if ids is not None:
        query = query.where(col(Audience.id).in_(ids))
    return [Counted(*row) for row in session.execute(query)]


def size(session: Session, audience_id: UUID) -> int:
    """Count an audience's members."""
    counted = sa.select(sa.func.count()).where(col(Membership.audience_id) == audience_id)
    return session.scalar(counted) or 0
