"""The environment that pods come to: complete, in the right order, understood by who reads it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy
import yaml

from monitoring_jobs.backup.places import places
from monitoring_jobs.settings import Settings
from tests.fixtures.kubectl import FOLDER
from tests.fixtures.network_policies import Pod, allowed
from tests.fixtures.pod_environment import environment
from tests.fixtures.pod_security import containers, pod_of, violations, workloads

TASK = yaml.safe_load((FOLDER / "base" / "worker-pod.yaml").read_text(encoding="utf-8"))
Environments = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def environments(
    rendered: dict[str, list[dict[str, Any]]], kubernetes_secrets: dict[str, dict[str, str]]
) -> Environments:
    """What the container of each workload of the example gets."""
    example = rendered["example"]
    maps = {one["metadata"]["name"]: one["data"] for one in example if one["kind"] == "ConfigMap"}
    pods = {one["metadata"]["name"]: pod_of(one) for one in workloads(example)}
    return {
        name: environment(containers(pod)[0], maps, kubernetes_secrets)
        for name, pod in {**pods, "airflow-task": TASK}.items()
    }


def settings(environments: Environments, pod: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in environments[pod].items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_no_reference_is_left_open(environments: Environments) -> None:
    for name, variables in environments.items():
        assert [key for key, value in variables.items() if "$(" in value] == [], name


@pytest.mark.parametrize(
    ("pod", "user"),
    [
        ("airflow-task", "monitoring_writer"),
        ("backup", "monitoring_owner"),
        ("doctor", "monitoring_writer"),
        ("migrate", "monitoring_owner"),
    ],
)
def test_the_jobs_log_in_as_whom_they_should(
    environments: Environments, monkeypatch: pytest.MonkeyPatch, pod: str, user: str
) -> None:
    url = sqlalchemy.make_url(settings(environments, pod, monkeypatch).require_database_url())
    assert (url.username, url.host, url.port, url.database) == (
        user,
        "postgres",
        5432,
        "monitoring",
    )
    assert url.query["sslmode"] == "disable"


def test_a_backup_holds_all_databases_and_stores(
    environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = places(settings(environments, "backup", monkeypatch))
    databases = {one.name: sqlalchemy.make_url(one.url) for one in found.databases}
    assert {name: (url.username, url.database) for name, url in databases.items()} == {
        "monitoring": ("monitoring_owner", "monitoring"),
        "airflow": ("airflow", "airflow"),
        "mlflow": ("mlflow", "mlflow"),
    }
    assert {one.name: one.url for one in found.stores} == {
        "reports": "s3://monitoring/reports",
        "mlflow": "s3://mlflow",
    }


def test_the_doctor_is_told_of_every_service(
    environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = settings(environments, "doctor", monkeypatch).model_dump(exclude_none=True)
    assert {
        "airflow_api_url", "airflow_password", "airflow_user", "alertmanager_url", "database_url",
        "grafana_admin_password", "grafana_admin_user", "grafana_api_url", "mlflow_tracking_uri",
        "prometheus_url", "pushgateway_url", "reader_url", "report_store",
    } <= set(told)  # fmt: skip


def test_mlflow_logs_in_to_its_own_database(environments: Environments) -> None:
    url = sqlalchemy.make_url(environments["mlflow"]["MLFLOW_BACKEND_STORE_URI"])
    assert (url.drivername, url.username, url.database) == (
        "postgresql+psycopg2",
        "mlflow",
        "mlflow",
    )


def test_mlflow_answers_to_its_service_and_to_the_address_of_its_pod(
    environments: Environments,
) -> None:
    told = environments["mlflow"]
    # A ServiceMonitor scrapes the pod, not the Service.
    assert {"mlflow:5000", "10.0.0.7:5000"} <= set(told["MLFLOW_SERVER_ALLOWED_HOSTS"].split(","))
    assert told["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:5000"


def test_a_secret_of_grafana_wins_over_the_settings(environments: Environments) -> None:
    assert environments["grafana"]["GF_SMTP_PASSWORD"] == "mail-password"
    assert environments["grafana"]["MONITORING_ALERT_SLACK_URL"] == "http://localhost/unused"


def test_a_pod_that_may_do_more_is_noticed() -> None:
    pod = {"spec": {"hostNetwork": True, "containers": [{"name": "one"}]}}
    assert list(violations(pod)) == [
        "hostNetwork", "one: runs as root", "one: may gain rights", "one: has capabilities",
        "one: no seccomp profile", "one: writes to its root",
    ]  # fmt: skip


def test_a_way_needs_both_its_halves(rendered: dict[str, list[dict[str, Any]]]) -> None:
    policies = [one for one in rendered["example"] if one["kind"] == "NetworkPolicy"]
    source = Pod("source", {"monitoring-jobs/to-mlflow": "true"})
    target = Pod("mlflow", {"app.kubernetes.io/name": "mlflow"})
    assert allowed(policies, source, target, 5000)
    for half in ("to-mlflow", "into-mlflow"):
        rest = [one for one in policies if one["metadata"]["name"] != half]
        assert not allowed(rest, source, target, 5000)
