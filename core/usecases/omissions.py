"""Why somebody isn't among a blast's recipients, and what has held her out of reach over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.models import Blast, BlastAudience, Contact, Delivery, Membership, Suppression


class Omission(StrEnum):
    """Why there is no delivery; each value is a sentence for whoever asks."""

    NO_CONTACT = "there is no contact with this address"
    EXCLUDED = "they are in an audience that it left out"
    NOT_IN_AUDIENCE = "they are in none of its audiences"
    JOINED_LATER = "they came into its audience after it had started"
    ADDRESS_ADDED_LATER = "this address became known after it had started"


@dataclass(frozen=True, slots=True)
class Missed:
    """A blast that started without her."""

    blast_id: UUID
    name: str
    started_at: datetime
    reason: Omission


def missed(session: Session, address: str, *, most: int) -> list[Missed]:
    """Return the latest blasts that started without a delivery to an address, newest first.

    Audiences are looked at as they are now: who was taken out of one since then counts as never having been there.
    """
    has_delivery = sa.exists().where(col(Delivery.blast_id) == col(Blast.id), col(Delivery.address) == address)
    # The counts of a blast that was cleaned up are all that is left of it: who received it can't be told any more.
    is_told = (col(Blast.started_at).is_not(None), col(Blast.tally).is_(None), ~has_delivery)
    blasts = session.scalars(sa.select(Blast).where(*is_told).order_by(col(Blast.started_at).desc()).limit(most)).all()
    contact_id = session.scalar(
        sa.select(col(Contact.id)).where((col(Contact.phone) == address) | (col(Contact.email) == address))
    )
    joined = _joined(session, [blast.id for blast in blasts], contact_id) if contact_id else None
    return [_missed(blast, joined) for blast in blasts]


def suppressions(session: Session, address: str) -> Sequence[Suppression]:
    """Return everything that has ever held an address out of reach, newest first."""
    wanted = sa.select(Suppression).where(col(Suppression.address) == address)
    return session.scalars(wanted.order_by(col(Suppression.created_at).desc())).all()


_Joined = dict[UUID, list[tuple[bool, datetime]]]


def _joined(session: Session, blast_ids: Sequence[UUID], contact_id: UUID) -> _Joined:
    """Return, for each blast, which of its audiences somebody is in: whether it leaves them out, and since when."""
    rows = session.execute(
        sa.select(col(BlastAudience.blast_id), col(BlastAudience.is_excluded), col(Membership.created_at))
        .join(Membership, col(Membership.audience_id) == col(BlastAudience.audience_id))
        .where(col(BlastAudience.blast_id).in_(blast_ids), col(Membership.contact_id) == contact_id)
    )
    found: _Joined = {}
    for blast_id, is_excluded, since in rows:
        found.setdefault(blast_id, []).append((is_excluded, since))
    return found


def _missed(blast: Blast, joined: _Joined | None) -> Missed:
    started_at = blast.started_at or blast.created_at
    return Missed(blast.id, blast.name, started_at, _reason(joined, blast.id, started_at))


def _reason(joined: _Joined | None, blast_id: UUID, started_at: datetime) -> Omission:
    if joined is None:
        return Omission.NO_CONTACT
    memberships = joined.get(blast_id, [])
    if any(is_excluded for is_excluded, _ in memberships):
        return Omission.EXCLUDED
    if not memberships:
        return Omission.NOT_IN_AUDIENCE
    is_late = all(since > started_at for _, since in memberships)
    return Omission.JOINED_LATER if is_late else Omission.ADDRESS_ADDED_LATER
