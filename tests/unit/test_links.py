"""Addresses for people."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from monitoring_jobs.links import Links
from tests.fixtures.evaluations import DAY, make_evaluation

LINKS = Links(airflow="/", mlflow="http://mlflow:5000/", grafana="https://grafana.example")
ID = make_evaluation().id


def test_pages_of_the_browser_are_opened_inside_airflows_frame() -> None:
    assert LINKS.monitors() == "/plugin/monitoring/monitoring/"
    assert LINKS.monitor("wine") == "/plugin/monitoring/monitoring/monitors/wine"
    assert LINKS.evaluation(ID) == f"/plugin/monitoring/monitoring/evaluations/{ID}"
    assert LINKS.report(ID, draft=True) == f"/plugin/monitoring/monitoring/drafts/{ID}/report"


def test_a_path_below_which_airflow_lives_is_kept_in_frame_and_page() -> None:
    links = Links(airflow="https://host/airflow/")
    assert links.monitor("wine") == (
        "https://host/airflow/plugin/monitoring/airflow/monitoring/monitors/wine"
    )
    assert links.dag("monitor__wine") == "https://host/airflow/dags/monitor__wine"


def test_ids_of_runs_are_quoted() -> None:
    assert LINKS.dag_run("monitor__wine", "scheduled__2026-11-20T00:00:00+00:00") == (
        "/dags/monitor__wine/runs/scheduled__2026-11-20T00%3A00%3A00%2B00%3A00"
    )
    assert LINKS.dag_run("d", "../../x?y#z") == "/dags/d/runs/..%2F..%2Fx%3Fy%23z"


def test_a_model_is_shown_by_mlflow_with_its_version() -> None:
    assert LINKS.mlflow_model("wine") == "http://mlflow:5000/#/models/wine"
    assert LINKS.mlflow_model("a/b c", "3") == "http://mlflow:5000/#/models/a%2Fb%20c/versions/3"


def test_grafana_shows_the_monitor_over_the_window() -> None:
    address = LINKS.grafana_monitor("wine", DAY)
    assert address is not None
    parts = urlsplit(address)
    assert (parts.netloc, parts.path) == ("grafana.example", "/d/evidently-drift")
    assert parse_qs(parts.query) == {
        "var-monitor": ["wine"],
        "from": ["1795132800000"],
        "to": ["1795219200000"],
    }


def test_what_has_no_address_has_no_link() -> None:
    assert Links().mlflow_model("wine") is None
    assert Links().grafana_monitor("wine", DAY) is None
