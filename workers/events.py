"""The actor that tries events again which could not be taken in."""

import dramatiq
import structlog

from core import db, settings
from core.clock import utc_now
from core.errors import Invalid
from core.models import WebhookEvent
from core.usecases import events, processors
from core.usecases.processors import House
from workers.broker import UPDATES, broker

log = structlog.get_logger()


@dramatiq.actor(queue_name=UPDATES, broker=broker)
def retry_events() -> None:
    """Try what is due, each in a transaction of its own: one that fails stops nothing."""
    with db.transaction() as session:
        due = events.take_due(session, now=utc_now())
    for event_id in due:
        _try(event_id)


def _try(event_id: int) -> None:
    try:
        _process(event_id)
    except Exception as error:  # noqa: BLE001  # an edge: the event keeps whatever it is, and the others go on
        log.error("event.failed_again", event_id=event_id, error=type(error).__name__)
        with db.transaction() as session:
            events.fail(
                session, event_id, error=events.told(error), is_hopeless=isinstance(error, Invalid), now=utc_now()
            )


def _process(event_id: int) -> None:
    config, now = settings.current(), utc_now()
    house = House.of(config)
    with db.transaction() as session:
        event = session.get_one(WebhookEvent, event_id)
        processor = processors.of_channel(session, event.channel)
        processor.validate(event.kind, event.fields)
        processor.process(session, event.kind, event.fields, house=house, came_at=event.received_at, now=now)
        events.finish(session, event_id, now=now)
    log.info("event.taken_in", event_id=event_id)
