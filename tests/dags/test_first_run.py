"""The first run of a monitor has past windows judged, one after the other, and then never again."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.dags.conftest import Airflow, end_of_day, write_monitor, write_traffic

_NUMBERS = count(1)


@pytest.fixture
def name() -> str:
    """A name of the test's own: runs of a Dag stay in the session's metadata database."""
    return f"first_run_{next(_NUMBERS)}"


def scheduled(start: datetime, end: datetime, **more: Any) -> dict[str, Any]:
    """Return what the scheduler tells a run of its own."""
    interval = {"data_interval_start": start.isoformat(), "data_interval_end": end.isoformat()}
    return interval | {"run_id": f"scheduled__{end.isoformat()}", **more}


def day(number: int, **more: Any) -> dict[str, Any]:
    """Return the run of a day of November."""
    start, end = (datetime(2026, 11, day, tzinfo=UTC) for day in (number, number + 1))
    return scheduled(start, end, **more)


def windows(plan: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(run["conf"]["start"], run["conf"]["end"]) for run in plan]


def test_first_run_judges_its_own_window_and_then_starts_the_run_of_the_one_before(
    services: Airflow, monitors: Path, name: str
) -> None:
    write_traffic(monitors, days=2)
    write_monitor(monitors, name, backfill_on_first_run=2)
    answer = services.run(f"monitor__{name}", end_of_day(1))
    assert answer.result["state"] == "success", answer.log[-5000:]
    assert answer.result["tasks"]["fill_past_windows"] == "success"
    assert answer.result["mapped"]["fill_past_windows"] == [
        "2026-11-01T00:00:00Z to 2026-11-02T00:00:00Z"
    ]
    (started,) = services.call("runs_of", dag_id=f"monitor__{name}")
    assert started == {
        "run_id": "first_run__20261101T000000Z--20261102T000000Z__1_more",
        "state": "queued",
        "conf": {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"},
        "logical_date": None,
        "run_after": "2026-11-02T00:00:00+00:00",
    }


def test_rerun_of_the_first_run_starts_nothing_twice(
    services: Airflow, monitors: Path, name: str
) -> None:
    write_traffic(monitors, days=2)
    write_monitor(monitors, name, backfill_on_first_run=2)
    services.run(f"monitor__{name}", end_of_day(1))
    again = services.run(f"monitor__{name}", end_of_day(1)).result
    assert (again["state"], again["tasks"]["fill_past_windows"]) == ("success", "skipped")
    assert len(services.call("runs_of", dag_id=f"monitor__{name}")) == 1


def test_later_run_starts_none(services: Airflow, monitors: Path, name: str) -> None:
    write_traffic(monitors, days=2)
    monitor = write_monitor(monitors, name)
    assert services.run(f"monitor__{name}", end_of_day(0)).result["state"] == "success"
    write_monitor(monitors, name, backfill_on_first_run=2)
    later = services.run(f"monitor__{name}", end_of_day(1)).result
    assert (later["state"], later["tasks"]["fill_past_windows"]) == ("success", "skipped")
    assert services.call("runs_of", dag_id=f"monitor__{name}") == []
    assert services.call("planned", monitor=str(monitor), **day(2)) == []


def test_window_that_fails_ends_the_filling(services: Airflow, monitors: Path, name: str) -> None:
    write_traffic(monitors, days=2)
    write_monitor(monitors, name, backfill_on_first_run=2)
    (monitors / "reference.parquet").unlink()
    failed = services.run(f"monitor__{name}", end_of_day(1)).result
    assert failed["state"] == "failed"
    assert failed["tasks"]["plan_past_windows"] == "upstream_failed"
    assert services.call("runs_of", dag_id=f"monitor__{name}") == []


def test_monitor_without_the_key_has_no_such_tasks(airflow: Airflow, monitors: Path) -> None:
    write_monitor(monitors, "plain")
    write_monitor(monitors, "filling", backfill_on_first_run=1)
    dags = airflow.call("load")["dags"]
    added = set(dags["monitor__filling"]["tasks"]) - set(dags["monitor__plain"]["tasks"])
    assert added == {"plan_past_windows", "fill_past_windows"}
    assert dags["monitor__filling"]["tasks"]["plan_past_windows"]["upstream"] == ["published"]


def test_each_run_starts_the_next_until_none_is_left(
    airflow: Airflow, monitors: Path, name: str
) -> None:
    monitor = str(write_monitor(monitors, name, backfill_on_first_run=3))
    plan, found = airflow.call("planned", monitor=monitor, **day(9)), []
    while plan:
        (run,) = plan
        found += windows(plan)
        plan = airflow.call(
            "planned",
            monitor=monitor,
            run_id=run["trigger_run_id"],
            run_type="operator_triggered",
            params=run["conf"],
        )
    ends = [f"2026-11-{end:02}T00:00:00Z" for end in (9, 8, 7, 6)]
    assert found == [(start, end) for end, start in pairwise(ends)]


def test_key_that_was_lowered_meanwhile_is_obeyed(
    airflow: Airflow, monitors: Path, name: str
) -> None:
    monitor = str(write_monitor(monitors, name, backfill_on_first_run=1))
    run = {
        "run_id": "first_run__20261104T000000Z--20261105T000000Z__900_more",
        "run_type": "operator_triggered",
        "params": {"start": "2026-11-04T00:00:00Z", "end": "2026-11-05T00:00:00Z"},
    }
    (planned,) = airflow.call("planned", monitor=monitor, **run)
    assert planned["trigger_run_id"].endswith("__0_more")


@pytest.mark.parametrize(
    ("run_type", "params", "starts"),
    [
        ("scheduled", {}, 1),
        ("manual", {}, 1),
        ("backfill", {}, 0),
        ("asset_triggered", {}, 0),
        ("manual", {"start": "2026-11-04T00:00:00Z", "end": "2026-11-05T00:00:00Z"}, 0),
        ("manual", {"publish": False}, 0),
        ("manual", {"reference": "other.parquet"}, 0),
        ("manual", {"publish": True, "report": "never"}, 1),
    ],
)
def test_only_a_run_for_its_own_period_is_a_first_run(
    airflow: Airflow,
    monitors: Path,
    name: str,
    run_type: str,
    params: dict[str, Any],
    starts: int,
) -> None:
    monitor = str(write_monitor(monitors, name, backfill_on_first_run=5))
    run = day(9, run_type=run_type, params=params)
    assert len(airflow.call("planned", monitor=monitor, **run)) == starts


def test_past_windows_are_days_of_the_monitors_zone_across_a_change_of_the_clocks(
    airflow: Airflow, monitors: Path, name: str
) -> None:
    monitor = str(write_monitor(monitors, name, backfill_on_first_run=1, timezone="Europe/Berlin"))
    zone = ZoneInfo("Europe/Berlin")
    start, end = (datetime(2026, 10, day, tzinfo=zone).astimezone(UTC) for day in (26, 27))
    plan = airflow.call("planned", monitor=monitor, **scheduled(start, end))
    assert windows(plan) == [("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")], "25 hours"


def test_past_windows_longer_than_a_period_overlap_as_the_schedule_would_have_it(
    airflow: Airflow, monitors: Path, name: str
) -> None:
    monitor = str(write_monitor(monitors, name, backfill_on_first_run=1, window="7d"))
    assert windows(airflow.call("planned", monitor=monitor, **day(9))) == [
        ("2026-11-02T00:00:00Z", "2026-11-09T00:00:00Z")
    ]
