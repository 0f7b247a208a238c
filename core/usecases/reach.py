"""What a suppression keeps from an address: everything, or the blasts for an audience that its owner has left."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from core.models import Audience, BlastAudience, SkipReason, Suppression, SuppressionCause

IS_ACTIVE = col(Suppression.lifted_at).is_(None)
IS_OF_ALL = sa.and_(col(Suppression.audience_id).is_(None), col(Suppression.audience_kind).is_(None))


def is_for(audience_ids: Collection[UUID] | sa.Select[UUID]) -> sa.ColumnElement[bool]:
    """Return the SQL for whether a suppression holds for a blast to these audiences.

    One that was left is enough, whatever else the blast is for: where somebody may have meant it, they aren't texted.
    """
    kinds = sa.select(col(Audience.kind)).where(col(Audience.id).in_(audience_ids))
    is_left = col(Suppression.audience_id).in_(audience_ids)
    return sa.or_(IS_OF_ALL, is_left, col(Suppression.audience_kind).in_(kinds))


def of_blast(blast_id: UUID | sa.BindParameter[UUID]) -> sa.Select[UUID]:
    """Return the query for the audiences that a blast is for."""
    return sa.select(col(BlastAudience.audience_id)).where(
        col(BlastAudience.blast_id) == blast_id, col(BlastAudience.is_excluded).is_(False)
    )


def held(audience_ids: Collection[UUID]) -> sa.Subquery:
    """Return (address, reason) of everybody whom a blast to these audiences must not reach, each once."""
    reason = sa.func.min(skip_reason(col(Suppression.cause))).label("reason")
    return (
        sa.select(col(Suppression.address).label("address"), reason)
        .where(IS_ACTIVE, is_for(audience_ids))
        .group_by(col(Suppression.address))
        .subquery("held")
    )


def skip_reason(cause: sa.SQLColumnExpression[Any]) -> sa.ColumnElement[str | None]:
    """Return the SQL that turns a suppression's cause into the reason for which its address is skipped."""
    return sa.case(
        (cause == SuppressionCause.OPT_OUT, SkipReason.OPTED_OUT.value),
        (cause == SuppressionCause.HARD_FAILURE, SkipReason.UNREACHABLE.value),
        (cause == SuppressionCause.MANUAL, SkipReason.SUPPRESSED.value),
        else_=None,
    )
