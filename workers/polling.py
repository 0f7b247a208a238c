"""The actors that ask the provider for what it should have told: last words of messages, and texts that never came."""

import time
from datetime import datetime

import dramatiq
import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]  # ships no types

from core import channels, db, settings
from core.channels import Provider
from core.channels.twilio_log import Log, Received
from core.clock import utc_now
from core.domain.receipts import Incoming
from core.models import ChannelName
from core.settings import Settings
from core.usecases import events, heeding, inbound, polling, processors, receipts
from core.usecases.inbound import Text
from core.usecases.polling import Open
from workers.broker import UPDATES, broker

log = structlog.get_logger()

# Asking must never crowd out sending: Twilio bounds how many calls an account has at once.
_PAUSE_S = 0.05
_AT_MOST_S = 45.0


@dramatiq.actor(queue_name=UPDATES, broker=broker)
def poll_receipts() -> None:
    """Ask for messages that have been open too long; while the provider doesn't answer they stay as they are."""
    config = settings.current()
    with db.transaction() as session:
        taken = polling.take_open(session, every=config.poll_after, now=utc_now())
    found = _ask(taken, config)
    if found:
        with db.transaction() as session:
            receipts.apply(session, found, now=utc_now())
        log.info("receipts.polled", asked=len(taken), found=len(found))


@dramatiq.actor(queue_name=UPDATES, broker=broker)
def fill_gaps() -> None:
    """Take in texts that the provider has on record and that never reached the webhooks."""
    config, now = settings.current(), utc_now()
    with db.reading() as session:
        since = polling.gap_since(session, every=config.inbound_gap, now=now)
    if since is None:
        return
    try:
        entries = Log(config).received(since=since)
    except (TwilioException, OSError) as error:
        log.warning("inbound.not_listed", error=type(error).__name__)
        return
    taken = sum(_take(entry, config) for entry in entries)
    with db.transaction() as session:
        polling.filled(session, until=now)
    if taken:
        log.warning("inbound.gap_filled", count=taken)


def _ask(taken: list[Open], config: Settings) -> list[Incoming]:
    found: list[Incoming] = []
    failing = set[Provider]()
    ends = time.monotonic() + _AT_MOST_S
    for each in taken:
        provider = channels.provider(ChannelName.SMS, each.sender)
        if provider in failing:
            continue
        try:
            trace = provider.lookup(config).fetch(each.sid, address=each.address, since=each.since)
        except channels.LOOKUP_ERRORS as error:
            failing.add(provider)
            log.warning("receipts.not_polled", error=type(error).__name__, left=len(taken) - len(found))
            continue
        except Exception as error:  # noqa: BLE001  # an edge: what can't be read of one keeps no other from being told
            log.error("receipt.odd", provider_sid=each.sid, error=type(error).__name__)
            continue
        if trace is not None:
            found.append(Incoming(trace.sid, trace.status, trace.error_code))
        if time.monotonic() > ends:
            break
        time.sleep(_PAUSE_S)
    return found


def _take(entry: Received, config: Settings) -> bool:
    """Take one text in, in a transaction of its own; returns whether it was new. One that fails is kept for later."""
    text = Text(entry.sid, entry.address, entry.sender, entry.body.replace("\0", ""), entry.media)
    try:
        with db.transaction() as session:
            reading = inbound.take(
                session,
                text,
                organization=config.organization_name,
                asks_twice=config.double_opt_in,
                sent_at=entry.at,
                now=utc_now(),
            )
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001  # an edge: whatever it is, the others are taken in
        log.error("inbound.failed", provider_sid=entry.sid, error=type(error).__name__)
        _put_off(text, entry.at, error)
        return False
    return reading is not None


def _put_off(text: Text, at: datetime, error: Exception) -> None:
    heeding.heed(text, step=db.transaction, at=at)
    fields, told, sms = processors.fields_of(text), events.told(error), ChannelName.SMS
    with db.transaction() as session:
        events.keep(session, sms, processors.TEXT, text.provider_sid, fields, error=told, came_at=at, now=utc_now())
