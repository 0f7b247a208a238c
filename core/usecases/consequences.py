"""What follows from a failure, told at once or by a receipt: an address is suppressed, a blast is held."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from core.domain.failures import Failure
from core.models import SuppressionCause
from core.usecases import brakes, suppression


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that failed for good, and what the provider's code means."""

    delivery_id: int
    blast_id: UUID | None
    address: str
    failure: Failure


def follow(session: Session, refusals: Sequence[Refusal], *, now: datetime) -> None:
    """Do what each failure asks for. Strikes (codes that count only when repeated) are the receipts' to count."""
    for refusal in refusals:
        _suppress(session, refusal, now=now)
    stopping = {refusal.blast_id: refusal for refusal in refusals if refusal.failure.stops_blast}
    for blast_id, refusal in stopping.items():
        if blast_id is not None:
            hold(session, blast_id, refusal.failure, now=now)


def _suppress(session: Session, refusal: Refusal, *, now: datetime) -> None:
    failure = refusal.failure
    if failure.suppress is None or failure.strikes > 1:
        return
    cause = SuppressionCause.OPT_OUT if failure.suppress == "opt_out" else SuppressionCause.HARD_FAILURE
    suppression.suppress(
        session,
        refusal.address,
        cause=cause,
        source="refusal",
        delivery_id=refusal.delivery_id,
        error_code=failure.code,
        strikes=1,
        now=now,
    )


def hold(session: Session, blast_id: UUID, failure: Failure, *, now: datetime) -> bool:
    """Pause a running blast because of what a provider said; its card shows why, and what to do."""
    return brakes.hold(session, blast_id, f"{failure.title} ({failure.code}). {failure.advice}", now=now)
