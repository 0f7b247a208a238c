"""What becomes of a text back that doesn't arrive: its thread is told why, and what to do."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from core import outbox
from core.domain.events import ConversationChanged
from core.domain.failures import Failure
from core.models import DeliveryKind, SkipReason

_NEVER_LEFT = (
    "The text back was not sent: the provider couldn't be reached, however often it was tried. "
    "Text back again once it is well."
)
_SKIPPED = {
    SkipReason.OPTED_OUT.value: "they have opted out since. They may text START to hear from you again.",
    SkipReason.UNREACHABLE.value: "their number turned out to be out of reach. Reach them another way.",
    SkipReason.SUPPRESSED.value: "somebody has blocked texts to them since. An approver can allow them again here.",
}


def tell_failed(
    session: Session, kind: DeliveryKind, conversation_id: UUID | None, failure: Failure, *, now: datetime
) -> None:
    """Tell the thread of a text back that it failed for good; of anything else nobody is told here."""
    note = f"The text back did not arrive: {failure.title} ({failure.code}). {failure.advice}"
    _tell(session, kind, conversation_id, note, now=now)


def tell_given_up(session: Session, kind: DeliveryKind, conversation_id: UUID | None, *, now: datetime) -> None:
    """Tell it that the text back was tried as often as it may be."""
    _tell(session, kind, conversation_id, _NEVER_LEFT, now=now)


def tell_skipped(
    session: Session, kind: DeliveryKind, conversation_id: UUID | None, reason: str, *, now: datetime
) -> None:
    """Tell it that the text back wasn't sent, because of what happened after it was written."""
    _tell(session, kind, conversation_id, f"The text back was not sent: {_SKIPPED[reason]}", now=now)


def _tell(session: Session, kind: DeliveryKind, conversation_id: UUID | None, note: str, *, now: datetime) -> None:
    if kind is DeliveryKind.REPLY and conversation_id is not None:
        outbox.record(session, ConversationChanged(conversation_id, note=note), now=now)
