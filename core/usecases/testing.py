"""A test of a blast: one text to whoever asks for it."""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import settings
from core.domain import address, tokens
from core.errors import Invalid, NotFound, Rejected
from core.models import AuditEntry, Blast, Delivery, DeliveryKind, Role, Staff
from core.usecases import composing, sending, staffing, suppression

# Enough to try a text out, too few to message people past the second pair of eyes.
_MOST_AN_HOUR = 5


def send(session: Session, blast_id: UUID, phone: str, *, by: Staff, now: datetime) -> Delivery:
    """Text somebody on the staff what the first recipient of a blast would get; the number is kept nowhere else.

    Raises:
        Invalid: it is no number, one that has opted out, or there were too many tests within the hour.
        NotFound: the blast is gone.
    """
    staffing.require(by, Role.ORGANIZER)
    blast = session.get(Blast, blast_id)
    if blast is None:
        raise NotFound("There is no such blast any more.")
    try:
        number = address.parse_phone(phone, region=settings.current().default_region)
    except Rejected as refusal:
        raise Invalid(refusal.sentence, field="phone") from None
    if suppression.active(session, number):
        raise Invalid("This number doesn't want our texts. Text START from it to us first.", field="phone")
    _require_room(session, by, now)
    entry = AuditEntry(at=now, action="blast.test", staff_id=by.id, blast_id=blast_id, fields={})
    session.add(entry)
    return sending.queue(
        session,
        kind=DeliveryKind.TEST,
        address=number,
        body=_body(session, blast, now),
        sender=settings.current().sender,
        staff_id=by.id,
        now=now,
    )


def _require_room(session: Session, by: Staff, now: datetime) -> None:
    sent = session.scalar(
        sa.select(sa.func.count())
        .select_from(Delivery)
        .where(
            col(Delivery.kind) == DeliveryKind.TEST,
            col(Delivery.staff_id) == by.id,
            col(Delivery.created_at) > now - timedelta(hours=1),
        )
    )
    if (sent or 0) >= _MOST_AN_HOUR:
        raise Invalid(f"You have sent {_MOST_AN_HOUR} tests within an hour. Try again later.", field="phone")


def _body(session: Session, blast: Blast, now: datetime) -> str:
    found = composing.preview(session, composing.content_of(session, blast), now=now)
    if found.samples:
        return found.samples[0].text
    names = tokens.names(blast.body)
    return tokens.merge(blast.body, {name: name for name in names})
