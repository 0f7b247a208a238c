"""A sender that has nothing to do, or little, takes no calls from one that has much."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.channel import Outcome, Outgoing
from tests.factories import SENDER
from tests.workers.test_drain import FakeChannel, FakeLedger, accepted, drain_of
from tests.workers.test_endings import story, until
from tests.workers.test_pacing import GatedChannel
from workers import allotting
from workers.drain import Drain
from workers.sending import Senders

OTHER = "+12125550199"
MANY = 100  # calls in flight, unless the settings say otherwise


@given(st.dictionaries(st.text(), st.integers(1, 200), min_size=1), st.integers(1, 300))
def test_nobody_gets_more_than_they_want_or_less_than_others_who_want_as_much(
    wanted: dict[str, int], total: int
) -> None:
    shared = allotting.shares(wanted, total)
    assert all(1 <= shared[name] <= most for name, most in wanted.items())
    assert sum(shared.values()) <= max(total, len(wanted))
    unsatisfied = [shared[name] for name, most in wanted.items() if shared[name] < most]
    if unsatisfied:
        assert max(shared.values()) <= min(unsatisfied) + 1
        assert sum(shared.values()) >= total - len(wanted)


def test_a_slow_sender_wants_few_calls_and_one_without_a_pace_all() -> None:
    assert [allotting.wanted(rate, at_most=100) for rate in (0.1, 0.25, 1.0, 60.0, 0.0)] == [1, 3, 10, 100, 100]


def test_nothing_is_left_over_that_can_be_shared_evenly() -> None:
    assert allotting.shares({"one": 9, "little": 2, "other": 9}, 12) == {"one": 5, "little": 2, "other": 5}


def test_calls_in_flight_may_become_more_and_fewer() -> None:
    class Counted(FakeChannel):
        async def send(self, outgoing: Outgoing) -> Outcome:
            self.most_flying = self.flying  # since the last one began
            return await super().send(outgoing)

    async def told() -> None:
        ledger, channel = FakeLedger(600), Counted(0.02)
        drain = drain_of(ledger, channel, in_flight=4)
        running = asyncio.create_task(drain.run())
        await until(lambda: channel.flying == 4)
        drain.allow(20)
        await until(lambda: channel.flying == 20)
        drain.allow(2)
        await until(lambda: channel.flying == 2)
        sent = len(channel.sent_at)
        await until(lambda: len(channel.sent_at) > sent + 20)
        assert channel.most_flying <= 2
        drain.allow(20)
        await running
        drain.allow(20)
        assert accepted(ledger) == list(range(600))
        assert channel.flying == 0

    story(told)


def test_who_sends_alone_has_all_calls_and_gives_half_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    async def told() -> None:
        ledgers = {SENDER: FakeLedger(1000), OTHER: FakeLedger(1000)}
        made: dict[str, GatedChannel] = {SENDER: GatedChannel(), OTHER: GatedChannel()}
        senders = Senders()

        def opened(sender: str) -> Drain:
            return drain_of(ledgers[sender], made[sender])

        monkeypatch.setattr(senders, "_open", opened)
        monkeypatch.setattr(allotting, "wanted", lambda rate, at_most: at_most)
        running = [asyncio.create_task(senders.drain(SENDER))]
        await until(lambda: len(made[SENDER].sent_at) == MANY)
        running.append(asyncio.create_task(senders.drain(OTHER)))
        await until(lambda: len(made[OTHER].sent_at) == MANY // 2)
        assert senders._drains[SENDER]._calls.most == MANY // 2
        made[OTHER].gate.set()
        await running[1]
        assert senders._drains[SENDER]._calls.most == MANY
        made[SENDER].gate.set()
        assert await running[0] == 1000

    story(told)
