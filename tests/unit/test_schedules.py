"""Schedules: periods across changes of the clocks, held against Airflow's own timetable."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.schedules import PRESETS, Schedule, cron_expression
from monitoring_jobs.windows import utc_text

ORACLE = """
import json, sys
import pendulum
from airflow.timetables.interval import CronDataIntervalTimetable

answers = []
for cron, zone, start, periods in json.load(sys.stdin):
    timetable = CronDataIntervalTimetable(cron, timezone=pendulum.timezone(zone))
    boundary, found = pendulum.parse(start), []
    for _ in range(periods):
        boundary = timetable._get_next(boundary)
        found.append(int(boundary.timestamp()))
    answers.append(found)
json.dump(answers, sys.stdout)
"""


@pytest.mark.parametrize(
    "schedule", ["", "@never", "* * * *", "* * * * * *", "61 * * * *", "daily"]
)
def test_f62_what_is_no_schedule_is_refused_with_the_known_presets(schedule: str) -> None:
    with pytest.raises(ValueError, match="neither a cron of five fields nor one of @hourly"):
        cron_expression(schedule)


def test_f62_a_schedule_that_never_comes_is_refused() -> None:
    with pytest.raises(ValueError, match="never comes"):
        cron_expression("0 0 30 2 *")


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_crons(preset: str) -> None:
    assert cron_expression(f" {preset} ") == PRESETS[preset]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("UTC", "2026-03-29", 24),
    ],
)
def test_f20_a_local_day_is_as_long_as_its_clocks_say(zone: str, day: str, hours: float) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    schedule = Schedule.parse("@daily", zone)
    end = schedule.following(midnight)
    assert end - midnight.astimezone(UTC) == timedelta(hours=hours)
    assert schedule.at_or_before(end - timedelta(seconds=1)) == midnight.astimezone(UTC)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_f20_hourly_periods_neither_skip_nor_repeat_an_hour(day: str, hours: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    midnight = datetime.fromisoformat(day).replace(tzinfo=berlin)
    end = (midnight + timedelta(days=1)).astimezone(UTC)
    schedule = Schedule.parse("@hourly", "Europe/Berlin")
    boundary, found = midnight.astimezone(UTC), []
    while boundary < end:
        boundary = schedule.following(boundary)
        found.append(boundary)
    assert len(found) == hours
    assert all(b - a == timedelta(hours=1) for a, b in itertools.pairwise(found))


def test_f20_a_skipped_time_of_day_happens_at_the_change() -> None:
    schedule = Schedule.parse("30 2 * * *", "Europe/Berlin")
    boundary = schedule.following(datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert utc_text(boundary) == "2026-03-29T01:30:00Z"


@pytest.mark.parametrize("schedule", ["R R * * *", "0 r(1-3) * * *", "H H * * *", "0 h/2 * * *"])
def test_f20_a_schedule_that_differs_at_every_reading_is_refused(schedule: str) -> None:
    with pytest.raises(ValueError, match="random; write numbers"):
        cron_expression(schedule)


def test_names_with_the_letters_of_random_fields_are_none() -> None:
    assert cron_expression("0 0 * MAR-APR THU,FRI") == "0 0 * MAR-APR THU,FRI"


def test_f20_of_skipped_times_only_the_first_counts() -> None:
    schedule = Schedule.parse("*/15 2 * * *", "Europe/Berlin")
    first = schedule.following(datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert utc_text(first) == "2026-03-29T01:00:00Z"
    assert utc_text(schedule.following(first)) == "2026-03-30T00:00:00Z"
    assert schedule.at_or_before(datetime(2026, 3, 29, 23, tzinfo=UTC)) == first


@pytest.mark.parametrize("cron", ["30 2 * * *", "30 2,14 * * *"])
def test_f20_a_repeated_time_of_day_happens_once(cron: str) -> None:
    schedule = Schedule.parse(cron, "Europe/Berlin")
    first = schedule.following(datetime(2026, 10, 24, 13, tzinfo=UTC))
    assert utc_text(first) == "2026-10-25T01:30:00Z"
    if "14" in cron:
        first = schedule.following(first)
        assert utc_text(first) == "2026-10-25T13:30:00Z"
    assert utc_text(schedule.following(first)) == "2026-10-26T01:30:00Z"


@given(
    st.sampled_from(["@hourly", "@daily", "@weekly", "*/7 * * * *", "15 2 * * *", "*/9 1-3 * * *"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_boundaries_before_and_after_agree(cron: str, zone: str, instant: datetime) -> None:
    schedule = Schedule.parse(cron, zone)
    after = schedule.following(instant)
    before = schedule.at_or_before(instant)
    assert before <= instant < after
    assert schedule.at_or_before(before) == before
    assert schedule.following(before) == after
    assert schedule.at_or_before(after) == after


def test_periods_are_those_of_airflows_timetable(tmp_path: Path) -> None:
    """Airflow and the monitors must agree about the period that a run stands for."""
    cases = [
        (cron, zone, start, periods)
        for cron, periods in (("0 0 * * *", 400), ("0 6 * * 1", 60), ("30 4 * * *", 60))
        for zone in ("UTC", "Europe/Berlin")
        for start in ("2026-01-01T11:07:00Z",)
    ] + [
        ("0 * * * *", zone, start, 72)
        for zone in ("UTC", "Europe/Berlin")
        for start in ("2026-03-28T00:30:00Z", "2026-10-24T00:30:00Z", "2026-06-01T00:00:00Z")
    ]
    cases += [
        (cron, "Europe/Berlin", start, 12)
        for cron in (
            *("30 2 * * *", "30 2,14 * * *", "0 6-8 * * *", "*/15 2 * * *"),
            *("0,30 1-3 * * *", "0 */2 * * *", "0 */3 * * *", "15 0-23 * * *"),
        )
        for start in ("2026-03-28T13:30:00Z", "2026-10-24T13:30:00Z")
    ]
    # In a process of its own: importing Airflow configures logging, warnings and a home folder.
    answered = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ORACLE],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__UNIT_TEST_MODE": "False"},
    )
    for (cron, zone, start, periods), expected in zip(
        cases, json.loads(answered.stdout.splitlines()[-1]), strict=True
    ):
        schedule = Schedule.parse(cron, zone)
        boundary, found = datetime.fromisoformat(start), []
        for _ in range(periods):
            boundary = schedule.following(boundary)
            found.append(int(boundary.timestamp()))
        assert found == expected, (cron, zone, start)
