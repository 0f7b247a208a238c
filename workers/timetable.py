"""What is due now, found in the database: each is one short step, and may run twice, or in several clocks at once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlmodel import col

from core import db, settings
from core.domain.lifecycles import BlastStatus
from core.models import Blast, OutboxEvent, SeenRequest
from core.models.columns import UtcDateTime
from core.usecases import (
    asking,
    brakes,
    canary,
    caps,
    cleanup,
    failover,
    leases,
    planning,
    receipts,
    scheduling,
    sending,
    settling,
    unknowns,
    windows,
)
from workers import listening, relay
from workers.broker import SENDING, UPDATES, has_enough, nudge

log = structlog.get_logger()

# How long after its end a blast's card still follows late receipts.
_CARD_FOLLOWS = timedelta(hours=1)
_KEEP_SEEN = timedelta(days=1)
_KEEP_TOLD = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to do every `every`; `name` tells several clocks' turns apart."""

    name: str
    every: timedelta
    step: Callable[[datetime], None]


# Made once, and one question for both, since it is asked twenty times a second: idle, a clock does little else.
_NOW = sa.bindparam("now", type_=UtcDateTime())
_DUE = sa.select(
    sa.exists().where(col(OutboxEvent.done_at).is_(None), col(OutboxEvent.due_at) <= _NOW).label("has_event"),
    sa.exists().where(col(Blast.status) == BlastStatus.APPROVED, col(Blast.starts_at) <= _NOW).label("has_blast"),
)


def tell_and_start(now: datetime) -> None:
    """Nudge the workers to tell what has happened, and to start approved blasts whose time has come."""
    with db.reading() as session:
        has_event, has_blast = session.execute(_DUE, {"now": now}).one()
    if has_blast:
        start_blasts(now)
    if has_event:
        tell_events(now)


def tell_events(now: datetime) -> None:
    """Nudge the workers to tell what has happened."""
    if has_enough(UPDATES):
        return
    with db.transaction() as session:
        taken = relay.take_due(session, now=now)
    try:
        for outbox_id, _ in taken:
            nudge("tell", outbox_id, queue=UPDATES)
    except Exception:
        with db.transaction() as session:
            relay.give_back(session, [outbox_id for outbox_id, _ in taken], now=now)
        raise


def start_blasts(now: datetime) -> None:
    """Nudge the workers to start approved blasts whose time has come."""
    if has_enough(SENDING):
        return
    with db.reading() as session:
        due = planning.due(session, now=now)
    for blast_id in due:
        nudge("start", str(blast_id), queue=SENDING)


def drain_senders(now: datetime) -> None:
    """Nudge the workers to empty the queues that hold something due."""
    with db.reading() as session:
        due = sending.due_senders(session, now=now)
    if not due or has_enough(SENDING):
        return
    for sender in due:
        nudge("drain", sender, queue=SENDING)


def fail_over(now: datetime) -> None:
    """Have the second provider send what waits for one that fails."""
    config = settings.current()
    if not config.standby:
        return
    with db.reading() as session:
        is_any_down = bool(failover.down(session, now=now))
    if is_any_down:
        with db.transaction() as session:
            moved = failover.move(session, (*config.senders, *config.standby), now=now)
        if moved:
            log.warning("deliveries.moved_to_other_provider", count=moved)


def end_leases(now: datetime) -> None:
    """Call unknown what was claimed by a process that is no more."""
    lease = settings.current().claim_lease
    with db.reading() as session:
        has_stale = leases.has_stale(session, lease=lease, now=now)
    if has_stale:
        with db.transaction() as session:
            log.warning("claims.unknown", count=leases.end(session, lease=lease, now=now))


def keep_quiet_hours(now: datetime) -> None:
    """Hold until the next morning what could not leave before its recipient's quiet hours began."""
    with db.reading() as session:
        has_closed = windows.has_closed(session, now=now)
    if has_closed:
        with db.transaction() as session:
            count = windows.move_on(session, settings.current().quiet, now=now)
        log.info("deliveries.held_for_the_night", count=count)


def match_receipts(now: datetime) -> None:
    """Apply receipts that came before their message's id was known to us."""
    with db.transaction() as session:
        matched = receipts.apply_late(session, now=now)
    if matched:
        log.info("receipts.matched", count=matched)


def sweep_cancelled(now: datetime) -> None:
    """Cancel what still waits, or came back from the provider, after its blast was cancelled."""
    with db.reading() as session:
        is_any_unswept = bool(scheduling.unswept(session, now=now))
    if is_any_unswept:
        with db.transaction() as session:
            scheduling.sweep_cancelled(session, now=now)


def settle_unknowns(now: datetime) -> None:
    """Nudge the workers to look up what may have left."""
    with db.reading() as session:
        is_due = settling.has_due(session, now=now)
    if is_due:
        nudge("settle", queue=UPDATES)


def leave_unknowns(now: datetime) -> None:
    """Leave unknowns about which nobody has decided in time."""
    after = timedelta(hours=settings.current().leave_unknown_after)
    with db.reading() as session:
        has_old = unknowns.has_old(session, after=after, now=now)
    if has_old:
        with db.transaction() as session:
            log.warning("unknowns.left", count=unknowns.leave_old(session, after=after, now=now))


def try_canaries(now: datetime) -> None:
    """Let the rest of a blast follow its canary, or hold it."""
    with db.reading() as session:
        trying = canary.trying(session)
    for blast_id in trying:
        with db.transaction() as session:
            verdict = canary.judge(session, blast_id, patience_s=settings.current().canary_seconds, now=now)
        if verdict is not None:
            log.info("blast.canary_judged", blast_id=str(blast_id), verdict=verdict)


def brake(now: datetime) -> None:
    """Hold running blasts whose failures or opt-outs are out of the ordinary."""
    with db.reading() as session:
        alarming = brakes.alarming(session)
    for blast_id, _ in alarming:
        with db.transaction() as session:
            if brakes.brake(session, blast_id, now=now):
                log.warning("blast.held", blast_id=str(blast_id))


def finish_blasts(now: datetime) -> None:
    """Finish blasts that have nothing left to send or to hear."""
    with db.reading() as session:
        is_any_over = bool(scheduling.over(session, now=now))
    if is_any_over:
        with db.transaction() as session:
            for blast_id in scheduling.finish(session, now=now):
                log.info("blast.finished", blast_id=str(blast_id))


def refresh_cards(now: datetime) -> None:
    """Nudge the workers to bring the cards of running and lately finished blasts up to date."""
    running = col(Blast.status).in_((BlastStatus.SENDING, BlastStatus.PAUSED))
    lately = col(Blast.finished_at) > now - _CARD_FOLLOWS
    with db.reading() as session:
        found = session.scalars(sa.select(col(Blast.id)).where(running | lately, col(Blast.card_ts) != "")).all()
    if not found or has_enough(UPDATES):
        return
    for blast_id in found:
        nudge("refresh_card", str(blast_id), queue=UPDATES)


def clear_away(now: datetime) -> None:
    """Clear away a little of what is older than it is kept."""
    before = now - timedelta(days=settings.current().retention_days)
    with db.transaction() as session:
        cleared = cleanup.clean(session, before=before, now=now)
    if any(cleared.values()):
        log.info("old.cleared_away", **cleared)


def prune(now: datetime) -> None:
    """Forget requests that can't be replayed any more, and events that were told long ago."""
    with db.transaction() as session:
        session.execute(sa.delete(SeenRequest).where(col(SeenRequest.at) < now - _KEEP_SEEN))
        caps.forget(session, before=now - _KEEP_SEEN)
        asking.forget(session, now=now)
        session.execute(sa.delete(OutboxEvent).where(col(OutboxEvent.done_at) < now - _KEEP_TOLD))


ENTRIES = (
    Entry("tell_and_start", timedelta(milliseconds=50), tell_and_start),
    Entry("drain_senders", timedelta(milliseconds=500), drain_senders),
    Entry("finish_blasts", timedelta(seconds=1), finish_blasts),
    Entry("refresh_cards", timedelta(seconds=3), refresh_cards),
    Entry("fail_over", timedelta(seconds=1), fail_over),
    Entry("end_leases", timedelta(seconds=5), end_leases),
    Entry("keep_quiet_hours", timedelta(seconds=1), keep_quiet_hours),
    Entry("try_canaries", timedelta(seconds=1), try_canaries),
    Entry("brake", timedelta(seconds=2), brake),
    Entry("match_receipts", timedelta(minutes=1), match_receipts),
    Entry("sweep_cancelled", timedelta(seconds=1), sweep_cancelled),
    Entry("settle_unknowns", timedelta(seconds=10), settle_unknowns),
    Entry("leave_unknowns", timedelta(minutes=1), leave_unknowns),
    Entry("clear_away", timedelta(minutes=1), clear_away),
    Entry("poll_receipts", timedelta(minutes=1), listening.poll_receipts),
    Entry("fill_gaps", timedelta(minutes=1), listening.fill_gaps),
    Entry("retry_events", timedelta(seconds=10), listening.retry_events),
    Entry("nag", timedelta(minutes=1), listening.nag),
    Entry("follow_calls", timedelta(seconds=20), listening.follow_calls),
    Entry("end_idle_claims", timedelta(minutes=1), listening.end_idle_claims),
    Entry("confirm_opt_outs", timedelta(minutes=1), listening.confirm_opt_outs),
    Entry("prune", timedelta(hours=1), prune),
)
