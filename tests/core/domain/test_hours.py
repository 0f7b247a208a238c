"""Nobody is texted outside the hours that their own clock shows, whatever it does."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain import hours
from core.domain.hours import QuietHours, next_open
from core.errors import Invalid

DEFAULT = QuietHours.parse("09:00-20:00")
NEW_YORK = "America/New_York"
ZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))
ODD = [
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Pacific/Apia",
    "America/St_Johns",
    "Africa/Casablanca",
]
MINUTE = timedelta(minutes=1)

zones = st.sampled_from(ZONES) | st.sampled_from(ODD)
instants = st.integers(0, 8 * 365 * 24 * 3600).map(
    lambda ahead: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=ahead)
)
windows = (
    st.tuples(st.integers(0, 1439), st.integers(1, 1440))
    .filter(lambda span: span[0] < span[1])
    .map(lambda span: QuietHours((hours.Span(*span),) * 7))
)


def is_open(zone: str, at: datetime, window: QuietHours) -> bool:
    """What a person would say who looks at the clock on the wall."""
    local = at.astimezone(ZoneInfo(zone))
    span = window.days[local.weekday()]
    return span.opens <= local.hour * 60 + local.minute < span.closes


@settings(deadline=None)
@given(zones, instants, windows | st.just(DEFAULT))
def test_it_is_open_at_the_answer_and_at_no_minute_before(zone: str, now: datetime, window: QuietHours) -> None:
    found = next_open((zone,), now, window)
    assert found >= now
    assert is_open(zone, found, window)
    minute = now
    while minute < found:
        assert not is_open(zone, minute, window)
        minute += MINUTE
    if found > now:
        assert not is_open(zone, found - timedelta(seconds=1), window)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from([NEW_YORK, "America/Los_Angeles", "America/Chicago", *ODD[:1]]), min_size=1), instants)
def test_several_zones_must_all_be_open_and_stay_so_until_one_closes(places: list[str], now: datetime) -> None:
    try:
        found = next_open(places, now, DEFAULT)
    except Invalid:
        assert "Australia/Lord_Howe" in places
        return
    closes = hours.closes_at(places, found, DEFAULT)
    assert closes is not None
    assert closes > found
    minute = found
    while minute < closes:
        assert all(is_open(zone, minute, DEFAULT) for zone in places)
        minute += MINUTE
    assert not all(is_open(zone, closes, DEFAULT) for zone in places)


def test_every_zone_opens_within_a_day() -> None:
    tuesday = datetime(2026, 11, 24, 3, 7, tzinfo=UTC)
    for zone in ZONES:
        found = next_open((zone,), tuesday, DEFAULT)
        assert found - tuesday < timedelta(days=1)
        assert is_open(zone, found, DEFAULT)


@pytest.mark.parametrize(
    ("zone", "day", "opens"),
    [
        (NEW_YORK, date(2026, 3, 7), "14:00"),  # the day before clocks go forward
        (NEW_YORK, date(2026, 3, 9), "13:00"),
        (NEW_YORK, date(2026, 10, 31), "13:00"),  # the day before they go back
        (NEW_YORK, date(2026, 11, 2), "14:00"),
        ("Australia/Lord_Howe", date(2026, 4, 4), "22:00"),  # by half an hour
        ("Australia/Lord_Howe", date(2026, 4, 6), "22:30"),
        ("Asia/Kathmandu", date(2026, 6, 3), "03:15"),
        ("Europe/London", date(2026, 3, 30), "08:00"),
    ],
)
def test_opening_follows_daylight_saving(zone: str, day: date, opens: str) -> None:
    before = datetime.combine(day, time(), ZoneInfo(zone))
    found = next_open((zone,), before, DEFAULT)
    assert found.strftime("%H:%M") == opens
    assert found.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") == f"{day} 09:00"


def test_an_opening_time_that_is_skipped_is_the_change_itself() -> None:
    window = QuietHours.parse("02:30-20:00;sun=02:30-20:00")
    midnight = datetime(2026, 3, 8, tzinfo=ZoneInfo(NEW_YORK))
    assert next_open((NEW_YORK,), midnight, window) == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    window = QuietHours.parse("01:00-01:30;sun=01:00-01:30")
    first = datetime(2026, 11, 1, 5, 0, tzinfo=UTC)
    assert next_open((NEW_YORK,), first - timedelta(hours=1), window) == first
    assert next_open((NEW_YORK,), first + timedelta(minutes=30), window) == first + timedelta(hours=1)
    assert hours.closes_at((NEW_YORK,), first, window) == first + timedelta(minutes=30)


def test_sunday_starts_at_noon() -> None:
    saturday_night = datetime(2026, 11, 21, 22, 0, tzinfo=ZoneInfo(NEW_YORK))
    assert next_open((NEW_YORK,), saturday_night, DEFAULT) == datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def test_coast_to_coast_waits_for_the_west_and_stops_with_the_east() -> None:
    coasts = (NEW_YORK, "America/Los_Angeles")
    monday = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    opens = next_open(coasts, monday, DEFAULT)
    assert opens == datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    assert hours.closes_at(coasts, opens, DEFAULT) == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def test_of_whom_nothing_is_known_the_whole_mainland_must_be_awake() -> None:
    monday = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    assert next_open((), monday, DEFAULT) == datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


def test_places_that_are_never_open_together_are_refused() -> None:
    with pytest.raises(Invalid, match="never open at the same time"):
        next_open((NEW_YORK, "Asia/Tokyo"), datetime(2026, 11, 23, tzinfo=UTC), QuietHours.parse("09:00-17:00"))


def test_without_quiet_hours_it_is_always_open() -> None:
    now = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    assert QuietHours.parse(" ") == hours.ALWAYS
    assert next_open((NEW_YORK,), now, hours.ALWAYS) == now
    assert hours.closes_at((NEW_YORK,), now, hours.ALWAYS) is None


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("09:00-20:00", "09:00-20:00;sun=12:00-20:00"),
        ("9:00 - 20:00; sun=closed", "09:00-20:00;sun=closed"),
        ("08:00-21:00;sat=10:00-18:00;sun=08:00-21:00", "08:00-21:00;sat=10:00-18:00;sun=08:00-21:00"),
        ("00:00-24:00", "00:00-24:00;sun=00:00-24:00"),
    ],
)
def test_quiet_hours_are_read_and_written_back(text: str, whole: str) -> None:
    assert str(QuietHours.parse(text)) == whole
    assert QuietHours.parse(whole) == QuietHours.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "9-20",
        "20:00-09:00",
        "09:00-24:01",
        "09:60-20:00",
        "09:00-09:00",
        "09:00-20:00;someday=closed",
        "x",
        "closed",
        ";",
    ],
)
def test_quiet_hours_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        QuietHours.parse(text)


def test_a_states_stricter_law_is_kept_and_a_laxer_one_changes_nothing() -> None:
    assert str(hours.stricter(DEFAULT, "RI")) == "09:00-18:00;sat=10:00-17:00;sun=closed"
    assert hours.stricter(DEFAULT, "FL") == hours.stricter(DEFAULT, "ZZ") == hours.stricter(DEFAULT, None) == DEFAULT


def test_a_time_zone_is_read_by_its_name() -> None:
    assert hours.parse_zone(" america/new york ") == NEW_YORK
    with pytest.raises(Invalid, match="Mars/Base"):
        hours.parse_zone("Mars/Base")


def test_a_window_within_the_hour_that_comes_twice_opens_and_closes_twice() -> None:
    window = QuietHours.parse("01:15-01:45;sun=01:15-01:45")
    first = datetime(2026, 11, 1, 5, 15, tzinfo=UTC)
    again = first + timedelta(hours=1)
    assert hours.closes_at((NEW_YORK,), first, window) == first + timedelta(minutes=30)
    assert next_open((NEW_YORK,), first + timedelta(minutes=30), window) == again
    assert hours.closes_at((NEW_YORK,), again, window) == again + timedelta(minutes=30)


def test_who_may_be_texted_on_one_day_of_the_week_waits_for_it() -> None:
    window = QuietHours.parse("closed;mon=09:00-17:00")
    monday_night = datetime(2026, 11, 23, 18, 0, tzinfo=ZoneInfo(NEW_YORK))
    assert next_open((NEW_YORK,), monday_night, window) == datetime(2026, 11, 30, 14, 0, tzinfo=UTC)


def test_of_whom_nothing_is_known_the_first_of_the_mainland_to_sleep_counts() -> None:
    noon = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
    assert hours.closes_at((), noon, DEFAULT) == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def test_a_states_law_holds_for_numbers_issued_there_if_it_is_set_so() -> None:
    heeding = QuietHours(DEFAULT.days, heeds_states=True)
    assert hours.of_region(heeding, "US-RI").days == hours.stricter(DEFAULT, "RI").days != DEFAULT.days
    assert hours.of_region(heeding, "US-NY") == hours.of_region(heeding, "CA-QC") == heeding
    assert hours.of_region(DEFAULT, "US-RI") == DEFAULT
