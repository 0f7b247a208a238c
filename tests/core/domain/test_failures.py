"""Every code has a class; nobody loses their place by our mistake, by chance, or by a code that we don't know."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import failures

codes = st.sampled_from(failures.all_codes())
unknown = st.integers(1, 99999).filter(lambda code: code not in failures.all_codes())
at_create = st.booleans()


@given(codes | unknown | st.just(0), at_create, st.none() | st.sampled_from([400, 401, 404, 429, 500, 503]))
def test_only_opt_outs_and_numbers_that_keep_failing_are_suppressed(
    code: int, at_create: bool, status: int | None
) -> None:
    failure = failures.classify(code, at_create=at_create, http_status=status)
    assert failure.code == code
    assert (failure.suppress is None) == (failure.strikes == 0)
    assert failure.strike_days <= failure.strikes
    assert (failure.cls == "opt_out") == (failure.suppress == "opt_out")
    if failure.cls in ("sender", "content"):
        assert failure.suppress is None
    if failure.suppress:
        assert not failure.stops_blast
    assert failure.title
    assert failure.advice.endswith(".")


@given(codes)
def test_a_code_is_described_in_full(code: int) -> None:
    told = failures.describe(code)
    assert told["code"] == code
    assert told["known"]
    assert told["class"] in ("opt_out", "hard", "soft", "content", "sender")
    assert told["retry"] in ("now", "later", "never")
    assert told["source"].endswith(f"/{code}")
    assert all(told[key] for key in ("title", "advice", "reason", "surface"))


@pytest.mark.parametrize(
    ("code", "cls", "suppress", "strikes", "strike_days"),
    [
        (21610, "opt_out", "opt_out", 1, 1),
        (30004, "hard", "hard", 1, 1),
        (21211, "hard", "hard", 1, 1),
        (21614, "hard", "hard", 1, 1),
        (21635, "hard", "hard", 1, 1),
        (30006, "hard", "hard", 1, 1),
        (30005, "hard", "hard", 2, 1),
        (30003, "soft", "hard", 3, 3),
        (30007, "content", None, 0, 0),
        (20429, "soft", None, 0, 0),
    ],
)
@pytest.mark.parametrize("at_create", [True, False])
def test_the_codes_that_matter_most(
    code: int, cls: str, suppress: str | None, strikes: int, strike_days: int, at_create: bool
) -> None:
    failure = failures.classify(code, at_create=at_create)
    assert (failure.cls, failure.suppress, failure.strikes, failure.strike_days) == (
        cls,
        suppress,
        strikes,
        strike_days,
    )
    assert not failure.stops_blast


@pytest.mark.parametrize("code", [20003, 21606, 21408, 30002, 30024, 30032, 30033, 30034, 30035, 30037])
@pytest.mark.parametrize("at_create", [True, False])
def test_our_own_set_up_stops_the_blast_and_touches_no_recipient(code: int, at_create: bool) -> None:
    failure = failures.classify(code, at_create=at_create)
    assert (failure.cls, failure.suppress, failure.stops_blast) == ("sender", None, True)


@given(unknown, st.integers(400, 499).filter(lambda status: status != 429))
def test_an_unknown_refusal_pauses_the_blast_and_loses_nobody(code: int, status: int) -> None:
    failure = failures.classify(code, at_create=True, http_status=status)
    assert (failure.cls, failure.retry, failure.suppress, failure.stops_blast) == ("sender", "later", None, True)


@given(unknown | st.just(0))
def test_an_unknown_code_in_a_receipt_is_chance(code: int) -> None:
    failure = failures.classify(code, at_create=False)
    assert (failure.cls, failure.retry, failure.suppress, failure.stops_blast) == ("soft", "never", None, False)


@given(codes | unknown | st.just(0))
def test_too_many_requests_are_always_tried_again(code: int) -> None:
    assert failures.classify(code, at_create=True, http_status=429).retry == "now"


def test_no_connection_is_tried_again_and_a_server_error_is_not() -> None:
    assert failures.classify(0, at_create=True).retry == "now"
    assert failures.classify(20500, at_create=True, http_status=500).retry == "never"
    assert failures.classify(0, at_create=True, http_status=502).retry == "never"


@pytest.mark.parametrize("code", [30008, 30046, 30410, 30007, 21610])
def test_what_may_have_arrived_or_must_not_is_never_sent_again_by_itself(code: int) -> None:
    assert failures.classify(code, at_create=False).retry == "never"


@pytest.mark.parametrize(
    ("filtered", "of", "pauses"), [(9, 9, False), (10, 10, True), (10, 200, True), (10, 500, True), (10, 501, False)]
)
def test_a_blast_pauses_when_too_many_copies_are_filtered(filtered: int, of: int, pauses: bool) -> None:
    assert failures.too_many_filtered(filtered, of=of) is pauses


@given(at_create, st.sampled_from([400, 429, 500]))
def test_a_text_that_nobody_can_send_ends_alone(at_create: bool, status: int) -> None:
    failure = failures.classify(failures.UNSENDABLE, at_create=at_create, http_status=status)
    assert (failure.retry, failure.suppress, failure.stops_blast) == ("never", None, False)
    assert failures.describe(failures.UNSENDABLE)["title"] == failure.title
