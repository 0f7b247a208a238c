"""The actor that looks up at the provider what may have left."""

import dramatiq
import structlog
from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]  # ships no types

from core import db, settings
from core.channels.twilio import Lookup
from core.clock import utc_now
from core.domain.channel import Trace
from core.usecases import settling
from workers.broker import UPDATES, broker

log = structlog.get_logger()


@dramatiq.actor(queue_name=UPDATES, broker=broker)
def settle() -> None:
    """Look up the unknowns that are due; while the provider doesn't answer they stay as they are."""
    config = settings.current()
    with db.transaction() as session:
        taken = settling.take_due(session, now=utc_now())
    lookup, found = Lookup(config), dict[int, Trace | None]()
    try:
        for outgoing, since in taken:
            found[outgoing.delivery_id] = lookup.find(outgoing, since=since)
    except (TwilioException, OSError) as error:
        log.warning("lookup.failed", error=type(error).__name__, left=len(taken) - len(found))
    attempts = {outgoing.delivery_id: outgoing.attempt for outgoing, _ in taken}
    with db.transaction() as session:
        settling.settle(session, found, attempts=attempts, may_resend=config.resend_untraced, now=utc_now())
    if found:
        traced = sum(trace is not None for trace in found.values())
        log.info("unknowns.looked_up", traced=traced, untraced=len(found) - traced)
