"""What the clock does about what members and providers have told us, or have failed to tell."""

from datetime import datetime, timedelta

import structlog

from core import db, settings
from core.usecases import calls, conversations, events, inbox, polling, suppression
from workers.broker import UPDATES, nudge

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


def nag(now: datetime) -> None:
    """Remind staff of members who have waited long for an answer."""
    after = timedelta(hours=settings.current().nag_after_hours)
    if not after:
        return
    with db.reading() as session:
        is_due = inbox.has_neglected(session, after=after, now=now)
    if is_due:
        with db.transaction() as session:
            log.info("conversations.nagged", count=inbox.nag(session, after=after, now=now))


def follow_calls(now: datetime) -> None:
    """Remind who is to call a member now, and call missed what nobody has marked within a day."""
    with db.reading() as session:
        is_due = calls.has_due(session, now=now)
    if is_due:
        with db.transaction() as session:
            reminded, missed = calls.remind(session, now=now), calls.miss(session, now=now)
        log.info("calls.followed", reminded=reminded, missed=missed)


def end_idle_claims(now: datetime) -> None:
    """Free the conversations that somebody has claimed and then let lie."""
    with db.reading() as session:
        is_due = conversations.has_idle_claims(session, now=now)
    if is_due:
        with db.transaction() as session:
            log.info("conversations.freed", count=conversations.end_idle_claims(session, now=now))


def poll_receipts(now: datetime) -> None:
    """Nudge the workers to ask for messages that have been open too long."""
    with db.reading() as session:
        is_due = polling.has_open(session, every=settings.current().poll_after, now=now)
    if is_due:
        nudge("poll_receipts", queue=UPDATES)


def fill_gaps(now: datetime) -> None:
    """Nudge the workers to look for texts that never reached the webhooks."""
    every = settings.current().inbound_gap
    if not every:
        return
    with db.reading() as session:
        is_due = polling.gap_since(session, every=every, now=now) is not None
    if is_due:
        nudge("fill_gaps", queue=UPDATES)


def retry_events(now: datetime) -> None:
    """Nudge the workers to try again what could not be taken in."""
    with db.reading() as session:
        is_due = events.has_due(session, now=now)
    if is_due:
        nudge("retry_events", queue=UPDATES)
