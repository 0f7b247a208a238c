"""Transactions run beside an event loop, which wait for the database while it is away."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from psycopg.errors import IdleInTransactionSessionTimeout, ReadOnlySqlTransaction
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoneFree

log = structlog.get_logger()
T = TypeVar("T")

_TRY_AGAIN_S = 0.5
# One that only reads has handed over to another, or is about to take over itself. And we may have been stopped in the
# middle for so long that our turn went to somebody else.
_PASSING = (ReadOnlySqlTransaction, IdleInTransactionSessionTimeout)


class GaveUp(Exception):
    """We had to end before the database had answered; whether it was done isn't known."""


class End:
    """When to wait no longer: never, unless it is told to come. Make it inside the event loop that uses it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._has_come: asyncio.Future[None] = self._loop.create_future()

    def come_in(self, seconds: float) -> None:
        """Have it come in so many seconds."""
        self._loop.call_later(seconds, self._come)

    def _come(self) -> None:
        if not self._has_come.done():
            self._has_come.set_result(None)

    async def outlasts(self, other: asyncio.Future[T]) -> bool:
        """Wait for `other` or for the end; tell whether `other` is done."""
        either: set[asyncio.Future[Any]] = {other, self._has_come}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return other.done()

    async def comes_within(self, seconds: float) -> bool:
        """Wait for the end for so long; tell whether it has come."""
        await asyncio.wait({self._has_come}, timeout=seconds)
        return self._has_come.done()


async def soon(event: asyncio.Event, within_s: float | None) -> None:
    """Wait for an event, and no longer than that (None: as long as it takes).

    `asyncio.wait_for` may lose the cancelling of a task that is woken in the same moment.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()


async def beside(work: Callable[[], T], end: End) -> T:
    """Run one transaction in a thread; while the database is away, wait for it: nothing in hand is dropped.

    Raises:
        GaveUp: the end has come first.
    """
    while True:
        done = _in_a_thread(work)
        if not await end.outlasts(done):
            raise GaveUp
        try:
            return done.result()
        except (OperationalError, InternalError, NoneFree) as error:
            if isinstance(error, InternalError) and not isinstance(error.orig, _PASSING):
                raise
            why = type(error if isinstance(error, NoneFree) else error.orig).__name__
            log.warning("database.unavailable", error=why)
            if await end.comes_within(_TRY_AGAIN_S):
                raise GaveUp from error


def _in_a_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    # A thread of its own, of which a sender has two at most: those of the loop are so few that senders would wait for
    # each other (and for names to be looked up). No process waits for it at its end: the database may never answer.
    done: Future[T] = Future()
    threading.Thread(target=_run, args=(work, done), name="transaction", daemon=True).start()
    return asyncio.wrap_future(done)


def _run(work: Callable[[], T], done: Future[T]) -> None:
    done.set_running_or_notify_cancel()
    try:
        done.set_result(work())
    except BaseException as error:  # noqa: BLE001  # it is raised where it is awaited
        done.set_exception(error)
