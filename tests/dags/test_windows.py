"""Which window a run judges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monitoring_jobs.schedules import Schedule
from tests.dags.conftest import Airflow, WorkerError, write_monitor

INTERVAL = {
    "data_interval_start": "2026-11-03T00:00:00+00:00",
    "data_interval_end": "2026-11-04T00:00:00+00:00",
}
PARTITION = {"partition_date": "2026-11-02T00:00:00+00:00"}
RUN_AFTER = {"run_after": "2026-11-09T05:00:00+00:00"}
PARAMS = {"params": {"start": "2026-11-01T06:00:00+01:00", "end": "2026-11-01T12:00:00Z"}}


@pytest.mark.parametrize(
    ("context", "window"),
    [
        (PARAMS | PARTITION | INTERVAL | RUN_AFTER, "2026-11-01T05:00:00Z/2026-11-01T12:00:00Z"),
        (PARTITION | INTERVAL | RUN_AFTER, "2026-11-02T00:00:00Z/2026-11-03T00:00:00Z"),
        (INTERVAL | RUN_AFTER, "2026-11-03T00:00:00Z/2026-11-04T00:00:00Z"),
        (RUN_AFTER, "2026-11-08T00:00:00Z/2026-11-09T00:00:00Z"),
    ],
    ids=["params", "partition", "interval", "run_after"],
)
def test_window_comes_from_the_first_source_that_names_one(
    airflow: Airflow, monitors: Path, context: dict[str, Any], window: str
) -> None:
    path = write_monitor(monitors, "wine")
    assert airflow.call("resolve_window", monitor=str(path), **context) == window


def test_backfill_whose_form_names_one_window_for_all_its_runs_is_refused(
    airflow: Airflow, monitors: Path
) -> None:
    path, backfill = str(write_monitor(monitors, "wine")), {"run_type": "backfill"}
    with pytest.raises(WorkerError, match="every run of this backfill would judge the same window"):
        airflow.call("resolve_window", monitor=path, **PARAMS, **INTERVAL, **RUN_AFTER, **backfill)
    window = airflow.call("resolve_window", monitor=path, **INTERVAL, **RUN_AFTER, **backfill)
    assert window == "2026-11-03T00:00:00Z/2026-11-04T00:00:00Z"


def test_f21_empty_data_interval_gives_way_to_the_last_complete_period(
    airflow: Airflow, monitors: Path
) -> None:
    path = write_monitor(monitors, "wine")
    instant = "2026-11-04T00:00:00+00:00"
    empty = {"data_interval_start": instant, "data_interval_end": instant}
    window = airflow.call("resolve_window", monitor=str(path), **empty, **RUN_AFTER)
    assert window == "2026-11-08T00:00:00Z/2026-11-09T00:00:00Z"


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"start": "2026-11-02T00:00:00Z", "end": "2026-11-01T00:00:00Z"}, "holds no time"),
        ({"start": "2026-11-02T00:00:00Z", "end": None}, "param end: is empty"),
        ({"start": "2026-11-02T00:00:00", "end": "2026-11-03T00:00:00"}, "has no time zone"),
        ({"start": "yesterday", "end": "2026-11-03T00:00:00Z"}, "is no instant"),
    ],
    ids=["reversed", "one end", "naive", "words"],
)
def test_f21_window_that_holds_no_time_is_refused(
    airflow: Airflow, monitors: Path, params: dict[str, Any], complaint: str
) -> None:
    path = write_monitor(monitors, "wine")
    with pytest.raises(WorkerError, match=complaint):
        airflow.call("resolve_window", monitor=str(path), params=params, **RUN_AFTER)


def test_f22_delay_leaves_out_a_period_whose_late_rows_are_still_awaited(
    airflow: Airflow, monitors: Path
) -> None:
    path = write_monitor(monitors, "wine", delay="6h")
    window = airflow.call("resolve_window", monitor=str(path), **RUN_AFTER)
    assert window == "2026-11-07T00:00:00Z/2026-11-08T00:00:00Z"


def test_longer_window_ends_with_the_data_interval(airflow: Airflow, monitors: Path) -> None:
    path = write_monitor(monitors, "wine", window="7d")
    window = airflow.call("resolve_window", monitor=str(path), **INTERVAL)
    assert window == "2026-10-28T00:00:00Z/2026-11-04T00:00:00Z"


@pytest.mark.parametrize(("hours_ago", "passes"), [(1, False), (3, True)])
def test_late_rows_are_waited_for_until_the_delay_is_over(
    airflow: Airflow, monitors: Path, hours_ago: int, passes: bool
) -> None:
    path = write_monitor(monitors, "wine", delay="2h")
    end = datetime.now(UTC) - timedelta(hours=hours_ago)
    params = {"start": (end - timedelta(days=1)).isoformat(), "end": end.isoformat()}
    assert airflow.call("rows_are_in", monitor=str(path), delay_hours=2, params=params) is passes


@pytest.mark.parametrize(
    ("cron", "zone"),
    [
        ("@daily", "UTC"),
        ("@daily", "Europe/Berlin"),
        ("30 6 * * 1", "America/New_York"),
        ("0 12 1 * *", "Australia/Lord_Howe"),
        ("0 * * * *", "Europe/Berlin"),
    ],
)
def test_f20_airflow_and_the_command_line_cut_the_same_periods(
    airflow: Airflow, cron: str, zone: str
) -> None:
    # Long enough to hold both changes of the clocks; hourly periods are followed through one.
    since, count = (
        ("2026-03-28T12:00:00Z", 48) if cron == "0 * * * *" else ("2026-01-02T00:00:00Z", 60)
    )
    if cron == "@daily":
        count = 330
    theirs = airflow.call("periods", cron=cron, timezone=zone, since=since, count=count)
    schedule = Schedule.parse(cron, zone)
    for start, end in theirs:
        assert schedule.following(datetime.fromisoformat(start)) == datetime.fromisoformat(end)
    assert all(left[1] == right[0] for left, right in pairwise(theirs))
