"""Reports settle a delivery the same way in whatever order they come, and however often."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.lifecycles import DeliveryStatus
from core.domain.receipts import REPORTS, Incoming, Standing, settle

CLAIMED = Standing(DeliveryStatus.CLAIMED)
reports = st.builds(
    Incoming,
    provider_sid=st.just("SM1"),
    status=st.sampled_from([*REPORTS, "teleported", ""]),
    error_code=st.sampled_from([0, 30003, 30005, 99999]),
)


def after(start: Standing, told: Iterable[Incoming]) -> Standing:
    standing = start
    for report in told:
        standing = settle(standing, report) or standing
    return standing


def standing_after(*statuses: str) -> Standing:
    return after(CLAIMED, [Incoming("SM1", status) for status in statuses])


@given(st.lists(reports, max_size=8).flatmap(lambda told: st.tuples(st.just(told), st.permutations(told))))
def test_the_outcome_does_not_depend_on_order_or_repetition(
    orders: tuple[Sequence[Incoming], Sequence[Incoming]],
) -> None:
    once, shuffled = orders
    assert after(CLAIMED, once) == after(CLAIMED, [*shuffled, *once])


@given(st.lists(reports, max_size=8))
def test_the_rank_never_falls(told: list[Incoming]) -> None:
    standing = CLAIMED
    for report in told:
        reached = settle(standing, report) or standing
        assert reached.rank >= standing.rank
        standing = reached


@pytest.mark.parametrize("open_status", [DeliveryStatus.PENDING, DeliveryStatus.CLAIMED, DeliveryStatus.UNKNOWN])
def test_any_known_report_settles_what_may_have_left(open_status: DeliveryStatus) -> None:
    assert settle(Standing(open_status), Incoming("SM1", "queued")) == Standing(DeliveryStatus.ACCEPTED, 1)


def test_a_late_sent_does_not_undo_delivered() -> None:
    assert standing_after("delivered", "sent", "queued").status is DeliveryStatus.DELIVERED


def test_delivered_stands_against_a_temporary_failure() -> None:
    assert standing_after("undelivered", "delivered") == standing_after("delivered", "undelivered")
    assert standing_after("undelivered", "delivered").status is DeliveryStatus.DELIVERED


def test_what_was_delivered_has_no_error() -> None:
    told = [Incoming("SM1", "undelivered", 30003), Incoming("SM1", "delivered", 30003)]
    assert after(CLAIMED, told).error_code == 0


def test_a_failure_that_names_its_code_says_more_than_one_that_does_not() -> None:
    told = [Incoming("SM1", "undelivered", 30005), Incoming("SM1", "undelivered")]
    assert after(CLAIMED, told).error_code == 30005


@pytest.mark.parametrize(
    "status", [DeliveryStatus.SKIPPED, DeliveryStatus.CANCELLED, DeliveryStatus.EXPIRED, DeliveryStatus.REFUSED]
)
def test_what_was_settled_otherwise_stays(status: DeliveryStatus) -> None:
    assert settle(Standing(status), Incoming("SM1", "delivered")) is None
