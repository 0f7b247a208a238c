"""Two people agree: approving a blast, sending it back, stopping it; each a conditional move, and on record."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox, settings
from core.domain.events import BlastApproved, BlastCancelled, BlastChanged, BlastEvent, ChangesRequested
from core.domain.lifecycles import BLAST_MOVES, BlastStatus, move
from core.errors import IllegalMove, Invalid, NotAllowed, NotFound, Stale
from core.models import Approval, AuditEntry, Blast, CanaryStatus, Role, Staff
from core.usecases import composing, scheduling, staffing

_WRITING = ("blast.draft", "blast.edit")
_STALE = "This blast was changed since you saw it. Its card now shows what it says: read it again."


def approve(session: Session, blast_id: UUID, *, by: Staff, seen: int, now: datetime, note: str = "") -> Blast:
    """Approve a blast in review; after the last approval that it needs, it starts when its time has come.

    Raises:
        NotAllowed: `by` wrote a part of it, has approved it already, or is no approver.
        Stale: it is no longer what `by` saw.
        IllegalMove: it isn't in review (somebody was quicker, or it was cancelled).
    """
    blast = _locked(session, blast_id, "approve", seen)
    if by.id == blast.author_id or _has_written(session, blast_id, by):
        raise NotAllowed("You wrote this blast, so somebody else must approve it.")
    staffing.require(by, Role.APPROVER)
    content = composing.content_of(session, blast)
    if composing.fingerprint(content) != blast.content_hash:
        raise Stale(_STALE)
    if content.send_at is not None and content.send_at <= now - settings.current().max_lag:
        raise IllegalMove("Its time has passed. Request changes, so that its author can choose another.")
    session.add(_approval(session, blast, by, now))
    session.flush()
    needed, given = _needed(session, blast, content, now), len(approvers(session, blast))
    _note(session, "blast.approve", blast, by, now, {"given": given, "needed": needed, "note": note})
    if given < needed:
        blast.approvals_needed = needed
        outbox.record(session, BlastChanged(blast_id, by.id), now=now)
        return blast
    starts_at = scheduling.starts_at(blast, now=now, undo_seconds=settings.current().undo_seconds)
    _become(session, blast, "approve", approvals_needed=needed, approved_at=now, starts_at=starts_at, held_reason="")
    outbox.record(session, BlastApproved(blast_id, by.id), now=now)
    return blast


def approvers(session: Session, blast: Blast) -> list[Staff]:
    """Return who agreed to a blast as it stands, first to last; until it is approved, only those who still may."""
    found = session.scalars(
        sa.select(Staff)
        .join(Approval, col(Approval.staff_id) == col(Staff.id))
        .where(
            col(Approval.blast_id) == blast.id,
            col(Approval.revision) == blast.revision,
            col(Approval.content_hash) == blast.content_hash,
        )
        .order_by(col(Approval.at))
        .execution_options(populate_existing=True)
    )
    is_open = blast.status is BlastStatus.IN_REVIEW
    return [staff for staff in found if not is_open or staffing.may(staff, Role.APPROVER)]


def request_changes(session: Session, blast_id: UUID, *, by: Staff, seen: int, now: datetime, note: str = "") -> Blast:
    """Send a blast back to its author, with a note; approvals given so far are void.

    Raises:
        Invalid: there is no note.
        NotAllowed: `by` is no approver.
        Stale, IllegalMove: as for `approve`.
    """
    blast = _locked(session, blast_id, "request_changes", seen)
    staffing.require(by, Role.APPROVER)
    if not note.strip():
        raise Invalid("Write what should be changed.", field="note")
    _become(session, blast, "request_changes", note=note.strip(), revision=seen + 1)
    _note(session, "blast.request_changes", blast, by, now, {"note": note.strip()})
    outbox.record(session, ChangesRequested(blast_id, by.id, note.strip()), now=now)
    return blast


def require_changeable(session: Session, blast_id: UUID, *, by: Staff, seen: int) -> None:
    """Refuse, before anything is written, who couldn't request changes."""
    staffing.require(by, Role.APPROVER)
    _as_seen(session.get(Blast, blast_id), "request_changes", seen)


def undo(session: Session, blast_id: UUID, *, by: Staff, seen: int, now: datetime, note: str = "") -> Blast:
    """Take an approved blast that hasn't started back to review; it must be approved anew."""
    blast = _locked(session, blast_id, "undo", seen)
    _require_stake(blast, by)
    _become(session, blast, "undo", revision=seen + 1, approved_at=None, starts_at=None)
    return _changed(session, "blast.undo", blast, by, now, note)


def pause(session: Session, blast_id: UUID, *, by: Staff | None, seen: int, now: datetime, note: str = "") -> Blast:
    """Hold a blast in mid-send: nothing more is claimed. Any staff may; None is the operator."""
    blast = _locked(session, blast_id, "pause", seen)
    if by is not None:
        staffing.require(by, Role.ORGANIZER)
    _become(session, blast, "pause", held_reason=note.strip())
    return _changed(session, "blast.pause", blast, by, now, note)


def resume(session: Session, blast_id: UUID, *, by: Staff | None, seen: int, now: datetime, note: str = "") -> Blast:
    """Go on with a paused blast, where it was held."""
    blast = _locked(session, blast_id, "resume", seen)
    _require_stake(blast, by)
    has_seen_canary = {"canary": CanaryStatus.PASSED} if blast.canary is CanaryStatus.TRYING else {}
    _become(session, blast, "resume", held_reason="", resumed_at=now, **has_seen_canary)
    return _changed(session, "blast.resume", blast, by, now, note)


def cancel(session: Session, blast_id: UUID, *, by: Staff | None, seen: int, now: datetime, note: str = "") -> Blast:
    """Stop a blast for good; what has not left never will."""
    blast = _locked(session, blast_id, "cancel", seen)
    _require_stake(blast, by)
    _become(session, blast, "cancel", finished_at=now)
    scheduling.cancel_waiting(session, blast_id, now=now)
    _note(session, "blast.cancel", blast, by, now, {"note": note})
    outbox.record(session, BlastCancelled(blast_id, by.id if by else None, note or None), now=now)
    return blast


def _changed(session: Session, action: str, blast: Blast, by: Staff | None, now: datetime, note: str) -> Blast:
    event: BlastEvent = BlastChanged(blast.id, by.id if by else None, note or None)
    _note(session, action, blast, by, now, {"note": note})
    outbox.record(session, event, now=now)
    return blast


def _locked(session: Session, blast_id: UUID, action: str, seen: int) -> Blast:
    """Return the blast, held to the end of the transaction: of two who press at once, one comes second."""
    blast = session.get(Blast, blast_id, with_for_update=True, populate_existing=True)
    return _as_seen(blast, action, seen)


def _as_seen(blast: Blast | None, action: str, seen: int) -> Blast:
    if blast is None:
        raise NotFound("There is no such blast any more.")
    move(action, blast.status)
    if blast.revision != seen:
        raise Stale(_STALE)
    return blast


def _become(session: Session, blast: Blast, action: str, **values: Any) -> None:
    """Move a blast on the condition that it still is as it was read."""
    moved = session.execute(
        sa.update(Blast)
        .where(
            col(Blast.id) == blast.id,
            col(Blast.status).in_(BLAST_MOVES[action][0]),
            col(Blast.revision) == blast.revision,
            col(Blast.content_hash) == blast.content_hash,
        )
        .values(status=move(action, blast.status), **values)
        .returning(col(Blast.id))
        .execution_options(synchronize_session=False)
    )
    if moved.first() is None:
        raise Stale(_STALE)
    session.refresh(blast)


def _require_stake(blast: Blast, by: Staff | None) -> None:
    """Let its author, an approver or the operator (None) go on."""
    if by is None:
        return
    staffing.require(by, Role.ORGANIZER)
    if by.id != blast.author_id:
        staffing.require(by, Role.APPROVER)


def _has_written(session: Session, blast_id: UUID, by: Staff) -> bool:
    found = session.scalar(
        sa.select(col(AuditEntry.id))
        .where(
            col(AuditEntry.blast_id) == blast_id,
            col(AuditEntry.staff_id) == by.id,
            col(AuditEntry.action).in_(_WRITING),
        )
        .limit(1)
    )
    return found is not None


def _approval(session: Session, blast: Blast, by: Staff, now: datetime) -> Approval:
    given = Approval(
        blast_id=blast.id, staff_id=by.id, content_hash=blast.content_hash, revision=blast.revision, at=now
    )
    if session.get(Approval, given.model_dump(exclude={"at"})) is not None:
        raise NotAllowed("You have approved this blast already. It needs one more approver.")
    return given


def _needed(session: Session, blast: Blast, content: composing.Content, now: datetime) -> int:
    """Count the recipients anew: an audience may have grown since the blast was sent to review."""
    recipients = composing.preview(session, content, now=now).recipients
    return max(blast.approvals_needed, 2 if recipients > settings.current().second_approver_above else 1)


def _note(session: Session, action: str, blast: Blast, by: Staff | None, now: datetime, fields: dict[str, Any]) -> None:
    told = {"revision": blast.revision, **{key: value for key, value in fields.items() if value}}
    entry = AuditEntry(at=now, action=action, staff_id=by.id if by else None, blast_id=blast.id, fields=told)
    session.add(entry)
