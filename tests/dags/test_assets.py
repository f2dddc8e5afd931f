"""What the Dags announce: windows, alerts, extractions, and a Dag that is scheduled on an alert."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.dags.conftest import (
    Airflow,
    Answer,
    end_of_day,
    rows,
    write_monitor,
    write_traffic,
)

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

WINDOW = "x-monitoring://wine_quality"
ALERT = "x-monitoring://wine_quality/alert"
DAG = "monitor__wine_quality"


@pytest.fixture
def wine(monitors: Path) -> Path:
    """Two quiet days, then one that has drifted."""
    write_traffic(monitors)
    return write_monitor(monitors, "wine_quality")


@pytest.fixture
def services(services: Airflow) -> Airflow:
    """Airflow whose events of other tests are past."""
    services.call("asset_events")
    return services


def events(airflow: Airflow, answer: Answer) -> dict[str, dict[str, Any]]:
    """Return the extras of the events that a run has caused, by asset."""
    assert answer.result["state"] == "success", answer.log[-5000:]
    found = airflow.call("asset_events")
    assert all(event["name"] == event["uri"] for event in found), "a Dag names one of them only"
    assert len({event["uri"] for event in found}) == len(found), "one event per asset"
    return {event["uri"]: event["extra"] for event in found}


@pytest.mark.usefixtures("wine")
def test_window_that_is_written_is_an_event_and_a_good_one_no_alert(services: Airflow) -> None:
    found = events(services, services.run(DAG, end_of_day(0)))
    assert found == {
        WINDOW: {
            "evaluation": "wine_quality--20261101T000000Z--20261102T000000Z",
            "status": "ok",
            "start": "2026-11-01T00:00:00Z",
            "end": "2026-11-02T00:00:00Z",
            "rows": 2000,
            "report": False,
            "drifted_columns": 0,
            "first_drifted": [],
        }
    }


@pytest.mark.usefixtures("wine")
def test_newest_window_that_fails_is_an_alert_and_an_older_one_is_none(services: Airflow) -> None:
    newest = events(services, services.run(DAG, end_of_day(2)))
    assert set(newest) == {WINDOW, ALERT}
    assert newest[ALERT] == newest[WINDOW]
    assert (newest[ALERT]["status"], newest[ALERT]["drifted_columns"]) == ("failed", 2)
    assert newest[ALERT]["first_drifted"] == ["alcohol", "region"]
    assert set(events(services, services.run(DAG, end_of_day(3)))) == {WINDOW}, "no rows, no alert"
    assert set(events(services, services.run(DAG, end_of_day(2)))) == {WINDOW}, "it is older now"


@pytest.mark.usefixtures("wine")
def test_window_that_is_not_written_is_no_event(services: Airflow) -> None:
    services.env["MONITORING_DATABASE_URL"] = "postgresql://writer@127.0.0.1:1/results"
    answer = services.run(DAG, end_of_day(2))
    assert answer.result["tasks"]["write_postgres"] == "failed"
    assert services.call("asset_events") == []


def test_extra_stays_small_however_many_and_long_the_columns(
    services: Airflow, monitors: Path
) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    chance, names = np.random.default_rng(1), [f"{i:02d}" + "ä" * 300 for i in range(30)]
    start = end_of_day(-1)
    times = pa.array([start] * 500, pa.timestamp("us", tz="UTC"))
    pq.write_table(
        pa.table({n: chance.normal(9, 1, 500) for n in names} | {"ts": times}),
        monitors / "data.parquet",
    )
    pq.write_table(
        pa.table({n: chance.normal(0, 1, 500) for n in names}), monitors / "reference.parquet"
    )
    write_monitor(monitors, "wine_quality", columns={"numerical": names})
    extra = events(services, services.run(DAG, end_of_day(0)))[ALERT]
    assert (extra["drifted_columns"], len(extra["first_drifted"])) == (30, 20)
    assert len(json.dumps(extra).encode()) < 16_000


@pytest.mark.usefixtures("wine")
def test_example_is_run_by_an_alert_and_plans_what_to_train(services: Airflow) -> None:
    example = services.call("load_example", name="retrain_on_alert")
    assert (example["import_errors"], example["warnings"]) == ({}, [])
    assert example["assets"] == [ALERT]
    assert "retrain_on_alert" not in services.call("load")["dags"], "examples are not loaded"
    services.run(DAG, end_of_day(0))
    assert services.call("run_by_assets", name="retrain_on_alert") is None
    services.run(DAG, end_of_day(2))
    ran = services.ask("run_by_assets", name="retrain_on_alert")
    assert ran.result is not None
    assert ran.result["state"] == "success", ran.log[-5000:]
    assert (ran.result["type"], ran.result["events"]) == ("asset_triggered", 1)
    plan = ran.result["xcoms"]["plan.return_value"]
    assert plan["train_on_rows_until"] == "2026-11-04T00:00:00Z"
    assert plan["drifted"] == ["alcohol", "region"]
    assert "drift: drifted_share" in plan["because"]
    assert "would train" in ran.log


def test_extraction_is_an_event_with_counts(
    services: Airflow, mlflow_uri: str, mlflow_client: MlflowClient, database_url: str
) -> None:
    mlflow_client.create_experiment("announced")
    services.env["MLFLOW_TRACKING_URI"] = mlflow_uri
    answer = services.run("extract_mlflow_runs", end_of_day(9), conf={"full": True})
    (extra,) = events(services, answer).values()
    assert extra["full"] is True
    ((experiments,),) = rows(database_url, "SELECT count(*) FROM monitoring.mlflow_experiment")
    assert extra["experiments"] == experiments > 0
    assert all(isinstance(value, int) for value in extra.values())
    assert "extracting everything" in answer.log
