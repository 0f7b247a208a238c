"""A history is read as a whole: what was undone since counts no more."""

from datetime import timedelta

import pytest

from core.domain import backlog
from core.domain.backlog import Entry
from tests.factories import NOON, phone

SHE = phone(1)
DAY = timedelta(days=1)


def failed(code: int, day: int = 0) -> Entry:
    return Entry(SHE, NOON + day * DAY, "failed", code=code)


def wrote(body: str, day: int = 0) -> Entry:
    return Entry(SHE, NOON + day * DAY, "text", body=body)


def delivered(day: int) -> Entry:
    return Entry(SHE, NOON + day * DAY, "delivered")


@pytest.mark.parametrize(
    ("history", "cause"),
    [
        ([failed(21610)], "opt_out"),
        ([failed(21211)], "hard"),
        ([failed(30007)], None),
        ([failed(30005), failed(30005, 1)], "hard"),
        ([failed(30005), delivered(1), failed(30005, 2)], None),
        ([failed(30003), failed(30003), failed(30003)], None),
        ([failed(30003), failed(30003, 1), failed(30003, 2)], "hard"),
        ([failed(21211), failed(21610, 1)], "opt_out"),
        ([failed(21610), delivered(1)], None),
        ([wrote("please stop texting me")], "opt_out"),
        ([wrote("STOP"), delivered(1)], "opt_out"),
        ([wrote("STOP"), wrote("START", 1)], None),
        ([wrote("START"), wrote("STOP", 1)], "opt_out"),
        ([wrote("STOP"), wrote("START", 1), failed(21211, 2)], "hard"),
        ([wrote("STOP EVENTS")], None),
        ([wrote("can't stop laughing")], None),
        ([], None),
    ],
)
def test_a_history_comes_to_one_verdict(history: list[Entry], cause: str | None) -> None:
    for order in (history, history[::-1]):
        verdict = backlog.judge(order)
        assert (verdict.cause if verdict else None) == cause


def test_a_verdict_counts_the_failures_that_it_took() -> None:
    strikes = [failed(30005), failed(30006), failed(30005, 1)]
    verdict = backlog.judge([*strikes[::2], wrote("hello", 2)])
    assert verdict is not None
    assert (verdict.strikes, verdict.entry) == (2, strikes[2])


def test_what_was_lifted_counts_no_more() -> None:
    assert backlog.judge([failed(21211), wrote("STOP")], lifted_at=NOON + DAY) is None
