"""Why somebody was, or was not, messaged: everything that concerns one address."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import settings
from core.domain import address
from core.models import Audience, Blast, Contact, Delivery, Membership, Suppression
from core.usecases import suppression, topics

_MOST = 10


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of an address. `left`: the topics that its owner wants nothing of, by name.

    `deliveries`: the latest first, each with its blast's name, if it has one.
    """

    address: str
    is_known: bool
    audiences: Sequence[str]
    suppression: Suppression | None
    deliveries: Sequence[tuple[Delivery, str]]
    left: Sequence[str] = ()


def why(session: Session, phone_or_email: str) -> Story:
    """Gather what concerns an address.

    Raises:
        Invalid: it is neither a phone number nor an e-mail address.
    """
    wanted = parse(phone_or_email)
    is_theirs = (col(Contact.phone) == wanted) | (col(Contact.email) == wanted)
    contact_id = session.scalar(sa.select(col(Contact.id)).where(is_theirs))
    return Story(
        address=wanted,
        is_known=contact_id is not None,
        audiences=_audiences(session, contact_id),
        suppression=suppression.active(session, wanted),
        left=topics.left(session, wanted),
        deliveries=_deliveries(session, wanted),
    )


def parse(phone_or_email: str) -> str:
    """Read an address as people type it.

    Raises:
        Invalid: it is neither a phone number nor an e-mail address.
    """
    if "@" in phone_or_email:
        return address.parse_email(phone_or_email)
    return address.parse_phone(phone_or_email, region=settings.current().default_region)


def _audiences(session: Session, contact_id: UUID | None) -> list[str]:
    found = session.scalars(
        sa.select(col(Audience.name))
        .join(Membership, col(Membership.audience_id) == col(Audience.id))
        .where(col(Membership.contact_id) == contact_id)
        .order_by(col(Audience.name))
    )
    return list(found)


def _deliveries(session: Session, wanted: str) -> list[tuple[Delivery, str]]:
    rows = session.execute(
        sa.select(Delivery, col(Blast.name))
        .outerjoin(Blast, col(Blast.id) == col(Delivery.blast_id))
        .where(col(Delivery.address) == wanted)
        .order_by(col(Delivery.id).desc())
        .limit(_MOST)
    )
    return [(delivery, name or "") for delivery, name in rows]
