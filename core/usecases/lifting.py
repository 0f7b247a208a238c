"""An address let in again: what was lifted, what stays, and whom it is told to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain.address import masked
from core.domain.events import ConversationChanged
from core.errors import NotFound
from core.models import AuditEntry, Conversation, Role, Staff, Suppression, SuppressionCause
from core.usecases import provider_blocks, reach, staffing, suppression, topics

# Source: https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
_BLOCKED = "the provider goes on blocking our texts until they text START themselves."


@dataclass(frozen=True, slots=True)
class Lifted:
    """What was lifted for an address. `others`: more addresses that the same request had stopped.

    `topics`: what they had left by name and have back now; `left`: what they have left by name all the same. `blocked`:
    what can't be lifted by us, in a sentence.
    """

    address: str
    held: Suppression | None
    others: Sequence[str]
    topics: Sequence[str]
    left: Sequence[str]
    blocked: str


def lift(session: Session, address: str, *, by: Staff, now: datetime) -> Lifted:
    """Let an address be messaged again, as its owner's START would: of everything, or else of what was left by name.

    Raises:
        NotAllowed: `by` isn't an approver.
        NotFound: it isn't suppressed.
    """
    staffing.require(by, Role.APPROVER)
    ids = active_ids(session, address)
    held = suppression.active(session, address)
    before = topics.left(session, address)
    lifted = suppression.lift_request(session, held, by=str(by.id), now=now) if held else []
    if not lifted and not suppression.lift(session, address, by=str(by.id), now=now):
        raise NotFound(f"{masked(address)} isn't suppressed, so there is nothing to lift.")
    left = topics.left(session, address)
    shown = Lifted(
        address=address,
        held=held,
        others=lifted[1:],
        topics=[name for name in before if name not in left],
        left=left,
        blocked=blocked(session, lifted or [address], held),
    )
    # Never an address itself: what is on record can't be erased.
    fields = {"suppressions": [str(each) for each in ([held.id] if held else ids)], "others": len(shown.others)}
    session.add(AuditEntry(at=now, action="suppression.lift", staff_id=by.id, fields=fields))
    tell(session, lifted or [address], told(session, lifted or [address], held), by=by, now=now)
    return shown


def active_ids(session: Session, address: str) -> list[UUID]:
    """Return the suppressions that hold for an address, locked."""
    is_theirs = (col(Suppression.address) == address, reach.IS_ACTIVE)
    return list(session.scalars(sa.select(col(Suppression.id)).where(*is_theirs).with_for_update()))


def told(session: Session, addresses: Sequence[str], held: Suppression | None) -> str:
    """Say in a thread that these addresses of one person may be messaged again, and what the provider still blocks."""
    also = f" So are messages to {', '.join(map(masked, addresses[1:]))}." if addresses[1:] else ""
    what = "E-mails" if "@" in addresses[0] else "Texts"
    return " ".join(filter(None, (f"{what} to them are allowed again.{also}", blocked(session, addresses, held))))


def blocked(session: Session, addresses: Sequence[str], held: Suppression | None) -> str:
    """Say what no lift of ours undoes: a STOP that the provider acted on, or may have before we were told."""
    if any(provider_blocks.senders(session, each) for each in addresses):
        return f"They texted STOP, so {_BLOCKED}"
    is_opt_out = held is not None and held.cause is SuppressionCause.OPT_OUT
    has_phone = any("@" not in each for each in addresses)
    return f"If they texted STOP to us, {_BLOCKED}" if is_opt_out and has_phone else ""


def tell(
    session: Session,
    addresses: Collection[str],
    note: str,
    *,
    by: Staff | None = None,
    but: UUID | None = None,
    now: datetime,
) -> None:
    """Have the threads with these addresses show it, `but` one that was told already."""
    theirs = sa.select(col(Conversation.id)).where(
        col(Conversation.address).in_(addresses), col(Conversation.thread_ts) != ""
    )
    for conversation_id in session.scalars(theirs).all():
        if conversation_id != but:
            changed = ConversationChanged(conversation_id, by=by.id if by else None, note=note)
            outbox.record(session, changed, now=now)
