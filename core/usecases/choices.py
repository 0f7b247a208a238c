"""The audiences that a blast can be for, with their sizes, as a menu offers them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.errors import NotFound
from core.models import Audience, AudienceKind, Membership


@dataclass(frozen=True, slots=True)
class Choice:
    """An audience to choose; `count` is of its contacts, whether or not they can be reached."""

    id: UUID
    name: str
    kind: AudienceKind
    count: int


def offered(session: Session, *, typed: str = "", most: int = 100) -> list[Choice]:
    """Return audiences by name, those whose name holds what was `typed`."""
    is_wanted = sa.func.lower(col(Audience.name)).contains(typed.strip().lower(), autoescape=True)
    return _choices(session, is_wanted, most)


def chosen(session: Session, ids: Collection[UUID]) -> list[Choice]:
    """Return these audiences; those that don't exist any more are left out."""
    return _choices(session, col(Audience.id).in_(ids), len(ids)) if ids else []


def named(session: Session, names: Sequence[str]) -> list[Choice]:
    """Return the audiences of these names, whatever their case.

    Raises:
        NotFound: there is none of that name.
    """
    wanted = {name.strip().lower(): name.strip() for name in names if name.strip()}
    found = _choices(session, sa.func.lower(col(Audience.name)).in_(wanted), len(wanted)) if wanted else []
    missing = wanted.keys() - {choice.name.lower() for choice in found}
    if missing:
        told = ", ".join(f"“{wanted[name][:75]}”" for name in sorted(missing))
        raise NotFound(f"There is no audience called {told}. `/blast audiences` lists those there are.")
    return found


def count(session: Session) -> int:
    """Return how many audiences there are."""
    return session.scalar(sa.select(sa.func.count()).select_from(Audience)) or 0


def _choices(session: Session, is_wanted: sa.ColumnElement[bool], most: int) -> list[Choice]:
    members = (
        sa.select(sa.func.count())
        .where(col(Membership.audience_id) == col(Audience.id))
        .correlate(Audience)
        .scalar_subquery()
    )
    rows = session.execute(
        sa.select(col(Audience.id), col(Audience.name), col(Audience.kind), members)
        .where(is_wanted)
        .order_by(sa.func.lower(col(Audience.name)))
        .limit(most)
    )
    return [Choice(*row) for row in rows]
