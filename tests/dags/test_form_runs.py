"""Runs that a person has triggered: another reference, with or without a report, drafts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from monitoring_jobs.reports.store import ReportStore, drafts
from monitoring_jobs.windows import Window
from tests.dags.conftest import Airflow, end_of_day, rows, write_monitor, write_traffic
from tests.fixtures.pushgateway import scrape

ID = "wine--20261101T000000Z--20261102T000000Z"
FIRST = Window(end_of_day(-1), end_of_day(0))


BOTH = pytest.mark.parametrize("wine", [1, 2], ids=["whole", "split"], indirect=True)


@pytest.fixture
def wine(monitors: Path, request: pytest.FixtureRequest) -> str:
    split = getattr(request, "param", 1)
    write_traffic(monitors)
    write_monitor(monitors, "wine", split=split, delay="1h", publish={"webhook": True})
    return "monitor__wine"


@pytest.fixture
def services(services: Airflow, monitors: Path) -> Airflow:
    services.env["MONITORING_WEBHOOK_URL"] = "http://127.0.0.1:1/"
    services.call("asset_events")
    return services


def store(airflow: Airflow) -> ReportStore:
    return ReportStore.open(airflow.env["MONITORING_REPORT_STORE"])


def drafted(airflow: Airflow) -> ReportStore:
    return ReportStore.open(drafts(airflow.env["MONITORING_REPORT_STORE"]))


def first_lines(log: str) -> list[str]:
    """Return the first line that our code writes, by task."""
    lines: list[str] = []
    fresh = False
    for line in log.splitlines():
        if "[DAG TEST] running task" in line:
            fresh = True
        elif fresh and ("loc=_" in line or "monitoring_jobs" in line):
            lines.append(line)
            fresh = False
    return lines


@BOTH
def test_draft_is_kept_apart_and_nothing_else_is_touched(
    services: Airflow, wine: str, database_url: str, pushgateway_url: str
) -> None:
    answer = services.run(wine, end_of_day(0), conf={"publish": False})
    assert answer.result["state"] == "success", answer.log[-5000:]
    tasks = answer.result["tasks"]
    skipped = {"write_postgres", "push_metrics", "send_webhook", "published"}
    assert {name for name, state in tasks.items() if state == "skipped"} == skipped
    assert tasks["evaluate"] == "success"
    assert drafted(services).get("wine", FIRST).id == ID
    assert store(services).monitors() == []
    counts = "SELECT (SELECT count(*) FROM monitoring.evaluation), count(*)"
    assert rows(database_url, f"{counts} FROM monitoring.evaluation_attempt") == [(0, 0)]
    assert not [labels for _, labels in scrape(pushgateway_url) if ("monitor", "wine") in labels]
    assert services.call("asset_events") == []
    assert answer.result["xcoms"]["evaluate.return_value"]["draft"] is True
    window = "window 2026-11-01T00:00:00Z/2026-11-02T00:00:00Z of monitor wine"
    told = first_lines(answer.log)
    assert len(told) >= 4, "wait_for_late_rows, evaluate and each sink"
    assert all(f"{window}; a draft, nothing is published" in line for line in told), told


def test_draft_replaces_no_official_evaluation(
    services: Airflow, wine: str, monitors: Path, database_url: str
) -> None:
    write_monitor(monitors, "wine")
    assert services.run(wine, end_of_day(0)).result["state"] == "success"
    official = store(services).get("wine", FIRST)
    conf = {"publish": False, "reference": "data.parquet"}
    assert services.run(wine, end_of_day(0), conf=conf).result["state"] == "success"
    assert store(services).get("wine", FIRST) == official
    draft = drafted(services).get("wine", FIRST)
    assert draft.reference_id != official.reference_id
    query = "SELECT reference_id FROM monitoring.evaluation"
    assert rows(database_url, query) == [(official.reference_id,)]


def test_draft_that_fails_raises_no_alarm_outside_airflow(
    services: Airflow, wine: str, monitors: Path, database_url: str, pushgateway_url: str
) -> None:
    (monitors / "reference.parquet").unlink()
    answer = services.run(wine, end_of_day(0), conf={"publish": False})
    assert answer.result["state"] == "failed"
    query = "SELECT count(*) FROM monitoring.evaluation_attempt"
    assert rows(database_url, query) == [(0,)]
    assert not [labels for _, labels in scrape(pushgateway_url) if ("monitor", "wine") in labels]


def test_f18_form_names_no_file_that_the_monitors_author_has_not_named(
    services: Airflow, wine: str, tmp_path: Path
) -> None:
    secret = tmp_path / "dotenv"
    secret.write_text("POSTGRES_PASSWORD=canary-in-a-column\n1\n", encoding="utf-8")
    services.env.pop("MONITORING_DATA_ROOTS", None)
    conf = {"reference": f"{{source: csv, path: {secret}}}", "publish": False}
    answer = services.run(wine, end_of_day(0), conf=conf)
    assert answer.result["state"] == "failed"
    assert "add its folder to MONITORING_DATA_ROOTS" in answer.log
    assert "canary-in-a-column" not in answer.log + str(answer.result)
    services.env["MONITORING_DATA_ROOTS"] = f"{tmp_path},{services.env['MONITORING_MONITORS']}"
    assert "outside the folders" not in services.run(wine, end_of_day(0), conf=conf).log


def test_window_that_has_not_ended_is_for_drafts_only(services: Airflow, wine: str) -> None:
    conf = {"start": "2036-11-02T00:00:00Z", "end": "2036-11-03T00:00:00Z"}
    answer = services.run(wine, end_of_day(0), conf=conf)
    assert answer.result["state"] == "failed"
    assert "param end: lies in the future; give an end that has passed" in answer.log


@BOTH
def test_reference_of_the_form_is_what_the_window_is_compared_with(
    services: Airflow, wine: str, monitors: Path
) -> None:
    shifted = pq.read_table(monitors / "reference.parquet")
    pq.write_table(shifted.slice(0, 1500), monitors / "other.parquet")
    conf = {"reference": "other.parquet", "publish": False}
    answer = services.run(wine, end_of_day(0), conf=conf)
    assert answer.result["state"] == "success", answer.log[-5000:]
    assert drafted(services).get("wine", FIRST).rows.reference == 1500
    assert "; reference of the trigger form: parquet; a draft" in answer.log
    conf = {"reference": "{source: trailing, windows: 1}", "publish": False}
    answer = services.run(wine, end_of_day(1), conf=conf)
    second = Window(end_of_day(0), end_of_day(1))
    assert drafted(services).get("wine", second).rows.reference == 2000
    assert "; reference of the trigger form: trailing" in answer.log


def test_reference_of_the_form_may_be_published_and_is_told_by_its_id(
    services: Airflow, monitors: Path, database_url: str
) -> None:
    write_traffic(monitors)
    write_monitor(monitors, "wine")
    query = "SELECT reference_id, spec_hash, dag_id, dag_run_id FROM monitoring.evaluation"
    usual = services.run("monitor__wine", end_of_day(1))
    (before,) = rows(database_url, query)
    assert before[2:] == ("monitor__wine", usual.result["run_id"])
    conf = {"reference": "{source: trailing, windows: 1}"}
    answer = services.run("monitor__wine", end_of_day(1), conf=conf)
    assert answer.result["state"] == "success", answer.log[-5000:]
    (after,) = rows(database_url, query)
    assert after[0] != before[0]
    assert after[1] != before[1]


@pytest.mark.parametrize("when", ["always", "never"])
def test_report_of_the_form_wins_over_the_file(
    services: Airflow, monitors: Path, when: str
) -> None:
    write_traffic(monitors)
    write_monitor(monitors, "wine", report={"when": "always" if when == "never" else "never"})
    answer = services.run("monitor__wine", end_of_day(0), conf={"report": when})
    assert answer.result["state"] == "success", answer.log[-5000:]
    assert (store(services).report_html("wine", FIRST) is not None) is (when == "always")
    assert f"; report of the trigger form: {when}" in first_lines(answer.log)[0]


@pytest.mark.parametrize(
    ("conf", "complaint"),
    [
        ({"start": "2026-11-01T00:00:00Z"}, "param end: is empty, and start is not; give both"),
        ({"repot": "never"}, "param repot: is unknown; did you mean report?"),
        ({"reference": "{source: magic}"}, "'magic' is not one of"),
    ],
)
def test_form_that_cannot_be_obeyed_fails_the_first_task_at_once_and_raises_no_alarm(
    services: Airflow, wine: str, pushgateway_url: str, conf: dict[str, Any], complaint: str
) -> None:
    answer = services.run(wine, end_of_day(0), conf=conf, retries=2)
    assert not [labels for _, labels in scrape(pushgateway_url) if ("monitor", "wine") in labels]
    tasks = answer.result["tasks"]
    assert tasks["wait_for_late_rows"] == "failed"
    assert answer.result["tries"]["wait_for_late_rows"] == 1
    assert {state for name, state in tasks.items() if name != "wait_for_late_rows"} == {
        "upstream_failed"
    }
    assert complaint in answer.log


def test_f63_login_in_the_reference_of_the_form_is_in_no_log(
    services: Airflow, wine: str, tmp_path: Path
) -> None:
    conf = {"reference": "s3://key:canary-login@bucket/x.parquet", "publish": False}
    services.env["MONITORING_DATA_ROOTS"] = os.fspath(tmp_path)
    answer = services.run(wine, end_of_day(0), conf=conf)
    assert answer.result["state"] == "failed"
    ours = [line for line in answer.log.splitlines() if "loc=_" in line or "monitoring" in line]
    assert ours
    assert not [line for line in ours if "canary-login" in line]
    assert "canary-login" not in json.dumps(answer.result)


# --- the button -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("base", "path"), [("https://airflow.example/base/", "/base/"), ("http://x:8080", "/")]
)
def test_button_leads_to_the_evaluation_and_of_a_draft_to_the_draft(
    services: Airflow, wine: str, monitors: Path, base: str, path: str
) -> None:
    write_monitor(monitors, "wine")
    services.env["AIRFLOW__API__BASE_URL"] = base
    page = f"{path}plugin/monitoring{path}monitoring"
    for conf, kind in (({"publish": True}, "evaluations"), ({"publish": False}, "drafts")):
        xcoms = services.run(wine, end_of_day(0), conf=conf).result["xcoms"]
        links = {key: value for key, value in xcoms.items() if "_link" in key}
        assert links == {"evaluate._link_ReportLink": f"{page}/{kind}/{ID}"}


def test_button_survives_serialization_and_belongs_to_evaluate_alone(
    services: Airflow, wine: str
) -> None:
    links = services.call("extra_links", dag_id=wine)
    assert links.pop("evaluate") == {"Report": "_link_ReportLink"}
    assert set(map(str, links.values())) == {"{}"}


def test_task_that_failed_has_no_button(services: Airflow, wine: str, monitors: Path) -> None:
    write_monitor(monitors, "wine")
    (monitors / "reference.parquet").unlink()
    xcoms = services.run(wine, end_of_day(0)).result["xcoms"]
    assert xcoms == {"evaluate._link_ReportLink": ""}
