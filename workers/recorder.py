"""Write down in bulk what providers answered, beside the loop that sends."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy.exc import IntegrityError

from core.domain.channel import Unknown
from core.domain.lifecycles import UNWRITTEN
from core.usecases.recording import Result
from workers.transactions import End, GaveUp, beside, soon

log = structlog.get_logger()

_MOST = 500
_EVERY_S = 0.2
# Where sending is faster than writing, no more is claimed while so much waits.
_MOST_WAITING = 2000


class Book(Protocol):
    """Where results go; each call is one transaction, and blocks."""

    def record(self, results: Sequence[Result]) -> None: ...

    def take_sid(self, result: Result) -> None: ...


class Recorder:
    """Results waiting to be written. One that can't be written keeps no other from it."""

    def __init__(self, book: Book, *, end: End, gave_up: Callable[[], None], wrote: Callable[[], None]) -> None:
        """Write to `book`, until the `end` at the latest; what is left then, the leases' end settles.

        `gave_up` is called when a result could not be written at all, `wrote` whenever some were.
        """
        self._book = book
        self._end = end
        self._gave_up = gave_up
        self._wrote = wrote
        self._results: list[Result] = []
        self._has_batch = asyncio.Event()
        self._is_closing = False

    def add(self, result: Result) -> None:
        """Have a result written soon."""
        self._results.append(result)
        if len(self._results) >= _MOST:
            self._has_batch.set()

    @property
    def is_behind(self) -> bool:
        """So much waits to be written that no more should be claimed."""
        return len(self._results) >= _MOST_WAITING

    def close(self) -> None:
        """Write what is left, and end."""
        self._is_closing = True
        self._has_batch.set()

    async def run(self) -> None:
        """Write until closed, and all that came before."""
        is_last = False
        while not is_last:
            await soon(self._has_batch, _EVERY_S)
            self._has_batch.clear()
            is_last = self._is_closing
            while self._results:
                batch, self._results = self._results[:_MOST], self._results[_MOST:]
                try:
                    await self._write(batch)
                except GaveUp:
                    # Their leases will end, and they will be looked up.
                    log.error("results.not_written", count=len(batch) + len(self._results))
                    return
                self._wrote()

    async def _write(self, batch: Sequence[Result]) -> None:
        try:
            await self._beside(partial(self._book.record, batch))
        except GaveUp:
            raise
        except Exception as error:  # noqa: BLE001  # an edge: what the database refuses of one answer must not lose others
            if len(batch) == 1:
                await self._write_odd(batch[0], error)
                return
            half = len(batch) // 2
            await self._write(batch[:half])
            await self._write(batch[half:])

    async def _write_odd(self, result: Result, error: Exception) -> None:
        """Write a result that the database refused: with the id that another row holds, or else as unknown."""
        remedies = [self._write_as_unknown]
        if isinstance(error, IntegrityError):
            remedies.insert(0, self._write_with_its_sid)
        for remedy in remedies:
            log.error("result.odd", delivery_id=result.claim.id, error=type(error).__name__)
            try:
                await remedy(result)
                return
            except GaveUp:
                raise
            except Exception as again:  # noqa: BLE001  # as above
                error = again
        # Its lease will end, and it will be looked up.
        log.error("result.lost", delivery_id=result.claim.id, error=type(error).__name__)
        self._gave_up()

    async def _write_with_its_sid(self, result: Result) -> None:
        await self._beside(partial(self._book.take_sid, result))
        await self._beside(partial(self._book.record, [result]))

    async def _write_as_unknown(self, result: Result) -> None:
        await self._beside(partial(self._book.record, [result._replace(outcome=Unknown(UNWRITTEN))]))

    async def _beside(self, work: Callable[[], None]) -> None:
        await beside(work, self._end)
