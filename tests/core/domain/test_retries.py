"""When a message that is known not to have left is tried again."""

import pytest

from core.domain import retries

KEYS = range(400)


def test_the_first_waits_are_as_set() -> None:
    assert [retries.wait_s(attempt, key=1) for attempt in (1, 2, 3)] == [30, 120, 300]
    assert retries.wait_s(2, key=1, first_s=(1, 2)) == 2


@pytest.mark.parametrize(
    ("attempt", "doubled_s"), [(4, 600), (5, 1200), (6, 2400), (9, 19_200), (10, 21_600), (30, 21_600)]
)
def test_later_ones_double_up_to_six_hours_and_are_spread(attempt: int, doubled_s: float) -> None:
    waits = [retries.wait_s(attempt, key=key) for key in KEYS]
    assert min(waits) >= 0.8 * doubled_s
    assert max(waits) <= 1.2 * doubled_s
    assert min(waits) < 0.85 * doubled_s
    assert max(waits) > 1.15 * doubled_s
    assert abs(sum(waits) / len(waits) - doubled_s) < 0.05 * doubled_s


def test_a_message_always_gets_the_same_wait_and_each_try_another() -> None:
    assert retries.wait_s(5, key=7) == retries.wait_s(5, key=7)
    assert retries.wait_s(10, key=7) != retries.wait_s(11, key=7)
