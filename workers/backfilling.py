"""Going through history for whoever asked in Slack: a piece at a time, so that a worker's end costs one batch."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import dramatiq
import structlog
from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]  # ships no types

from core import db, outbox, settings
from core.channels.twilio_log import Log
from core.clock import utc_now
from core.domain.events import StaffTold
from core.slack.gateway import Gateway
from core.usecases import backfill
from core.usecases.backfill import Counts, Outcome
from workers.broker import UPDATES, broker, nudge

log = structlog.get_logger()

_BATCHES_A_PIECE = 20


@dramatiq.actor(queue_name=UPDATES, broker=broker)
def go_through_history(slack_user_id: str, days: int) -> None:
    """Go through a piece of our own history (`days` 0), or that of the provider's list; the next piece is nudged."""
    try:
        outcome = _listed(days) if days else _stored()
    except (TwilioException, OSError) as error:
        log.warning("backfill.interrupted", error=type(error).__name__)
        _tell(slack_user_id, "Twilio did not answer, so the backfill stopped. Ask again: it goes on from there.")
        return
    log.info("backfill.piece", days=days, is_over=outcome.is_over, **outcome.counts.as_json())
    if outcome.is_over:
        _tell(slack_user_id, summary(outcome.counts))
    else:
        nudge("go_through_history", slack_user_id, days, queue=UPDATES)


def summary(counts: Counts) -> str:
    """Say what came of a backfill."""
    return (
        f"The backfill is done: {counts.logs:,} entries in {counts.batches:,} batches, {counts.calls:,} calls to "
        f"Twilio ({counts.details:,} for details). {counts.unsubscribed:,} people unsubscribed and "
        f"{counts.suppressed:,} numbers suppressed; that takes {counts.removals:,} memberships out of reach. "
        "Nobody's record was deleted."
    )


def _stored() -> Outcome:
    record = Log(settings.current())
    return backfill.run(
        backfill.Stored(), step=db.transaction, now=utc_now(), detail=record.code, most_batches=_BATCHES_A_PIECE
    )


def _listed(days: int) -> Outcome:
    record, now = Log(settings.current()), utc_now()
    source = backfill.Recorded(f"twilio.{days}", record.history(since=now - timedelta(days=days), until=now))
    outcome = backfill.run(source, step=db.transaction, now=now)
    outcome.counts.add(Counts(calls=record.calls))
    return outcome


def _requested(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    nudge("go_through_history", payload["slack_user_id"], payload["days"] or 0, queue=UPDATES)


def _tell(slack_user_id: str, text: str) -> None:
    with db.transaction() as session:
        outbox.record(session, StaffTold(slack_user_id, text), now=utc_now())


TELLERS: Mapping[str, Callable[[Gateway, Mapping[str, Any]], None]] = MappingProxyType(
    {"backfill.requested": _requested}
)
