"""Many are written together; each is answered when its own batch is, and one that can't be saved spoils no other."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from sqlalchemy.exc import OperationalError

from tests.webhooks.conftest import run
from webhooks.batching import Batcher, Full, NotWritten


class Book:
    """Where batches are written; it can be held shut, refuse a poisoned item, or be away."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_write = threading.Event()
        self.may_write.set()
        self.is_away = False
        self.poison = -1

    @property
    def written(self) -> list[int]:
        return sorted(item for batch in self.batches for item in batch)

    def write(self, items: Sequence[int]) -> None:
        assert self.may_write.wait(10)
        if self.is_away:
            raise OperationalError("INSERT", {}, ConnectionError("away"))
        if self.poison in items:
            raise ValueError("poison")
        self.batches.append(list(items))


async def answers(batcher: Batcher[int], items: Sequence[int]) -> list[BaseException | None]:
    return await asyncio.gather(*(batcher.put(item) for item in items), return_exceptions=True)


def test_what_comes_together_is_written_together() -> None:
    book = Book()

    async def story() -> None:
        batcher = Batcher(book.write, linger_s=0.01)
        batcher.start()
        assert await answers(batcher, range(100)) == [None] * 100
        await batcher.stop()

    run(story())
    assert book.batches == [list(range(100))]


def test_once_enough_have_come_the_writer_waits_for_no_more() -> None:
    book = Book()

    async def story() -> None:
        batcher = Batcher(book.write, linger_s=3600, enough=10)
        batcher.start()
        async with asyncio.timeout(10):
            assert await answers(batcher, range(10)) == [None] * 10
            assert await answers(batcher, range(10, 25)) == [None] * 15
        await batcher.stop()

    run(story())
    assert book.batches == [list(range(10)), list(range(10, 25))]


def test_fewer_are_written_when_no_more_have_come_for_a_while() -> None:
    book = Book()

    async def story() -> None:
        batcher = Batcher(book.write, linger_s=0.001, enough=10)
        batcher.start()
        async with asyncio.timeout(10):
            assert await answers(batcher, range(9)) == [None] * 9
        await batcher.stop()

    run(story())
    assert book.written == list(range(9))


def test_a_batch_has_a_limit() -> None:
    book = Book()

    async def story() -> None:
        batcher = Batcher(book.write, most=30)
        batcher.start()
        await answers(batcher, range(100))
        await batcher.stop()

    run(story())
    assert [len(batch) for batch in book.batches] == [30, 30, 30, 10]


def test_one_poisoned_item_spoils_no_other() -> None:
    book = Book()
    book.poison = 42

    async def story() -> list[BaseException | None]:
        batcher = Batcher(book.write)
        batcher.start()
        found = await answers(batcher, range(100))
        await batcher.stop()
        return found

    found = run(story())
    assert isinstance(found.pop(42), NotWritten)
    assert found == [None] * 99
    assert book.written == [item for item in range(100) if item != 42]


def test_when_the_database_is_away_each_is_told_and_later_ones_are_written() -> None:
    book = Book()

    async def story() -> None:
        batcher = Batcher(book.write)
        batcher.start()
        book.is_away = True
        assert all(isinstance(found, NotWritten) for found in await answers(batcher, range(20)))
        book.is_away = False
        assert await answers(batcher, [7]) == [None]
        await batcher.stop()

    run(story())
    assert book.written == [7]


def test_what_waits_has_a_bound() -> None:
    book = Book()

    async def story() -> None:
        batcher = Batcher(book.write, most=5, room=10)
        batcher.start()
        book.may_write.clear()
        waiting = [asyncio.create_task(batcher.put(item)) for item in range(10)]
        await asyncio.sleep(0)
        with pytest.raises(Full):
            await batcher.put(99)
        book.may_write.set()
        await asyncio.gather(*waiting)
        await batcher.stop()

    run(story())
    assert book.written == list(range(10))


def test_stopping_writes_what_waits_even_for_those_who_hung_up() -> None:
    book = Book()

    async def story() -> None:
        batcher = Batcher(book.write, linger_s=30)
        batcher.start()
        waiting = [asyncio.create_task(batcher.put(item)) for item in range(10)]
        await asyncio.sleep(0)
        waiting[3].cancel()
        async with asyncio.timeout(10):
            await batcher.stop()
        with pytest.raises(Full):
            await batcher.put(99)
        await asyncio.gather(*waiting, return_exceptions=True)

    run(story())
    assert book.written == list(range(10))


def test_what_goes_first_is_waited_for_before_each_batch() -> None:
    book = Book()

    async def story() -> None:
        may_go_on = asyncio.Event()
        batcher = Batcher(book.write, give_way=may_go_on.wait, enough=1, most=10)
        batcher.start()
        waiting = [asyncio.create_task(batcher.put(item)) for item in range(20)]
        done, _ = await asyncio.wait(waiting, timeout=0.05)
        assert not done
        may_go_on.set()
        await asyncio.gather(*waiting)
        await batcher.stop()

    run(story())
    assert book.written == list(range(20))
