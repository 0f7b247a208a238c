"""What the clock does about what members and providers have told us, or have failed to tell."""

from datetime import datetime, timedelta

import structlog

from core import db, settings
from core.usecases import conversations, suppression

log = structlog.get_logger()


def confirm_opt_outs(now: datetime) -> None:
    """Opt out whoever seemed to ask for it, when staff have let the time pass."""
    before = now - timedelta(hours=settings.current().likely_opt_out_hours)
    with db.reading() as session:
        is_due = suppression.has_unanswered(session, before=before)
    if is_due:
        with db.transaction() as session:
            count = conversations.confirm_likely_opt_outs(session, before=before, now=now)
        log.info("opt_outs.confirmed", count=count)
