"""Extraction and maintenance through their Dags."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.dags.conftest import Airflow, end_of_day, rows, write_monitor, write_traffic
from tests.fixtures.pushgateway import scrape

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

NOW = end_of_day(9)


def monitors_at(url: str) -> set[str]:
    return {dict(labels)["monitor"] for _, labels in scrape(url) if "monitor" in dict(labels)}


def test_extraction_finds_mlflow_by_its_connection_and_fills_the_tables(
    services: Airflow, mlflow_uri: str, mlflow_client: MlflowClient, database_url: str
) -> None:
    experiment = mlflow_client.create_experiment("through the Dag")
    run = mlflow_client.create_run(experiment)
    mlflow_client.log_metric(run.info.run_id, "accuracy", 0.9)
    mlflow_client.set_terminated(run.info.run_id)
    services.env |= {
        "AIRFLOW_CONN_MONITORING_MLFLOW": mlflow_uri,
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
    }
    answer = services.run("extract_mlflow_runs", NOW, conf={"full": True})
    assert answer.result["state"] == "success", answer.log[-5000:]
    query = f"SELECT value FROM monitoring.mlflow_run_metric WHERE run_id = '{run.info.run_id}'"
    assert rows(database_url, query) == [(0.9,)]
    summary = answer.result["xcoms"]["extract.return_value"]
    assert summary["full"] is True


def test_f50_mlflow_that_is_down_is_asked_again(services: Airflow) -> None:
    services.env["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:1"
    answer = services.run("extract_mlflow_runs", NOW, retries=1)
    assert answer.result["tasks"] == {"extract": "failed"}
    assert answer.result["tries"] == {"extract": 2}


def test_extraction_without_mlflow_fails_at_once_and_says_what_to_set(services: Airflow) -> None:
    answer = services.run("extract_mlflow_runs", NOW, retries=1)
    assert answer.result["tries"] == {"extract": 1}
    assert "set MLFLOW_TRACKING_URI or the Airflow connection monitoring_mlflow" in answer.log


def test_extraction_that_is_asked_for_two_things_at_once_fails_at_once(services: Airflow) -> None:
    conf = {"since": "2026-11-01T00:00:00Z", "full": True}
    answer = services.run("extract_mlflow_runs", NOW, conf=conf, retries=1)
    assert answer.result["tries"] == {"extract": 1}
    assert "param since: says less than full, which reads all; give one" in answer.log


def test_maintenance_makes_partitions_ahead(services: Airflow, database_url: str) -> None:
    answer = services.run("maintain_store", NOW)
    assert answer.result["state"] == "success", answer.log[-5000:]
    assert "maintaining: Postgres keeps all, report store keeps all" in answer.log
    query = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'monitoring.measurement'::regclass"
    assert rows(database_url, query)[0][0] > 2


def test_maintenance_forgets_by_age_only_when_asked(
    services: Airflow, monitors: Path, database_url: str
) -> None:
    write_traffic(monitors)
    write_monitor(monitors, "wine")
    count = "SELECT count(*) FROM monitoring.evaluation"
    long_ago = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}
    assert services.run("monitor__wine", NOW, conf=long_ago).result["state"] == "success"
    assert services.run("maintain_store", NOW).result["state"] == "success"
    assert rows(database_url, count) == [(1,)]
    services.env["MONITORING_RETENTION_DAYS"] = "365"
    assert services.run("maintain_store", NOW).result["state"] == "success"
    assert rows(database_url, count) == [(0,)]


@pytest.mark.parametrize(("others", "left"), [("fine", {"fine"}), ("broken", {"fine", "wine"})])
def test_f45_maintenance_removes_gauges_of_a_monitor_whose_file_is_gone_for_sure(
    services: Airflow, monitors: Path, pushgateway_url: str, others: str, left: set[str]
) -> None:
    write_traffic(monitors)
    gone = write_monitor(monitors, "wine")
    write_monitor(monitors, "fine")
    for name in ("wine", "fine"):
        assert services.run(f"monitor__{name}", end_of_day(0)).result["state"] == "success"
    gone.unlink()
    if others == "broken":
        (monitors / "wein.yaml").write_text("name: [", encoding="utf-8")
    assert services.run("maintain_store", NOW).result["state"] == "success"
    assert monitors_at(pushgateway_url) == left
