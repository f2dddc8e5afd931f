"""The script that runs Dags window by window without a scheduler."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from tests.dags.conftest import DAGS, airflow_environment, write_monitor, write_traffic
from tests.fixtures.postgres import libpq


@pytest.fixture
def env(airflow_home: Path, monitors: Path, tmp_path: Path, database_url: str) -> dict[str, str]:
    write_traffic(monitors)
    write_monitor(monitors, "in_order")
    return airflow_environment(airflow_home) | {
        "MONITORING_MONITORS": str(monitors),
        "MONITORING_REPORT_STORE": str(tmp_path / "reports"),
        "MONITORING_CACHE_DIR": str(tmp_path / "cache"),
        "MONITORING_TEXTFILE": str(tmp_path / "gauges.prom"),
        "MONITORING_DATABASE_URL": database_url,
    }


def run(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DAGS / "_run_windows.py"), *arguments]
    return subprocess.run(
        command, check=False, env=env, capture_output=True, text=True, timeout=180
    )


def test_windows_run_oldest_first_with_one_json_line_each(
    env: dict[str, str], database_url: str
) -> None:
    span = ("--start", "2026-11-01", "--end", "2026-11-04")
    done = run(env, "--dag", "monitor__in_order", *span)
    assert done.returncode == 0, done.stderr[-5000:]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["window"]["start"] for result in results] == [
        "2026-11-01T00:00:00Z",
        "2026-11-02T00:00:00Z",
        "2026-11-03T00:00:00Z",
    ]
    for result in results:
        assert result.keys() == {
            "dag_id",
            "run_id",
            "state",
            "window",
            "seconds",
            "failed_tasks",
        }
        assert (result["state"], result["failed_tasks"]) == ("success", [])
    with closing(psycopg2.connect(libpq(database_url))) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT status FROM monitoring.evaluation ORDER BY window_start")
        assert cursor.fetchall() == [("ok",), ("ok",), ("failed",)]


def test_runs_are_those_of_the_scheduler_and_a_rerun_replaces_its_own(
    env: dict[str, str], airflow_home: Path
) -> None:
    twice = ("--dag", "monitor__in_order") * 2
    done = run(env, *twice, "--start", "2026-11-01", "--end", "2026-11-02")
    assert done.returncode == 0, done.stderr[-5000:]
    with closing(sqlite3.connect(airflow_home / "airflow.db")) as connection:
        cursor = connection.execute(
            "SELECT run_id, run_type, triggered_by, data_interval_end, run_after, start_date"
            " FROM dag_run WHERE dag_id = 'monitor__in_order' AND logical_date LIKE '2026-11-01 %'"
        )
        ((run_id, run_type, triggered_by, end, run_after, started),) = cursor.fetchall()
    assert run_id == "scheduled__2026-11-02T00:00:00+00:00"
    assert (run_type, triggered_by) == ("scheduled", "TIMETABLE")
    assert end == run_after == "2026-11-02 00:00:00.000000"
    assert started > "2026-11-02 01"  # when it ran: bars in the grid are as high as runs took


def test_failed_run_is_named_and_makes_the_exit_code_one(
    env: dict[str, str], airflow_home: Path
) -> None:
    env["MONITORING_DATABASE_URL"] = "postgresql://writer@127.0.0.1:1/results"
    span = ("--start", "2026-11-01", "--end", "2026-11-02")
    done = run(env, "--dag", "monitor__in_order", "--dag", "maintain_store", *span)
    assert done.returncode == 1
    monitor, maintenance = (json.loads(line) for line in done.stdout.splitlines())
    assert (monitor["state"], monitor["failed_tasks"]) == ("failed", ["write_postgres"])
    assert (maintenance["state"], maintenance["failed_tasks"]) == ("failed", ["maintain"])
    assert maintenance["window"] is None
    folder = airflow_home / "logs" / "dag_id=monitor__in_order" / f"run_id={monitor['run_id']}"
    log = (folder / "task_id=write_postgres" / "attempt=1.log").read_text()
    entries = [json.loads(line) for line in log.splitlines()]
    assert any("Traceback" in str(entry["event"]) for entry in entries)
    assert {entry["level"] for entry in entries} >= {"info", "error"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--dag", "monitor__in_order"), "monitor__in_order needs --start and --end"),
        (
            ("--dag", "monitor__in_order", "--start", "soon", "--end", "later"),
            "'soon' is no instant",
        ),
    ],
    ids=["no window", "no instant"],
)
def test_wrong_usage_is_told_before_airflow_starts(
    env: dict[str, str], arguments: tuple[str, ...], complaint: str
) -> None:
    done = run(env, *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr


def test_unknown_dag_is_named_beside_the_known_ones(env: dict[str, str]) -> None:
    done = run(env, "--dag", "extract_mlflow")
    assert done.returncode == 1
    assert "no such Dag: extract_mlflow; known are extract_mlflow_runs, maintain_store" in (
        done.stderr
    )
    assert done.stdout == ""
