"""The script that runs Dags window by window without a scheduler."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.dags.conftest import DAGS, airflow_environment, rows, write_monitor, write_traffic
from tests.fixtures.postgres import Server


def environment(airflow_home: Path, folder: Path, database_url: str) -> dict[str, str]:
    monitors = folder / "monitors"
    monitors.mkdir(exist_ok=True)
    write_traffic(monitors)
    write_monitor(monitors, "in_order")
    return airflow_environment(airflow_home) | {
        "MONITORING_MONITORS": str(monitors),
        "MONITORING_REPORT_STORE": str(folder / "reports"),
        "MONITORING_CACHE_DIR": str(folder / "cache"),
        "MONITORING_TEXTFILE": str(folder / "gauges.prom"),
        "MONITORING_DATABASE_URL": database_url,
    }


@pytest.fixture
def env(airflow_home: Path, tmp_path: Path) -> dict[str, str]:
    nowhere = "postgresql://writer@127.0.0.1:1/results"
    return environment(airflow_home, tmp_path, nowhere)


def run(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DAGS / "_run_windows.py"), *arguments]
    return subprocess.run(
        command, check=False, env=env, capture_output=True, text=True, timeout=180
    )


@dataclass(frozen=True)
class Twice:
    """Three days of a monitor that ran twice, one after the other in one process."""

    results: list[dict[str, Any]]
    database_url: str


@pytest.fixture(scope="module")
def twice(
    airflow_home: Path,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: Server,
    _migrated_template: str,
) -> Iterator[Twice]:
    name = postgres_server.create_database(template=_migrated_template)
    url = postgres_server.url(name)
    env = environment(airflow_home, tmp_path_factory.mktemp("twice"), url)
    dags = ("--dag", "monitor__in_order") * 2
    done = run(env, *dags, "--start", "2026-11-01", "--end", "2026-11-04")
    assert done.returncode == 0, done.stderr[-5000:]
    yield Twice([json.loads(line) for line in done.stdout.splitlines()], url)
    postgres_server.drop_database(name)


def test_windows_run_oldest_first_with_one_json_line_each(twice: Twice) -> None:
    days = ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"]
    assert [result["window"]["start"] for result in twice.results] == [*days, *days]
    for result in twice.results:
        assert result.keys() == {
            "dag_id",
            "run_id",
            "state",
            "window",
            "seconds",
            "failed_tasks",
        }
        assert (result["state"], result["failed_tasks"]) == ("success", [])
    statuses = "SELECT status FROM monitoring.evaluation ORDER BY window_start"
    assert rows(twice.database_url, statuses) == [("ok",), ("ok",), ("failed",)]


def test_runs_are_those_of_the_scheduler_and_a_rerun_replaces_its_own(
    twice: Twice, airflow_home: Path
) -> None:
    with closing(sqlite3.connect(airflow_home / "airflow.db")) as connection:
        cursor = connection.execute(
            "SELECT run_id, run_type, triggered_by, data_interval_end, run_after, start_date"
            " FROM dag_run WHERE dag_id = 'monitor__in_order' AND logical_date LIKE '2026-11-01 %'"
        )
        ((run_id, run_type, triggered_by, end, run_after, started),) = cursor.fetchall()
    assert run_id == twice.results[0]["run_id"] == twice.results[3]["run_id"]
    assert run_id == "scheduled__2026-11-02T00:00:00+00:00"
    assert (run_type, triggered_by) == ("scheduled", "TIMETABLE")
    assert end == run_after == "2026-11-02 00:00:00.000000"
    assert started > "2026-11-02 01"  # when it ran: bars in the grid are as high as runs took


def test_failed_run_is_named_and_makes_the_exit_code_one(
    env: dict[str, str], airflow_home: Path
) -> None:
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
