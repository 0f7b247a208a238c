"""What operators decide about an address by hand: out of reach, and back; it is on record, and threads show it."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from core.errors import NotFound
from core.models import AuditEntry, SuppressionCause
from core.usecases import lifting, suppression

_BY = "cli"


def suppress(session: Session, address: str, *, now: datetime) -> bool:
    """Put an address out of reach, from the next message on. Returns False when it was out of reach already."""
    is_new = suppression.suppress(session, address, cause=SuppressionCause.MANUAL, source=_BY, now=now)
    if is_new:
        _record(session, "suppress", address, lifting.active_ids(session, address), now=now)
    return is_new


def lift(session: Session, address: str, *, now: datetime) -> None:
    """Let an address be messaged again, about everything; the record of why it wasn't is kept.

    Raises:
        NotFound: it isn't suppressed.
    """
    lifted = lifting.active_ids(session, address)
    if not suppression.lift(session, address, by=_BY, now=now):
        raise NotFound(f"{address} isn't suppressed, so there is nothing to lift.")
    _record(session, "lift", address, lifted, now=now)


def _record(session: Session, step: str, address: str, found: list[UUID], *, now: datetime) -> None:
    # Never the address itself: what is on record can't be erased.
    fields = {"by": _BY, "suppressions": [str(each) for each in found]}
    session.add(AuditEntry(at=now, action=f"suppression.{step}", fields=fields))
    said = "stopped texts to them" if step == "suppress" else "allowed texts to them again"
    lifting.tell(session, [address], f"An operator {said}.", now=now)
