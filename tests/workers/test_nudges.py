"""What a worker does about nudges: none of them keeps others waiting, however many senders there are."""

import asyncio
from collections.abc import Iterator

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AsyncIO

from deploy import ports
from tests import databases
from tests.factories import SENDER

OTHERS = [f"+1212555010{number}" for number in range(1, 4)]


class LongDrains:
    """Senders whose queues never become empty."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    async def drain(self, sender: str) -> int:
        self.begun.append(sender)
        await asyncio.Event().wait()
        return 0


@pytest.fixture
def broker() -> Iterator[StubBroker]:
    broker = StubBroker(middleware=[AsyncIO()])
    yield broker
    broker.close()


@databases.on_sqlite
def test_a_sender_that_is_being_emptied_keeps_no_thread_of_the_worker(
    broker: StubBroker, in_a_worker: pytest.MonkeyPatch
) -> None:
    from workers import sending

    senders = LongDrains()
    in_a_worker.setattr(sending, "senders", senders)
    drain = dramatiq.actor(actor_name="drain", broker=broker)(sending.drain.fn)
    worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=2)
    worker.start()
    try:
        for sender in (SENDER, *OTHERS):
            drain.send(sender)
        assert ports.wait_until(lambda: set(senders.begun) == {SENDER, *OTHERS}, seconds=10)
    finally:
        worker.stop(timeout=500)
