"""When a carrier's day ends, and how caps are written."""

from datetime import UTC, datetime, timedelta

import pytest

from core.domain import caps
from core.errors import Invalid


@pytest.mark.parametrize(
    ("now", "midnight"),
    [
        (datetime(2026, 6, 3, 12, tzinfo=UTC), datetime(2026, 6, 4, 7, tzinfo=UTC)),
        (datetime(2026, 6, 4, 6, 59, tzinfo=UTC), datetime(2026, 6, 4, 7, tzinfo=UTC)),
        (datetime(2026, 6, 4, 7, tzinfo=UTC), datetime(2026, 6, 5, 7, tzinfo=UTC)),
        (datetime(2026, 10, 31, 12, tzinfo=UTC), datetime(2026, 11, 1, 7, tzinfo=UTC)),  # clocks change that Sunday
        (datetime(2026, 11, 1, 12, tzinfo=UTC), datetime(2026, 11, 2, 8, tzinfo=UTC)),
    ],
)
def test_a_day_ends_at_midnight_of_its_zone(now: datetime, midnight: datetime) -> None:
    assert caps.next_midnight("America/Los_Angeles", now) == midnight


def test_frequency_caps_are_read_by_channel() -> None:
    assert caps.parse("sms=2, email=7") == {"sms": timedelta(days=2), "email": timedelta(days=7)}
    assert caps.parse("") == {}


@pytest.mark.parametrize("text", ["sms", "sms=0", "fax=2", "sms=two", "sms=-1"])
def test_what_is_no_cap_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        caps.parse(text)
