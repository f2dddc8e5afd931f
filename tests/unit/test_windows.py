"""Windows: half-open, in UTC, cut on the wall clock, and picked by one rule."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitoring_jobs.errors import EmptyWindow
from monitoring_jobs.schedules import Schedule
from monitoring_jobs.windows import (
    Duration,
    Request,
    Window,
    as_utc,
    last_complete,
    preceding,
    previous,
    resolve,
    utc_text,
    windows_between,
)

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
SCHEDULES = ("@hourly", "@daily", "@weekly", "@monthly", "*/15 * * * *", "30 6 * * *", "0 6 * * 1")

schedules = st.builds(Schedule.parse, st.sampled_from(SCHEDULES), st.sampled_from(ZONES))
instants = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_window_contains_its_start_and_not_its_end() -> None:
    window = Window(at("2026-11-20T00:00Z"), at("2026-11-21T00:00Z"))
    assert window.start in window
    assert window.end - timedelta(microseconds=1) in window
    assert window.end not in window


def test_window_is_stored_in_utc() -> None:
    window = Window(at("2026-11-20T00:00+01:00"), at("2026-11-21T00:00+01:00"))
    assert str(window) == "2026-11-19T23:00:00Z/2026-11-20T23:00:00Z"


def test_f19_naive_instants_are_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Window(datetime(2026, 11, 20), datetime(2026, 11, 21))


@pytest.mark.parametrize("end", ["2026-11-20T00:00Z", "2026-11-19T00:00Z"])
def test_f21_window_without_time_is_refused(end: str) -> None:
    with pytest.raises(EmptyWindow, match="give a start before the end"):
        Window(at("2026-11-20T00:00Z"), at(end))


@given(instants, st.integers(-840, 840))
def test_utc_text_reads_back(instant: datetime, offset: int) -> None:
    elsewhere = instant.astimezone(timezone(timedelta(minutes=offset)))
    assert as_utc(datetime.fromisoformat(utc_text(elsewhere))) == instant


# --- durations ------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["", "1", "d", "-1d", "1.5h", "1y", "1d2h"])
def test_duration_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write 30m, 2h, 1d or 1w"):
        Duration.parse(text)


@pytest.mark.parametrize("text", ["999999w", "999999d", "999999h", "522w", "3654d"])
def test_f21_a_duration_longer_than_ten_years_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="longer than ten years"):
        Duration.parse(text)


@given(st.integers(0, 521), st.sampled_from("smhdw"))
def test_duration_reads_back(count: int, unit: str) -> None:
    assert Duration.parse(str(Duration(count, unit))) == Duration(count, unit)


def test_f20_a_day_of_changing_clocks_has_23_or_25_hours() -> None:
    berlin, day = ZoneInfo("Europe/Berlin"), Duration.parse("1d")
    spring = datetime(2026, 3, 29, tzinfo=berlin)
    autumn = datetime(2026, 10, 25, tzinfo=berlin)
    assert day.after(spring, berlin) - as_utc(spring) == timedelta(hours=23)
    assert day.after(autumn, berlin) - as_utc(autumn) == timedelta(hours=25)


@given(instants, st.sampled_from(ZONES), st.integers(1, 40), st.sampled_from("dw"))
def test_days_keep_the_time_of_day(instant: datetime, zone: str, count: int, unit: str) -> None:
    place = ZoneInfo(zone)
    local = instant.astimezone(place)
    later = Duration(count, unit).after(instant, place).astimezone(place)
    wanted = local.replace(tzinfo=None) + Duration(count, unit).nominal
    skipped = wanted.replace(tzinfo=place).astimezone(UTC).astimezone(place)
    assume(skipped.replace(tzinfo=None) == wanted)
    assert later.replace(tzinfo=None) == wanted


# --- adjacent windows partition time --------------------------------------------------------------
@given(schedules, instants, st.integers(1, 12))
def test_f25_adjacent_windows_neither_overlap_nor_leave_a_gap(
    schedule: Schedule, start: datetime, periods: int
) -> None:
    boundary = start
    for _ in range(periods):
        boundary = schedule.following(boundary)
    found = list(windows_between(start, boundary, schedule))
    assert len(found) == periods
    assert found[0].start <= start < found[0].end
    assert found[-1].end == boundary
    assert all(left.end == right.start for left, right in itertools.pairwise(found))


@given(schedules, instants, st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
def test_f25_every_row_falls_into_exactly_one_window(
    schedule: Schedule, start: datetime, offsets: list[int]
) -> None:
    end = start
    for _ in range(5):
        end = schedule.following(end)
    found = list(windows_between(start, end, schedule))
    span = (found[-1].end - found[0].start) // timedelta(microseconds=1)
    rows = [found[0].start + timedelta(microseconds=n % span) for n in offsets]
    rows += [window.start for window in found]
    assert all(sum(row in window for window in found) == 1 for row in rows)


@given(schedules, instants)
def test_the_previous_window_ends_where_the_next_begins(
    schedule: Schedule, instant: datetime
) -> None:
    window = last_complete(instant, schedule)
    before = previous(window, schedule)
    assert before.end == window.start
    assert schedule.following(before.start) == before.end


def test_windows_by_a_step_start_where_they_are_told_to() -> None:
    found = windows_between(
        at("2026-03-28T00:00+01:00"),
        at("2026-03-31T00:00+02:00"),
        Schedule.parse("@hourly", "Europe/Berlin"),
        every=Duration.parse("1d"),
    )
    assert [window.hours for window in found] == [24, 23, 24]


def test_f20_a_step_into_a_skipped_hour_shifts_no_later_window() -> None:
    found = windows_between(
        at("2026-03-28T02:30+01:00"),
        at("2026-03-31T02:30+02:00"),
        Schedule.parse("@daily", "Europe/Berlin"),
        every=Duration.parse("1d"),
    )
    assert [utc_text(window.end) for window in found] == [
        "2026-03-29T01:30:00Z",
        "2026-03-30T00:30:00Z",
        "2026-03-31T00:30:00Z",
    ]


def test_longer_windows_end_at_every_period() -> None:
    found = list(
        windows_between(
            at("2026-11-20T00:00Z"),
            at("2026-11-22T00:00Z"),
            Schedule.parse("@daily"),
            length=Duration.parse("7d"),
        )
    )
    assert [str(window) for window in found] == [
        "2026-11-14T00:00:00Z/2026-11-21T00:00:00Z",
        "2026-11-15T00:00:00Z/2026-11-22T00:00:00Z",
    ]


# --- the rule that picks a window -----------------------------------------------------------------
DAILY = Schedule.parse("@daily")
PARAMS = {"start": at("2026-01-01T00:00Z"), "end": at("2026-01-02T00:00Z")}
PARTITION = {"partition": at("2026-02-01T00:00Z")}
INTERVAL = {"interval": (at("2026-03-01T00:00Z"), at("2026-03-02T00:00Z"))}
RUN_AFTER = {"run_after": at("2026-04-02T05:00Z")}


@pytest.mark.parametrize(
    ("request_", "start"),
    [
        (PARAMS | PARTITION | INTERVAL | RUN_AFTER, "2026-01-01T00:00:00Z"),
        (PARTITION | INTERVAL | RUN_AFTER, "2026-02-01T00:00:00Z"),
        (INTERVAL | RUN_AFTER, "2026-03-01T00:00:00Z"),
        (RUN_AFTER, "2026-04-01T00:00:00Z"),
    ],
)
def test_f22_params_then_partition_then_interval_then_last_complete_period(
    request_: dict[str, datetime], start: str
) -> None:
    window = resolve(Request(**request_), DAILY)
    assert utc_text(window.start) == start
    assert window.hours == 24


def test_f21_an_empty_data_interval_is_no_window() -> None:
    noon = at("2026-04-02T12:00Z")
    window = resolve(Request(interval=(noon, noon), run_after=noon), DAILY)
    assert str(window) == "2026-04-01T00:00:00Z/2026-04-02T00:00:00Z"


def test_f21_params_out_of_order_are_refused() -> None:
    with pytest.raises(EmptyWindow):
        resolve(Request(start=PARAMS["end"], end=PARAMS["start"]), DAILY)


@pytest.mark.parametrize("only", ["start", "end"])
def test_f21_one_end_alone_is_refused(only: str) -> None:
    with pytest.raises(EmptyWindow, match="give start and end"):
        resolve(Request(**{only: PARAMS[only]}), DAILY)


def test_f22_a_run_that_knows_nothing_is_refused() -> None:
    with pytest.raises(EmptyWindow, match="names no window"):
        resolve(Request(), DAILY)


def test_a_longer_window_ends_with_the_interval() -> None:
    window = resolve(Request(**INTERVAL), DAILY, length=Duration.parse("7d"))
    assert str(window) == "2026-02-23T00:00:00Z/2026-03-02T00:00:00Z"


@given(schedules, instants, st.integers(0, 48))
def test_delay_leaves_time_for_late_rows(schedule: Schedule, now: datetime, hours: int) -> None:
    delay = Duration(hours, "h")
    window = last_complete(now, schedule, delay=delay)
    assert window.end + delay.nominal <= now
    assert schedule.following(window.end) + delay.nominal > now


@given(schedules, instants)
def test_the_last_complete_window_never_reaches_beyond_now(
    schedule: Schedule, now: datetime
) -> None:
    window = resolve(Request(run_after=now), schedule)
    assert window.end <= now


@given(schedules, instants, st.integers(1, 12))
def test_windows_one_before_the_other_are_those_of_the_range(
    schedule: Schedule, now: datetime, number: int
) -> None:
    windows = [last_complete(now, schedule)]
    for _ in range(number):
        windows.append(preceding(windows[-1], schedule))
    oldest, newest = windows[-1], windows[0]
    assert windows[::-1] == list(windows_between(oldest.start, newest.end, schedule))


def test_the_window_before_a_longer_one_ends_a_period_earlier() -> None:
    week = Duration.parse("7d")
    window = preceding(resolve(Request(**INTERVAL), DAILY, length=week), DAILY, week)
    assert str(window) == "2026-02-22T00:00:00Z/2026-03-01T00:00:00Z"
