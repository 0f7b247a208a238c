"""Whether an approval still holds when a blast is about to start; if not, it goes back to review with the reason."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox
from core.domain import tokens
from core.domain.events import BlastChanged
from core.domain.lifecycles import BlastStatus, move
from core.models import AuditEntry, Blast, Contact, Role
from core.usecases import approval, planning, staffing

# A few contacts are always being put right; more than this, and approvers no longer know what they agreed to.
_FEW_CHANGED = 20
_CHANGED_SHARE = 0.01


def recheck(session: Session, blast_id: UUID, *, second_approver_above: int, now: datetime) -> bool:
    """Send an approved blast whose time has come back to review, when its approval was for something smaller or other.

    The audience may have grown past what one approver may agree to, an approver may have lost the role, and the values
    that its text is filled with may have been imported anew. Returns True when the blast may start.
    """
    blast = session.get(Blast, blast_id, with_for_update=True, populate_existing=True)
    if blast is None or blast.status is not BlastStatus.APPROVED:
        return True  # the start itself finds out, and does nothing
    reason = _objection(session, blast, second_approver_above)
    if reason is None:
        return True
    blast.status, blast.revision = move("undo", blast.status), blast.revision + 1
    blast.approved_at = blast.starts_at = None
    blast.held_reason = reason
    session.add(AuditEntry(at=now, action="blast.recheck", blast_id=blast.id, fields={"reason": reason}))
    outbox.record(session, BlastChanged(blast.id, note=reason), now=now)
    return False


def _objection(session: Session, blast: Blast, second_approver_above: int) -> str | None:
    who = planning.recipients(*planning.audiences(session, blast.id), blast.channel).subquery("who")
    recipients = session.scalar(sa.select(sa.func.count()).select_from(who)) or 0
    needed = max(blast.approvals_needed, 2 if recipients > second_approver_above else 1)
    given = sum(staffing.may(staff, Role.APPROVER) for staff in approval.approvers(session, blast))
    if given < needed:
        return (
            f"It has {recipients:,} recipients by now and needs {needed} approvers; {given} agreed who still may. "
            "Approve it again."
        )
    if not tokens.names(blast.body) or blast.approved_at is None:
        return None
    is_changed = sa.and_(col(Contact.updated_at) > blast.approved_at, col(Contact.created_at) <= blast.approved_at)
    changed = session.scalar(
        sa.select(sa.func.count()).select_from(who).join(Contact, col(Contact.id) == who.c.id).where(is_changed)
    )
    if not changed or changed <= max(_FEW_CHANGED, _CHANGED_SHARE * recipients):
        return None
    return (
        f"The details of {changed:,} recipients were changed after it was approved, and its text is filled in with "
        "them. Look at it and approve it again."
    )
