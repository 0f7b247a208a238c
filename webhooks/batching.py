"""Group commit: what arrives within a few milliseconds is written in one transaction, and nobody is answered before."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

log = structlog.get_logger()
T = TypeVar("T")


class Full(Exception):
    """So much is waiting that one more had better come again later."""


class NotWritten(Exception):
    """It could not be saved: it must come again."""


class Batcher(Generic[T]):
    """One writer, with a thread of its own, for what many requests bring.

    `write` saves a batch, whole or not at all; it runs in the thread. `give_way` is awaited before each batch, for what
    must never stand behind it. A batch is begun as soon as `enough` wait, or `linger_s` after the first of it has come.
    `most` bounds it, `room` what may wait.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], object],
        *,
        give_way: Callable[[], Awaitable[object]] | None = None,
        linger_s: float = 0.002,
        enough: int = 48,
        most: int = 500,
        room: int = 10_000,
    ) -> None:
        self._write = write
        self._give_way = give_way
        self._linger_s = linger_s
        self._enough = enough
        self._most = most
        self._room = room
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._has_come = asyncio.Event()
        self._are_enough = asyncio.Event()
        self._is_stopping = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self._task: asyncio.Task[None] | None = None

    @property
    def depth(self) -> int:
        """How many wait to be written."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to write; call it on the event loop that waits for it."""
        self._task = asyncio.create_task(self._run())

    async def put(self, item: T) -> None:
        """Return once `item` is committed.

        Raises:
            Full: too much is waiting.
            NotWritten: the commit failed.
        """
        if len(self._waiting) >= self._room or self._is_stopping:
            raise Full
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        self._has_come.set()
        if len(self._waiting) >= self._enough:
            self._are_enough.set()
        await done

    async def stop(self) -> None:
        """Write what waits, and take no more."""
        self._is_stopping = True
        self._has_come.set()
        self._are_enough.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def _run(self) -> None:
        while self._waiting or not self._is_stopping:
            await self._has_come.wait()
            await self._gather()
            if self._give_way is not None:
                await self._give_way()
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            if not self._waiting and not self._is_stopping:
                self._has_come.clear()
            if batch:
                await self._save(batch)

    async def _gather(self) -> None:
        """Wait for more to come, unless there is enough already: then waiting would only leave the writer idle."""
        if self._is_stopping or len(self._waiting) >= self._enough:
            return
        self._are_enough.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._linger_s):
                await self._are_enough.wait()

    async def _save(self, batch: list[tuple[T, asyncio.Future[None]]]) -> None:
        """Write a batch; when one item of it can't be saved, find it by halves: the others must not suffer."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, [item for item, _ in batch])
        except (OperationalError, InterfaceError) as error:
            log.warning("batch.not_written", size=len(batch), error=type(error.orig).__name__)
            self._answer(batch, NotWritten())
        except Exception as error:  # noqa: BLE001  # an edge: whatever it is, those who wait must hear of it
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._save(batch[:middle])
                await self._save(batch[middle:])
                return
            log.error("batch.poisoned", error=type(error).__name__)
            self._answer(batch, NotWritten())
        else:
            self._answer(batch, None)

    def _answer(self, batch: list[tuple[T, asyncio.Future[None]]], failure: Exception | None) -> None:
        for _, done in batch:
            if done.done():  # whoever asked has hung up; what they brought is dealt with all the same
                continue
            if failure is None:
                done.set_result(None)
            else:
                done.set_exception(failure)
