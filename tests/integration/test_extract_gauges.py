"""The gauges of an extraction, in a real Pushgateway and in a textfile."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitoring_jobs.errors import GatewayUnavailable, TrackingUnavailable
from monitoring_jobs.extract import extract_runs
from monitoring_jobs.settings import Settings
from tests.fixtures.extraction import HOUR, NOON, Query, add_run
from tests.fixtures.pushgateway import Series, scrape

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

NOW = NOON + 4 * HOUR


def _value(series: Series, name: str, **labels: str) -> float | None:
    found = [
        value
        for (other, pairs), value in series.items()
        if other == name and labels.items() <= dict(pairs).items()
    ]
    assert len(found) <= 1, f"{name} {labels} is ambiguous: {found}"
    return found[0] if found else None


def _read(path: Path) -> Series:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }


@pytest.fixture
def unused_uri() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_newest_run_of_an_experiment_and_every_alias_have_their_metrics_pushed(
    mlflow_client: MlflowClient,
    mlflow_uri: str,
    writer_url: str,
    pushgateway_url: str,
    an_experiment: str,
    a_model: str,
) -> None:
    name = mlflow_client.get_experiment(an_experiment).name
    mlflow_client.set_registered_model_alias(a_model, "champion", "2")
    mlflow_client.set_registered_model_alias(a_model, "shadow", "2")
    add_run(
        mlflow_client, an_experiment, end=NOON + 2 * HOUR, metrics={"auc": 0.8, "nan": float("nan")}
    )
    add_run(
        mlflow_client, an_experiment, end=NOON + 3 * HOUR, status="FAILED", metrics={"auc": 0.1}
    )
    settings = Settings(
        database_url=writer_url, mlflow_tracking_uri=mlflow_uri, pushgateway_url=pushgateway_url
    )

    extract_runs(settings, now=NOW, full=True)

    pushed = scrape(pushgateway_url)
    newest = {"experiment": name, "model_name": "", "alias": "", "job": "extract"}
    champion = {
        "experiment": name,
        "model_name": a_model,
        "model_version": "2",
        "alias": "champion",
    }
    assert _value(pushed, "mlflow_metric", metric="auc", **newest) == 0.8
    assert _value(pushed, "mlflow_metric", metric="nan", **newest) is None
    assert _value(pushed, "mlflow_metric", metric="auc", **champion) == 0.9
    assert _value(pushed, "mlflow_metric", metric="auc", **champion | {"alias": "shadow"}) == 0.9
    assert _value(pushed, "mlflow_run_duration_seconds", **newest) == 7200
    assert _value(pushed, "mlflow_run_duration_seconds", **champion) == 3600
    assert _value(pushed, "mlflow_runs_finished_total", experiment=name, status="FINISHED") == 2
    assert _value(pushed, "mlflow_runs_finished_total", experiment=name, status="FAILED") == 1
    assert _value(pushed, "model_version_info", model_name=a_model, alias="champion") == 1
    active = _value(pushed, "mlflow_experiments")
    created = _value(pushed, "mlflow_experiment_created_total")
    assert active is not None
    assert created is not None
    assert created >= active >= 1
    assert _value(pushed, "mlflow_up") == 1
    assert _value(pushed, "mlflow_last_extraction_timestamp_seconds") == NOW.timestamp()
    assert not any(dict(labels).get("run_id") for _, labels in pushed)


def test_textfile_is_written_where_there_is_no_gateway(
    mlflow_uri: str, writer_url: str, tmp_path: Path, a_model: str
) -> None:
    settings = Settings(
        database_url=writer_url,
        mlflow_tracking_uri=mlflow_uri,
        pushgateway_url=None,
        textfile=tmp_path / "monitoring.prom",
    )

    extract_runs(settings, now=NOW)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "monitoring-extract.prom",
        "monitoring-extract_health.prom",
    ]
    # A model without an alias is told by its newest version.
    state = _read(tmp_path / "monitoring-extract.prom")
    assert _value(state, "model_version_info", model_name=a_model, version="3", alias="") == 1
    assert _value(_read(tmp_path / "monitoring-extract_health.prom"), "mlflow_up") == 1


def test_f50_server_that_is_down_shows_as_such_and_leaves_the_other_gauges(
    mlflow_uri: str,
    writer_url: str,
    pushgateway_url: str,
    unused_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings = {"database_url": writer_url, "pushgateway_url": pushgateway_url}
    extract_runs(Settings(**settings, mlflow_tracking_uri=mlflow_uri), now=NOW)

    with pytest.raises(TrackingUnavailable):
        extract_runs(Settings(**settings, mlflow_tracking_uri=unused_uri), now=NOW + HOUR)

    pushed = scrape(pushgateway_url)
    failed = "mlflow_last_extraction_failure_timestamp_seconds"
    assert _value(pushed, "mlflow_up") == 0
    assert _value(pushed, failed) == (NOW + HOUR).timestamp()
    assert _value(pushed, "mlflow_last_extraction_timestamp_seconds") == NOW.timestamp()


def test_f42_gateway_that_is_down_fails_the_extraction_after_all_is_written(
    mlflow_uri: str, writer_url: str, unused_uri: str, query: Query
) -> None:
    settings = Settings(
        database_url=writer_url, mlflow_tracking_uri=mlflow_uri, pushgateway_url=unused_uri
    )

    with pytest.raises(GatewayUnavailable):
        extract_runs(settings, now=NOW)

    assert query("SELECT watermark FROM mlflow_extraction") == [(NOW,)]
