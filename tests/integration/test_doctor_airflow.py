"""`monitoring-jobs doctor` on what `make up` starts: Airflow itself, and all services together."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from monitoring_jobs.demo.faults import MONITORS
from monitoring_jobs.doctor import Examination, State, examine
from monitoring_jobs.settings import Settings
from tests.fixtures.airflow_stack import AirflowStack
from tests.fixtures.monitors import MonitorFactory


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside all other tests a service may need longer than doctor waits."""
    monkeypatch.setattr("monitoring_jobs.doctor.web.TIMEOUT_SECONDS", 60.0)


@pytest.fixture
def monitors(airflow_stack: AirflowStack, tmp_path: Path) -> Path:
    """The demo's monitor files, without those that other tests add for a while."""
    for name in MONITORS:
        shutil.copy(airflow_stack.home.monitors / f"{name}.yaml", tmp_path)
    return tmp_path


def examined(stack: AirflowStack, monitors: Path, **changes: object) -> Examination:
    settings = Settings.load(
        **{
            "database_url": stack.databases["monitoring"],
            "reader_url": stack.databases["reader"],
            "report_store": str(stack.home.reports),
            "monitors": monitors,
            "mlflow_tracking_uri": stack.mlflow,
            "pushgateway_url": stack.pushgateway,
            "prometheus_url": stack.prometheus,
            "alertmanager_url": stack.alertmanager,
            "airflow_api_url": stack.airflow,
            "airflow_user": stack.user,
            "airflow_password": stack.password,
            **changes,
        }
    )
    return examine(settings, deadline_seconds=200.0)


def test_the_laptops_stack_is_well(
    command_environment: None, airflow_stack: AirflowStack, monitors: Path
) -> None:
    examination = examined(airflow_stack, monitors)

    found = {(one.service, one.check): one.status for one in examination.findings}
    failed = [one for one in examination.findings if one.status is State.FAILED]
    # A monitor of another test may have failed after its file was gone, and pushed that.
    assert [one for one in failed if one.check != "stale groups"] == []
    for check in ("reachable", "parts", "login", "import errors"):
        assert found["airflow", check] is State.OK
    assert found["airflow", "dags"] in (State.OK, State.WARNING)  # other tests may have paused one
    assert found["clock", "skew"] is State.OK


def test_a_wrong_login_to_airflow_is_named(
    command_environment: None, airflow_stack: AirflowStack, monitors: Path
) -> None:
    examination = examined(airflow_stack, monitors, airflow_password="not the password")

    (login,) = (one for one in examination.findings if one.check == "login")
    assert login.status is State.FAILED
    assert "MONITORING_AIRFLOW_PASSWORD" in login.cure


def test_a_dag_that_is_not_there_is_named(
    command_environment: None, airflow_stack: AirflowStack, make_monitor: MonitorFactory
) -> None:
    examination = examined(airflow_stack, make_monitor("elsewhere").parent)

    (dags,) = (one for one in examination.findings if one.check == "dags")
    assert dags.status is State.FAILED
    assert dags.message == "there is no Dag monitor__elsewhere"
    assert "MONITORING_MONITORS" in dags.cure
