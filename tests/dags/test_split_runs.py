"""Whole runs of a monitor whose columns are shared among mapped tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monitoring_jobs.reports.store import ReportStore
from monitoring_jobs.windows import Window
from tests.dags.conftest import (
    FIRST_DAY,
    Airflow,
    end_of_day,
    rows,
    write_monitor,
    write_traffic,
)

ATTEMPT = ("attempt", "computed_at", "duration_seconds", "peak_memory_bytes")


@pytest.fixture
def wine(monitors: Path) -> str:
    write_traffic(monitors)
    write_monitor(monitors, "wine", split=3, delay="1h", segments=["region"])
    return "monitor__wine"


def numbers(airflow: Airflow, day: int) -> dict[str, Any]:
    """Return what does not depend on the attempt."""
    store = ReportStore.open(airflow.env["MONITORING_REPORT_STORE"])
    window = Window(end_of_day(day - 1), end_of_day(day))
    found = store.get("wine", window).as_dict()
    return {key: value for key, value in found.items() if key not in ATTEMPT}


def files(airflow: Airflow) -> list[str]:
    root = Path(airflow.env["MONITORING_REPORT_STORE"])
    return sorted(p.name for p in root.rglob("*") if p.is_file() and p.name != ".lock")


def test_columns_are_mapped_and_joined_before_anything_is_published(
    airflow: Airflow, wine: str
) -> None:
    tasks = airflow.call("load")["dags"][wine]["tasks"]
    upstream = {name: task["upstream"] for name, task in tasks.items()}
    assert upstream == {
        "wait_for_late_rows": [],
        "evaluate_columns": ["wait_for_late_rows"],
        "evaluate": ["evaluate_columns"],
        "write_postgres": ["evaluate"],
        "push_metrics": ["evaluate", "write_postgres"],
        "published": ["push_metrics", "write_postgres"],
    }
    mapped = tasks["evaluate_columns"]
    assert (mapped["retries"], mapped["backoff"], mapped["callbacks"]) == (4, 2, 1)
    assert mapped["limited"]
    assert mapped["trigger_rule"] == tasks["evaluate"]["trigger_rule"] == "all_success"


def test_a_monitor_that_is_not_split_maps_nothing(airflow: Airflow, monitors: Path) -> None:
    write_monitor(monitors, "one", split=1)
    write_monitor(monitors, "two", split=2)
    dags = airflow.call("load")["dags"]
    assert "evaluate_columns" not in dags["monitor__one"]["tasks"]
    assert "evaluate_columns" in dags["monitor__two"]["tasks"]


def test_a_split_run_ends_as_an_unsplit_one(
    services: Airflow, wine: str, monitors: Path, database_url: str
) -> None:
    answer = services.run(wine, end_of_day(2))
    assert answer.result["state"] == "success", answer.log[-5000:]
    assert set(answer.result["tasks"].values()) == {"success"}
    assert answer.result["mapped"] == {
        "evaluate_columns": ["columns 1 of 3", "columns 2 of 3", "columns 3 of 3"]
    }
    assert len(json.dumps(answer.result["xcoms"])) < 1500
    split = numbers(services, 2)
    assert files(services) == ["evaluation.json"], "parts are gone when they have served"
    write_monitor(monitors, "wine", delay="1h", segments=["region"])
    assert services.run(wine, end_of_day(2)).result["state"] == "success"
    assert json.dumps(numbers(services, 2)) == json.dumps(split)
    assert rows(database_url, "SELECT status, rows_current FROM monitoring.evaluation") == [
        ("failed", 2000)
    ]
    attempts = "SELECT count(*) FROM monitoring.evaluation_attempt"
    assert rows(database_url, attempts) == [(2,)]


def test_f03_a_missing_reference_fails_every_part_at_once_and_leaves_attempt_rows(
    services: Airflow, wine: str, monitors: Path, database_url: str
) -> None:
    (monitors / "reference.parquet").unlink()
    answer = services.run(wine, end_of_day(0), retries=2)
    assert answer.result["state"] == "failed"
    assert answer.result["tasks"]["evaluate_columns"] == "failed"
    assert answer.result["tasks"]["evaluate"] == "upstream_failed"
    assert answer.result["tries"]["evaluate_columns"] == 1, "trying again would be a waste"
    query = "SELECT DISTINCT monitor, outcome FROM monitoring.evaluation_attempt"
    assert rows(database_url, query) == [("wine", "error")]


def test_a_window_without_rows_is_split_too(services: Airflow, wine: str) -> None:
    answer = services.run(wine, end_of_day(15))
    assert answer.result["state"] == "success", answer.log[-5000:]
    window = Window(end_of_day(14), end_of_day(15))
    assert window.start > FIRST_DAY
    store = ReportStore.open(services.env["MONITORING_REPORT_STORE"])
    assert store.get("wine", window).rows.current == 0
