"""Actors that start a blast and that empty a sender's queue."""

import asyncio
from concurrent.futures import Future
from uuid import UUID

import dramatiq
import structlog
from dramatiq.asyncio import get_event_loop_thread
from redis.asyncio import Redis

from core import channels, db, settings
from core.clock import utc_now
from core.domain import senders as senders_of
from core.domain.channel import Channel
from core.limits import Pace
from core.models import ChannelName
from core.usecases import planning, rechecking
from workers import allotting
from workers.broker import SENDING, broker
from workers.drain import Drain, Speed
from workers.ledger import Ledger

log = structlog.get_logger()
# Twilio measures with its own clock, and calls bunch on the way: stay this much below the rate.
_MARGIN = 0.985


class Senders:
    """The senders that this process is emptying. Everything here runs on the one event loop of the async actors."""

    def __init__(self) -> None:
        self._drains: dict[str, Drain] = {}
        self._channels: dict[str, Channel] = {}
        self._paces: dict[str, Pace] = {}
        self._redis: Redis | None = None
        self._is_stopping = False

    async def drain(self, sender: str) -> int:
        """Empty a sender's queue; when that is going on already, have it look again."""
        if sender in self._drains:
            self._drains[sender].look_again()
            return 0
        sent, is_nudged = 0, True
        while is_nudged and not self._is_stopping:
            drain = self._drains[sender] = self._open(sender)
            self._share_calls()
            try:
                sent += await drain.run()
            finally:
                del self._drains[sender]
                self._share_calls()
            is_nudged = drain.was_nudged  # when it claimed no more
        return sent

    def _open(self, sender: str) -> Drain:
        config = settings.current()
        name = senders_of.provider_of(sender)
        if name not in self._channels:
            self._channels[name] = channels.provider(ChannelName.SMS, sender).open(config)
        if self._redis is None:
            self._redis = Redis.from_url(config.redis_url, socket_timeout=5, socket_connect_timeout=2)
        rate = config.rate_of(sender) * _MARGIN or None
        # Kept, since it remembers how far it was given away.
        pace = self._paces.setdefault(sender, Pace(self._redis, segments_per_s=rate or 1.0))
        speed = Speed(config.max_in_flight, rate)
        return Drain(sender, channel=self._channels[name], ledger=Ledger(sender), pace=pace, speed=speed)

    def _share_calls(self) -> None:
        """Share the process's calls among the senders that have something to send."""
        config = settings.current()
        most = config.max_in_flight
        wanted = {sender: allotting.wanted(config.rate_of(sender), at_most=most) for sender in self._drains}
        for sender, calls in allotting.shares(wanted, most).items():
            self._drains[sender].allow(calls)

    async def stop(self) -> None:
        """Stop every drain; returns at once."""
        self._is_stopping = True
        for drain in self._drains.values():
            drain.stop()

    async def close(self) -> None:
        """Wait for the drains to end, and close what they shared."""
        await asyncio.gather(*(drain.ended.wait() for drain in self._drains.values()))
        for channel in self._channels.values():
            await channel.close()
        if self._redis is not None:
            await self._redis.aclose()


senders = Senders()


@dramatiq.actor(queue_name=SENDING, broker=broker)
def drain(sender: str) -> None:
    """Begin to send what is due from `sender`, until nothing is.

    No thread waits for it: a queue may take a day, and as many senders as there are threads would hold up all else.
    """
    begin(sender)


async def _empty(sender: str) -> None:
    sent = await senders.drain(sender)
    if sent:
        log.info("sender.drained", sent=sent)


def begin(sender: str) -> None:
    """Empty a sender's queue here and now: a nudge would lie in the queue for a while. The clock nudges the others."""
    thread = get_event_loop_thread()
    if thread is None:
        drain.send(sender)
    else:
        asyncio.run_coroutine_threadsafe(_empty(sender), thread.loop).add_done_callback(_tell_failure)


def _tell_failure(ended: Future[None]) -> None:
    if not ended.cancelled() and (error := ended.exception()) is not None:
        log.error("sender.failed", error=type(error).__name__, exc_info=error)


# The clock nudges until a blast is started, which takes a while when it is large. Without this, every thread of the
# process would soon wait for the one that plans, and replies with them.
_starting: set[str] = set()


@dramatiq.actor(queue_name=SENDING, broker=broker)
def start(blast_id: str) -> None:
    """Start an approved blast whose time has come, and begin to send it."""
    if blast_id in _starting:
        return
    _starting.add(blast_id)
    try:
        _start(blast_id)
    finally:
        _starting.discard(blast_id)


def _start(blast_id: str) -> None:
    config, now = settings.current(), utc_now()
    with db.transaction() as session:
        limit = config.second_approver_above
        if not rechecking.recheck(session, UUID(blast_id), second_approver_above=limit, now=now):
            log.warning("blast.back_in_review", blast_id=blast_id)
            return
        status = planning.start(
            session,
            UUID(blast_id),
            sender=config.sender,
            among=config.senders,
            quiet=config.quiet,
            max_lag=config.max_lag,
            canary_size=config.canary_size,
            now=now,
        )
    if status is not None:
        log.info("blast.started", blast_id=blast_id, status=status.value)
        for sender in config.senders:
            begin(sender.address)
