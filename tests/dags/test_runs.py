"""Whole runs of real Dags against a real Postgres and a real Pushgateway."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.dags.conftest import Airflow, end_of_day, rows, write_monitor, write_traffic
from tests.fixtures.http_server import RecordingServer, recording_server
from tests.fixtures.postgres import libpq
from tests.fixtures.pushgateway import scrape

NOWHERE = "postgresql://writer:canary-database@127.0.0.1:1/results"
GREEN = {"evaluate": "success", "write_postgres": "success", "push_metrics": "success"}


@pytest.fixture
def wine(monitors: Path) -> str:
    write_traffic(monitors)
    write_monitor(monitors, "wine")
    return "monitor__wine"


def gauges(url: str, monitor: str = "wine") -> dict[str, float]:
    """Return a monitor's own series, without those that the Pushgateway adds."""
    return {
        f"{name}{sorted(labels)}": value
        for (name, labels), value in scrape(url).items()
        if ("monitor", monitor) in labels and not name.startswith("push_")
    }


def value(series: Mapping[str, float], name: str) -> float | None:
    return next((number for key, number in series.items() if key.startswith(f"{name}[")), None)


def test_run_writes_postgres_and_gauges_and_carries_only_small_json(
    services: Airflow, wine: str, database_url: str, pushgateway_url: str
) -> None:
    answer = services.run(wine, end_of_day(0))
    assert answer.result["state"] == "success", answer.log[-5000:]
    assert answer.result["tasks"] == GREEN | {"published": "success"}
    assert rows(
        database_url, "SELECT monitor, window_start::date::text, status FROM monitoring.evaluation"
    ) == [("wine", "2026-11-01", "ok")]
    assert value(gauges(pushgateway_url), "monitoring_window_end_timestamp_seconds") == (
        end_of_day(0).timestamp()
    )
    assert len(json.dumps(answer.result["xcoms"])) < 1000
    ours = [line for line in answer.log.splitlines() if "loc=_" in line or "_jobs" in line]
    assert "window 2026-11-01T00:00:00Z/2026-11-02T00:00:00Z of monitor wine" in ours[0]


def test_bad_verdict_is_a_result_and_no_failure_of_the_run(
    services: Airflow, wine: str, database_url: str
) -> None:
    answer = services.run(wine, end_of_day(2))
    assert answer.result["state"] == "success", answer.log[-5000:]
    assert rows(database_url, "SELECT status FROM monitoring.evaluation") == [("failed",)]


def test_f29_backfill_of_past_windows_does_not_touch_the_gauges_of_today(
    services: Airflow, wine: str, database_url: str, pushgateway_url: str
) -> None:
    assert services.run(wine, end_of_day(2)).result["state"] == "success"
    today = gauges(pushgateway_url)
    for day in (0, 1):
        assert services.run(wine, end_of_day(day)).result["state"] == "success"
    assert gauges(pushgateway_url) == today
    assert rows(database_url, "SELECT count(*) FROM monitoring.evaluation") == [(3,)]


def test_f26_rerun_of_a_window_replaces_it(services: Airflow, wine: str, database_url: str) -> None:
    for _ in range(2):
        assert services.run(wine, end_of_day(0)).result["state"] == "success"
    counts = "SELECT count(*) FROM monitoring.evaluation"
    attempts = "SELECT count(*) FROM monitoring.evaluation_attempt"
    assert rows(database_url, counts) == [(1,)]
    assert rows(database_url, attempts) == [(2,)]


def test_f34_database_down_costs_neither_the_evaluation_nor_the_gauges(
    services: Airflow, wine: str, pushgateway_url: str
) -> None:
    services.env["MONITORING_DATABASE_URL"] = NOWHERE
    answer = services.run(wine, end_of_day(0), retries=1)
    assert answer.result["state"] == "failed"
    assert answer.result["tasks"] == {
        "evaluate": "success",
        "write_postgres": "failed",
        "push_metrics": "success",
        "published": "upstream_failed",
    }, answer.log[-5000:]
    assert answer.result["tries"]["write_postgres"] == 2, "an outage is worth another try"
    series = gauges(pushgateway_url)
    assert value(series, "monitoring_last_success_timestamp_seconds") is not None
    assert value(series, "monitoring_last_failure_timestamp_seconds") is not None, (
        "the push must not hide that the database was not written"
    )


def test_f34_next_run_after_the_outage_writes_what_was_stored(
    services: Airflow, wine: str, database_url: str
) -> None:
    services.env["MONITORING_DATABASE_URL"] = NOWHERE
    assert services.run(wine, end_of_day(0)).result["state"] == "failed"
    services.env["MONITORING_DATABASE_URL"] = database_url
    assert services.run(wine, end_of_day(0)).result["state"] == "success"
    assert rows(database_url, "SELECT status FROM monitoring.evaluation") == [("ok",)]


def test_f42_gateway_down_fails_its_own_task_only(
    services: Airflow, wine: str, database_url: str
) -> None:
    services.env["PUSHGATEWAY_URL"] = "http://127.0.0.1:1"
    answer = services.run(wine, end_of_day(0))
    assert answer.result["state"] == "failed"
    assert answer.result["tasks"] == GREEN | {
        "push_metrics": "failed",
        "published": "upstream_failed",
    }
    assert rows(database_url, "SELECT status FROM monitoring.evaluation") == [("ok",)]


def test_f03_missing_reference_fails_at_once_and_leaves_an_attempt_row_and_a_gauge(
    services: Airflow, wine: str, monitors: Path, database_url: str, pushgateway_url: str
) -> None:
    (monitors / "reference.parquet").unlink()
    answer = services.run(wine, end_of_day(0), retries=2)
    assert answer.result["tasks"] == {
        "evaluate": "failed",
        "write_postgres": "upstream_failed",
        "push_metrics": "upstream_failed",
        "published": "upstream_failed",
    }
    assert answer.result["tries"]["evaluate"] == 1, "trying again would be a waste"
    ((monitor, outcome, error),) = rows(
        database_url, "SELECT monitor, outcome, error FROM monitoring.evaluation_attempt"
    )
    assert (monitor, outcome) == ("wine", "error")
    assert "wine" in error
    assert rows(database_url, "SELECT count(*) FROM monitoring.evaluation") == [(0,)]
    assert value(gauges(pushgateway_url), "monitoring_last_failure_timestamp_seconds") is not None


def test_f03_database_down_does_not_silence_the_failure_gauge(
    services: Airflow, wine: str, monitors: Path, pushgateway_url: str
) -> None:
    (monitors / "reference.parquet").unlink()
    services.env["MONITORING_DATABASE_URL"] = NOWHERE
    assert services.run(wine, end_of_day(0)).result["tasks"]["evaluate"] == "failed"
    assert value(gauges(pushgateway_url), "monitoring_last_failure_timestamp_seconds") is not None


def test_f22_manual_run_without_logical_date_judges_the_last_complete_window(
    services: Airflow, monitors: Path, database_url: str
) -> None:
    write_traffic(monitors)
    write_monitor(monitors, "by_hand", delay="1h")
    answer = services.ask(
        "run",
        dag_id="monitor__by_hand",
        logical_date=None,
        run_after="2026-11-03T00:30:00+00:00",
    )
    assert answer.result["state"] == "success", answer.log[-5000:]
    assert answer.result["data_interval"] == ["None", "None"]
    query = "SELECT window_start::date::text FROM monitoring.evaluation"
    assert rows(database_url, query) == [("2026-11-01",)], "of the 2nd, late rows may still come"


def test_f22_trigger_form_names_the_window(services: Airflow, wine: str, database_url: str) -> None:
    conf = {"start": "2026-11-01T06:00:00Z", "end": "2026-11-01T18:00:00.000Z"}
    answer = services.run(wine, end_of_day(2), conf=conf)
    assert answer.result["state"] == "success", answer.log[-5000:]
    query = "SELECT window_end - window_start FROM monitoring.evaluation"
    assert str(rows(database_url, query)[0][0]) == "12:00:00"


def test_f21_window_without_time_fails_at_once(services: Airflow, wine: str) -> None:
    conf = {"start": "2026-11-02T00:00:00Z", "end": "2026-11-01T00:00:00Z"}
    answer = services.run(wine, end_of_day(2), conf=conf, retries=2)
    assert answer.result["tasks"]["evaluate"] == "failed"
    assert answer.result["tries"]["evaluate"] == 1
    assert "holds no time; give a start before the end" in answer.log


def test_f01_window_without_rows_is_a_result(
    services: Airflow, wine: str, database_url: str, pushgateway_url: str
) -> None:
    answer = services.run(wine, end_of_day(15))
    assert answer.result["state"] == "success", answer.log[-5000:]
    query = "SELECT status, rows_current FROM monitoring.evaluation"
    assert rows(database_url, query) == [("insufficient_data", 0)]
    assert gauges(pushgateway_url)


def test_f62_broken_file_fails_its_own_run_with_every_problem(
    services: Airflow, monitors: Path
) -> None:
    (monitors / "sour.yaml").write_text("name: sour\nschedul: x\n", encoding="utf-8")
    answer = services.run("monitor__sour", end_of_day(0), retries=3)
    assert answer.result["tasks"] == {"read_monitor_file": "failed"}
    assert answer.result["tries"] == {"read_monitor_file": 1}
    assert "sour.yaml:1: data: is missing; add it" in answer.log
    assert "sour.yaml:2: schedul: unknown key" in answer.log


@pytest.fixture
def receiver() -> Iterator[RecordingServer]:
    with recording_server() as server:
        yield server


def test_webhook_that_refuses_fails_its_own_task_only(
    services: Airflow, monitors: Path, receiver: RecordingServer
) -> None:
    write_traffic(monitors)
    write_monitor(monitors, "wine", publish={"webhook": True})
    receiver.answer(400)
    services.env["MONITORING_WEBHOOK_URL"] = receiver.url
    answer = services.run("monitor__wine", end_of_day(0), retries=2)
    assert answer.result["tasks"] == GREEN | {
        "send_webhook": "failed",
        "published": "upstream_failed",
    }
    assert answer.result["tries"]["send_webhook"] == 1


def test_f63_secrets_are_in_no_log_xcom_or_rendered_field(
    services: Airflow, monitors: Path, database_url: str, receiver: RecordingServer
) -> None:
    write_traffic(monitors)
    write_monitor(monitors, "wine", publish={"webhook": True})
    receiver.answer(400)
    del services.env["MONITORING_DATABASE_URL"]
    canaries = ("canary-connection", "canary-environment", "canary-gateway", "canary-token")
    services.env |= {
        "AIRFLOW_CONN_MONITORING_POSTGRES": libpq(database_url).replace(
            "postgres@", "postgres:canary-connection@"
        ),
        "MONITORING_DATABASE_URL": "postgresql://u:canary-environment@127.0.0.1:1/x",
        "PUSHGATEWAY_URL": "http://push:canary-gateway@127.0.0.1:1",
        "MONITORING_WEBHOOK_URL": f"{receiver.url}/canary-path",
        "MONITORING_WEBHOOK_TOKEN": "canary-token",
    }
    good = services.run("monitor__wine", end_of_day(0))
    assert good.result["tasks"]["write_postgres"] == "success", "the connection must win"
    assert good.result["tasks"]["push_metrics"] == "failed"
    assert any("canary-token" in str(request.headers) for request in receiver.requests)
    del services.env["AIRFLOW_CONN_MONITORING_POSTGRES"]
    bad = services.run("monitor__wine", end_of_day(1))
    assert bad.result["tasks"]["write_postgres"] == "failed"
    for answer in (good, bad):
        for canary in (*canaries, "canary-path"):
            assert canary not in answer.log
            assert canary not in json.dumps(answer.result)
