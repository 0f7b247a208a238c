"""Transactions run beside an event loop, which wait for the database while it is away."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import structlog
from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy.exc import InternalError, OperationalError

log = structlog.get_logger()
T = TypeVar("T")

_TRY_AGAIN_S = 0.5


async def beside(work: Callable[[], T]) -> T:
    """Run one transaction in a thread; while the database is away, wait for it: nothing in hand is dropped."""
    while True:
        try:
            return await asyncio.to_thread(work)
        except (OperationalError, InternalError) as error:
            # One that only reads has handed over to another, or is about to take over itself.
            if isinstance(error, InternalError) and not isinstance(error.orig, ReadOnlySqlTransaction):
                raise
            log.warning("database.unavailable", error=type(error.orig).__name__)
            await asyncio.sleep(_TRY_AGAIN_S)
