"""How the Dags are built: schedules, retries, limits, and who waits for whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.dags.conftest import Airflow, write_monitor


@pytest.fixture
def wine(airflow: Airflow, monitors: Path) -> Any:
    write_monitor(
        monitors,
        "wine",
        schedule="30 6 * * *",
        timezone="Europe/Berlin",
        owner="ml@example.com",
        description="Wines",
        delay="2h",
        publish={"webhook": True, "mlflow": True},
    )
    return airflow.call("load")["dags"]["monitor__wine"]


def test_monitor_has_a_real_data_interval_in_its_own_time_zone(wine: Any) -> None:
    assert (wine["timetable"], wine["cron"]) == ("CronDataIntervalTimetable", "30 6 * * *")
    assert wine["timezone"] == "Europe/Berlin"


def test_monitor_never_catches_up_and_backfills_in_parallel(wine: Any) -> None:
    assert wine["catchup"] is False
    assert wine["max_active_runs"] == 4
    assert wine["paused"] is False


def test_monitor_tasks_follow_each_other_and_the_last_sees_every_failure(wine: Any) -> None:
    upstream = {name: task["upstream"] for name, task in wine["tasks"].items()}
    assert upstream == {
        "wait_for_late_rows": [],
        "evaluate": ["wait_for_late_rows"],
        "write_postgres": ["evaluate"],
        "push_metrics": ["evaluate", "write_postgres"],
        "send_webhook": ["evaluate"],
        "log_to_mlflow": ["evaluate"],
        "published": ["log_to_mlflow", "push_metrics", "send_webhook", "write_postgres"],
    }
    assert wine["tasks"]["push_metrics"]["trigger_rule"] == "all_done_min_one_success"
    assert wine["tasks"]["published"]["trigger_rule"] == "all_success"


def test_every_task_retries_with_backoff_is_limited_and_reports_its_failure(wine: Any) -> None:
    for name, task in wine["tasks"].items():
        assert task["retries"] == 4, name
        assert task["backoff"] == 2, name
        assert task["callbacks"] == 1, name
        assert task["owner"] == "ml@example.com", name
        assert task["limited"] or name == "published", name
    assert wine["tasks"]["wait_for_late_rows"]["mode"] == "reschedule"


def test_only_the_sinks_that_the_file_asks_for_get_a_task(airflow: Airflow, monitors: Path) -> None:
    write_monitor(monitors, "plain", publish={"pushgateway": False})
    tasks = airflow.call("load")["dags"]["monitor__plain"]["tasks"]
    assert set(tasks) == {"evaluate", "write_postgres", "published"}


@pytest.mark.parametrize("name", ["extract_mlflow_runs", "maintain_store"])
def test_jobs_without_a_window_run_one_at_a_time(airflow: Airflow, name: str) -> None:
    dag = airflow.call("load")["dags"][name]
    assert dag["timetable"] == "CronTriggerTimetable"
    assert (dag["catchup"], dag["max_active_runs"]) == (False, 1)
    assert all(task["limited"] and task["retries"] for task in dag["tasks"].values())


def test_schedules_of_extraction_and_maintenance_can_be_set(airflow: Airflow) -> None:
    airflow.env |= {
        "MONITORING_EXTRACT_SCHEDULE": "*/5 * * * *",
        "MONITORING_MAINTAIN_SCHEDULE": "@weekly",
    }
    dags = airflow.call("load")["dags"]
    assert dags["extract_mlflow_runs"]["cron"] == "*/5 * * * *"
    assert dags["maintain_store"]["cron"] == "0 0 * * 0"
