"""The actor that looks up at the provider what may have left."""

import dramatiq
import structlog

from core import channels, db, settings
from core.clock import utc_now
from core.domain.channel import Trace
from core.domain.senders import provider_of
from core.models import ChannelName
from core.usecases import settling
from workers.broker import UPDATES, broker

log = structlog.get_logger()


@dramatiq.actor(queue_name=UPDATES, broker=broker)
def settle() -> None:
    """Look up the unknowns that are due; while a provider doesn't answer, its own stay as they are."""
    failing = set[str]()
    while _settle_some(failing):
        pass


def _settle_some(failing: set[str]) -> bool:
    """Look up some; tell whether another provider was found failing, whose may have kept others' from their turn."""
    config, were_failing = settings.current(), len(failing)
    with db.transaction() as session:
        taken = settling.take_due(session, but=failing, now=utc_now())
        others = settling.sids_of_others(session, taken)
    found = dict[int, Trace | None]()
    for outgoing, since in taken:
        provider = provider_of(outgoing.sender)
        if provider in failing:
            continue
        try:
            lookup = channels.provider(ChannelName.SMS, outgoing.sender).lookup(config)
            trace = lookup.find(outgoing, since=since, others=others)
        except channels.LOOKUP_ERRORS as error:
            failing.add(provider)
            log.warning("lookup.failed", error=type(error).__name__, left=len(taken) - len(found))
            continue
        except Exception as error:  # noqa: BLE001  # an edge: what can't be read of one keeps no other from being settled
            log.error("lookup.odd", delivery_id=outgoing.delivery_id, error=type(error).__name__)
            continue
        found[outgoing.delivery_id] = trace
        others |= {trace.sid} if trace else set()
    attempts = {outgoing.delivery_id: outgoing.attempt for outgoing, _ in taken}
    with db.transaction() as session:
        settling.settle(session, found, attempts=attempts, may_resend=config.resend_untraced, now=utc_now())
    if found:
        traced = sum(trace is not None for trace in found.values())
        log.info("unknowns.looked_up", traced=traced, untraced=len(found) - traced)
    return len(failing) > were_failing
