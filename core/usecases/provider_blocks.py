"""What a provider blocks by itself: since STOP was texted to one of our senders, until START is."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import failures
from core.models import Delivery, ProviderBlock
from core.models.dialect import insert


def note(session: Session, address: str, sender: str, *, now: datetime) -> None:
    """Keep that a provider blocks texts from this sender to an address."""
    values = {"address": address, "sender": sender, "since": now}
    session.execute(insert(session, ProviderBlock).values(**values).on_conflict_do_nothing())


def note_refusal(session: Session, error_code: int, delivery_id: int | None, *, now: datetime) -> None:
    """Keep that a provider blocks what it refused by this code, if that is what the code says."""
    if delivery_id is None or error_code != failures.BLOCKED_AT_PROVIDER:
        return
    refused = sa.select(col(Delivery.address), col(Delivery.sender)).where(col(Delivery.id) == delivery_id)
    for address, sender in session.execute(refused).all():
        note(session, address, sender, now=now)


def end(session: Session, address: str, sender: str) -> bool:
    """Note that START was texted to this sender. Returns whether the provider had blocked it."""
    is_it = (col(ProviderBlock.address) == address, col(ProviderBlock.sender) == sender)
    ended = session.execute(sa.delete(ProviderBlock).where(*is_it))
    return bool(ended.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it


def senders(session: Session, address: str) -> Sequence[str]:
    """Return from which of our senders a provider lets nothing through to an address."""
    theirs = sa.select(col(ProviderBlock.sender)).where(col(ProviderBlock.address) == address)
    return session.scalars(theirs.order_by(col(ProviderBlock.sender))).all()
