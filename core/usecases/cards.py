"""What a blast's card and the Home tab tell: gathered in one reading, drawn by the views."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain.lifecycles import OVER, BlastStatus
from core.errors import Invalid, NotFound
from core.models import (
    Audience,
    AuditEntry,
    Blast,
    BlastAudience,
    Delivery,
    Staff,
    Suppression,
    SuppressionCause,
)
from core.usecases import approval, composing, reports
from core.usecases.previewing import Preview
from core.usecases.reports import Progress

_SHORTEST_ID = 4  # characters of an id's start that name a blast
_BEFORE_START = frozenset({BlastStatus.DRAFT, BlastStatus.IN_REVIEW, BlastStatus.APPROVED})


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a card shows. People are Slack user ids; `changed_by`: who paused or cancelled it, None for no person.

    `preview` is None once it has started; `segments`: what has left by then. `opt_outs`: who left because of it.
    """

    blast: Blast
    author: str
    audiences: Sequence[str]
    excluded: Sequence[str]
    approved_by: Sequence[str]
    changed_by: str | None
    progress: Progress
    preview: Preview | None
    segments: int
    opt_outs: int


def facts(session: Session, blast_id: UUID, *, now: datetime) -> Facts:
    """Gather what a blast's card shows.

    Raises:
        NotFound: there is no such blast.
    """
    blast = session.get(Blast, blast_id)
    if blast is None:
        raise NotFound("There is no such blast any more.")
    audiences = _audience_names(session, blast_id)
    is_ahead = blast.status in _BEFORE_START
    return Facts(
        blast=blast,
        author=session.get_one(Staff, blast.author_id).slack_user_id,
        audiences=[name for name, is_excluded in audiences if not is_excluded],
        excluded=[name for name, is_excluded in audiences if is_excluded],
        approved_by=[staff.slack_user_id for staff in approval.approvers(session, blast)],
        changed_by=_last_to(session, blast),
        progress=reports.progress(session, blast_id, now=now),
        preview=composing.preview(session, composing.content_of(session, blast), now=now) if is_ahead else None,
        segments=0 if is_ahead else _segments(session, blast_id),
        opt_outs=0 if is_ahead else _opt_outs(session, blast),
    )


def listed(session: Session, *, is_over: bool, most: int = 10) -> list[Blast]:
    """Return the newest blasts that are over, or that aren't."""
    over = col(Blast.status).in_(OVER)
    found = session.scalars(
        sa.select(Blast).where(over if is_over else ~over).order_by(col(Blast.created_at).desc()).limit(most)
    )
    return list(found)


def find(session: Session, words: str) -> Blast:
    """Return the blast that somebody means: by the start of its id, or by its name.

    Of several with one name it is the one that is on its way, so that nobody stops another; else the newest.

    Raises:
        Invalid: nothing was named, or what several ids start with.
        NotFound: there is none.
    """
    wanted = words.strip().strip("\"“”'")
    if not wanted:
        raise Invalid("Say which blast: its name or the start of its id. `/blast list` shows them.")
    text_id = sa.func.replace(sa.cast(col(Blast.id), sa.Text()), "-", "")
    prefix = wanted.lower().replace("-", "")
    is_id = text_id.startswith(prefix, autoescape=True) if len(prefix) >= _SHORTEST_ID else sa.false()
    is_named = sa.func.lower(col(Blast.name)) == wanted.lower()
    is_under_way = col(Blast.status).in_((BlastStatus.SENDING, BlastStatus.PAUSED, BlastStatus.APPROVED))
    found = session.execute(
        sa.select(Blast, is_named.label("is_named"))
        .where(is_id | is_named)
        .order_by(is_named.desc(), is_under_way.desc(), col(Blast.created_at).desc())
        .limit(2)
    ).all()
    if not found:
        raise NotFound(f"There is no blast called “{wanted[:80]}”. `/blast list` shows those there are.")
    if len(found) > 1 and not found[0].is_named:
        raise Invalid(f"The ids of several blasts start with “{wanted[:80]}”. Write more of it, or the name.")
    blast: Blast = found[0].Blast
    return blast


def _audience_names(session: Session, blast_id: UUID) -> list[tuple[str, bool]]:
    rows = session.execute(
        sa.select(col(Audience.name), col(BlastAudience.is_excluded))
        .join(BlastAudience, col(BlastAudience.audience_id) == col(Audience.id))
        .where(col(BlastAudience.blast_id) == blast_id)
        .order_by(col(Audience.name))
    )
    return [(name, is_excluded) for name, is_excluded in rows]


def _last_to(session: Session, blast: Blast) -> str | None:
    """Name who brought the blast to where it is, if it was a person."""
    verbs = {
        BlastStatus.PAUSED: "blast.pause",
        BlastStatus.CANCELLED: "blast.cancel",
        BlastStatus.DRAFT: "blast.request_changes",
    }
    if blast.status not in verbs:
        return None
    return session.scalar(
        sa.select(col(Staff.slack_user_id))
        .select_from(AuditEntry)
        .outerjoin(Staff, col(AuditEntry.staff_id) == col(Staff.id))  # the operator is no staff
        .where(col(AuditEntry.blast_id) == blast.id, col(AuditEntry.action) == verbs[blast.status])
        .order_by(col(AuditEntry.id).desc())
        .limit(1)
    )


def _segments(session: Session, blast_id: UUID) -> int:
    left = sa.select(sa.func.sum(col(Delivery.segments))).where(
        col(Delivery.blast_id) == blast_id, col(Delivery.accepted_at).is_not(None)
    )
    return int(session.scalar(left) or 0)


def _opt_outs(session: Session, blast: Blast) -> int:
    """Count the recipients who have opted out since the blast began."""
    if blast.started_at is None:
        return 0
    is_recipient = sa.exists().where(
        col(Delivery.blast_id) == blast.id, col(Delivery.address) == col(Suppression.address)
    )
    counted = session.scalar(
        sa.select(sa.func.count())
        .select_from(Suppression)
        .where(
            col(Suppression.cause) == SuppressionCause.OPT_OUT,
            col(Suppression.created_at) >= blast.started_at,
            is_recipient,
        )
    )
    return counted or 0
