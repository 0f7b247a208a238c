"""Makes what tests need, with sensible values that can be overridden."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import BlastStatus
from core.models import (
    Approval,
    Audience,
    AudienceKind,
    Blast,
    BlastAudience,
    Contact,
    Conversation,
    Delivery,
    DeliveryKind,
    Membership,
    Role,
    Staff,
)

NOON = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
SENDER = "+12125550100"


def phone(number: int) -> str:
    """Return the `number`th phone of the reserved fictional range, 100 to an area code."""
    return f"+1{212 + number // 100}5550{100 + number % 100}"


def staff(session: Session, slack_user_id: str = "U0ORGANIZER", **values: Any) -> Staff:
    """Make a member of staff, or return the one there is."""
    found = session.scalar(sa.select(Staff).where(col(Staff.slack_user_id) == slack_user_id))
    if found is not None:
        return found
    defaults: dict[str, Any] = {"slack_user_id": slack_user_id, "role": Role.ORGANIZER, "created_at": NOON}
    made = Staff(**(defaults | values))
    session.add(made)
    session.flush()
    return made


def contact(session: Session, number: int = 0, **values: Any) -> Contact:
    """Make a contact with the `number`th phone."""
    defaults: dict[str, Any] = {
        "phone": phone(number),
        "zones": "America/New_York",
        "created_at": NOON,
        "updated_at": NOON,
    }
    made = Contact(**(defaults | values))
    session.add(made)
    session.flush()
    return made


def audience(session: Session, name: str = "tenants", contacts: Iterable[Contact] = (), **values: Any) -> Audience:
    """Make an audience of these contacts."""
    defaults: dict[str, Any] = {"name": name, "kind": AudienceKind.COMMUNITY, "created_at": NOON}
    made = Audience(**(defaults | values))
    session.add(made)
    session.flush()
    session.add_all(Membership(audience_id=made.id, contact_id=member.id, created_at=NOON) for member in contacts)
    session.flush()
    return made


def blast(
    session: Session, audiences: Iterable[Audience] = (), *, excluded: Iterable[Audience] = (), **values: Any
) -> Blast:
    """Make a blast; by default it is approved and may start."""
    defaults: dict[str, Any] = {
        "name": "Rent meeting",
        "body": "The rent meeting is on Monday at 6.",
        "status": BlastStatus.APPROVED,
        "content_hash": "0" * 64,
        "author_id": staff(session).id,
        "starts_at": NOON - timedelta(seconds=1),
        "created_at": NOON,
    }
    made = Blast(**(defaults | values))
    session.add(made)
    session.flush()
    for pool, is_excluded in [*((each, False) for each in audiences), *((each, True) for each in excluded)]:
        session.add(BlastAudience(blast_id=made.id, audience_id=pool.id, is_excluded=is_excluded))
    session.flush()
    return made


def approval(session: Session, approved: Blast) -> Approval:
    """Make an approver's agreement to a blast as it stands."""
    by = staff(session, "U0APPROVER", role=Role.APPROVER)
    made = Approval(
        blast_id=approved.id,
        staff_id=by.id,
        content_hash=approved.content_hash,
        revision=approved.revision,
        at=approved.created_at,
    )
    session.add(made)
    session.flush()
    return made


def delivery(session: Session, number: int = 0, *, blast_id: UUID | None = None, **values: Any) -> Delivery:
    """Make a pending delivery to the `number`th phone: a blast's copy, or else a reply."""
    defaults: dict[str, Any] = {
        "blast_id": blast_id,
        "kind": DeliveryKind.BLAST if blast_id else DeliveryKind.REPLY,
        "body": None if blast_id else "See you there.",
        "priority": 5 if blast_id else 0,
        "sender": SENDER,
        "address": phone(number),
        "created_at": NOON,
        "not_before": NOON,
    }
    made = Delivery(**(defaults | values))
    session.add(made)
    session.flush()
    return made


def conversation(session: Session, number: int = 0, **values: Any) -> Conversation:
    """Make an open conversation with the `number`th phone."""
    defaults: dict[str, Any] = {
        "address": phone(number),
        "sender": SENDER,
        "created_at": NOON,
        "last_inbound_at": NOON,
    }
    made = Conversation(**(defaults | values))
    session.add(made)
    session.flush()
    return made
