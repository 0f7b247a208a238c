"""When people may be texted: inside the window of every place where they may be, by their own clocks."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from core.domain import tables
from core.errors import Invalid

# Where somebody is of whom we know nothing: be considerate of all of it.
MAINLAND = ("America/Chicago", "America/Denver", "America/Los_Angeles", "America/New_York")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SUNDAY = 6
_SUNDAY_STARTS = 12 * 60
_RANGE = re.compile(r"(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)").fullmatch
_HORIZON = timedelta(days=9)  # a week holds every pattern; the rest is for zones far from ours


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a day, in minutes after midnight: from `opens` up to, not including, `closes`."""

    opens: int
    closes: int

    def holds(self, minute: float) -> bool:
        return self.opens <= minute < self.closes

    def within(self, other: "Span") -> "Span":
        opens, closes = max(self.opens, other.opens), min(self.closes, other.closes)
        return Span(opens, closes) if opens < closes else CLOSED

    def __str__(self) -> str:
        if self == CLOSED:
            return "closed"
        return f"{self.opens // 60:02}:{self.opens % 60:02}-{self.closes // 60:02}:{self.closes % 60:02}"


CLOSED = Span(0, 0)
ALL_DAY = Span(0, 24 * 60)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The hours of each weekday, Monday first, in which people may be texted; all others are quiet.

    `heeds_states`: where a state's law is stricter, its hours hold for numbers that were issued there.
    """

    days: tuple[Span, ...]
    heeds_states: bool = False

    @classmethod
    def parse(cls, text: str) -> "QuietHours":
        """Read "09:00-20:00", "09:00-20:00;sat=10:00-18:00;sun=closed"; nothing means that there are no quiet hours.

        Sunday starts at noon unless it is given, or the range is the whole day.

        Raises:
            Invalid: it isn't of that form.
        """
        if not text.strip():
            return ALWAYS
        every, *exceptions = (part.strip() for part in text.lower().rstrip("; ").split(";"))
        span = _span(every)
        days = [span] * 7
        if span != ALL_DAY:
            days[_SUNDAY] = span.within(Span(_SUNDAY_STARTS, ALL_DAY.closes))
        for exception in exceptions:
            day, _, spoken = exception.partition("=")
            if day.strip() not in _DAYS:
                raise Invalid(
                    f"“{day.strip()}” isn't a day in the quiet hours. Use mon, tue, wed, thu, fri, sat or sun."
                )
            days[_DAYS.index(day.strip())] = _span(spoken.strip())
        if set(days) == {CLOSED}:
            raise Invalid("These quiet hours are closed on every day: nothing could ever be sent. Open one.")
        return cls(tuple(days))

    def within(self, other: "QuietHours") -> "QuietHours":
        """Keep to both."""
        return QuietHours(tuple(ours.within(theirs) for ours, theirs in zip(self.days, other.days, strict=True)))

    def open_at(self, local: datetime) -> bool:
        """Tell whether people whose clocks show `local` may be texted."""
        return self.days[local.weekday()].holds(local.hour * 60 + local.minute)

    def __str__(self) -> str:
        """Write it as `parse` reads it."""
        first, *others = map(str, self.days)
        given = (f"{day}={span}" for day, span in zip(_DAYS[1:], others, strict=True) if span != first or day == "sun")
        return ";".join((first, *given))


ALWAYS = QuietHours((ALL_DAY,) * 7)


def next_open(zones: Sequence[str], now: datetime, window: QuietHours) -> datetime:
    """Find the first instant, not before `now`, at which it is open in every one of `zones`; in UTC.

    With no zones, people may be anywhere on the US mainland.

    Raises:
        Invalid: there is none, because these places are never open at the same time.
    """
    found = _next_open(tuple(zones) or MAINLAND, now.astimezone(UTC), window)
    if found is None:
        raise Invalid("This number's time zones are never open at the same time. Give the contact a time zone.")
    return found


def closes_at(zones: Sequence[str], at: datetime, window: QuietHours) -> datetime | None:
    """Find the first instant, not before `at`, at which it is closed in one of `zones`; None if it stays open."""
    return _closes_at(tuple(zones) or MAINLAND, at.astimezone(UTC), window)


def stricter(window: QuietHours, state: str | None) -> QuietHours:
    """Keep to the hours of a US state too ("FL"), where its law is stricter than ours."""
    rule = _STATES.get(state or "")
    return window.within(rule) if rule else window


def of_region(window: QuietHours, region: str) -> QuietHours:
    """Return the hours for somebody whose number was issued in a region ("US-FL")."""
    return stricter(window, region.removeprefix("US-")) if window.heeds_states else window


def parse_zone(text: str) -> str:
    """Read the name of a time zone.

    Raises:
        Invalid: there is none of that name.
    """
    spoken = text.strip().replace(" ", "_").lower()
    if spoken not in _zone_names():
        raise Invalid(f"There is no time zone “{text.strip()[:40]}”. Write it like America/New_York.")
    return _zone_names()[spoken]


@lru_cache(maxsize=4096)
def _next_open(zones: tuple[str, ...], now: datetime, window: QuietHours) -> datetime | None:
    return next((at for at in _turns(zones, now, window) if _is_open(zones, at, window)), None)


@lru_cache(maxsize=4096)
def _closes_at(zones: tuple[str, ...], at: datetime, window: QuietHours) -> datetime | None:
    return next((turn for turn in _turns(zones, at, window) if not _is_open(zones, turn, window)), None)


def _is_open(zones: tuple[str, ...], at: datetime, window: QuietHours) -> bool:
    return all(window.open_at(at.astimezone(ZoneInfo(zone))) for zone in zones)


def _turns(zones: tuple[str, ...], start: datetime, window: QuietHours) -> Iterator[datetime]:
    """Give `start` and then, in order, every instant at which it may open or close somewhere."""
    yield start
    for day in (start + timedelta(days=ahead) for ahead in range(_HORIZON.days)):
        instants = {turn for zone in zones for turn in _turns_of_day(zone, day.date(), window)}
        yield from sorted(at for at in instants if at > start)


@lru_cache(maxsize=16384)
def _turns_of_day(zone: str, day: date, window: QuietHours) -> tuple[datetime, ...]:
    """Give the instants of a day of UTC at which a zone's clock shows an opening or closing time, or is changed."""
    here = ZoneInfo(zone)
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    found = set(_changes(here, start, end))
    for local_day in {(start + timedelta(hours=hours)).astimezone(here).date() for hours in (0, 24)}:
        span = window.days[local_day.weekday()]
        for minutes in {0, span.opens, span.closes}:
            found.update(_instants(here, local_day, minutes))
    return tuple(at for at in sorted(found) if start <= at < end)


def _instants(here: ZoneInfo, day: date, minutes: int) -> Iterator[datetime]:
    """Give the one or two instants at which clocks show this time; when it is skipped, the change itself covers it."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    for fold in (0, 1):
        yield wall.replace(fold=fold, tzinfo=here).astimezone(UTC)


def _changes(here: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Find by halving when, after `start`, clocks are changed (to the second; two changes within a day don't occur)."""
    if _offset(here, start) == _offset(here, end):
        return
    before, after = start, end
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        before, after = (middle, after) if _offset(here, middle) == _offset(here, start) else (before, middle)
    yield after


def _offset(here: ZoneInfo, at: datetime) -> timedelta | None:
    return at.astimezone(here).utcoffset()


def _span(text: str) -> Span:
    if text == "closed":
        return CLOSED
    found = _RANGE(text)
    hours = [int(part) for part in found.groups()] if found else [99, 0, 0, 0]
    span = Span(hours[0] * 60 + hours[1], hours[2] * 60 + hours[3])
    if max(hours[1], hours[3]) > 59 or not 0 <= span.opens < span.closes <= ALL_DAY.closes:
        raise Invalid(
            f"“{text}” isn't a range of hours in which people may be texted. Write it like 09:00-20:00, within one day."
        )
    return span


@lru_cache(maxsize=1)
def _zone_names() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones() if "/" in name or name == "UTC"}


_STATES = {state: QuietHours.parse(rule["hours"]) for state, rule in tables.load("quiet_states")["states"].items()}
