"""Transactions beside the event loop wait for the database, and not for each other."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from psycopg.errors import IdleInTransactionSessionTimeout
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoneFree

from workers.transactions import End, GaveUp, beside


def story(told: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(told(), 20))


def test_many_run_at_once_however_few_threads_the_loop_has() -> None:
    async def told() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        is_over = threading.Event()
        keeping_it_busy = loop.run_in_executor(None, is_over.wait, 20)
        meeting, end = threading.Barrier(30, timeout=10), End()
        await asyncio.gather(*(beside(meeting.wait, end) for _ in range(30)))
        is_over.set()
        await keeping_it_busy

    story(told)


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("UPDATE", {}, ConnectionError()),
        NoneFree("no connection is free"),
        InternalError("UPDATE", {}, IdleInTransactionSessionTimeout()),
    ],
)
def test_one_that_fails_since_the_database_is_away_is_run_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.transactions._TRY_AGAIN_S", 0.01)
    left = [error, error]

    def work() -> str:
        if left:
            raise left.pop()
        return "done"

    async def told() -> None:
        assert await beside(work, End()) == "done"

    story(told)


def test_what_is_wrong_with_the_transaction_itself_is_raised() -> None:
    async def told() -> None:
        with pytest.raises(ZeroDivisionError):
            await beside(lambda: 1 / 0, End())

    story(told)


def test_at_the_end_no_database_is_waited_for() -> None:
    def fail() -> None:
        raise OperationalError("UPDATE", {}, ConnectionError())

    async def told() -> None:
        end, is_over = End(), threading.Event()
        end.come_in(0.05)
        with pytest.raises(GaveUp):
            await beside(lambda: is_over.wait(20), end)
        is_over.set()
        with pytest.raises(GaveUp):
            await beside(fail, end)

    story(told)
