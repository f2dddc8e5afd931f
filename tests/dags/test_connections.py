"""Airflow connections win over the environment, and errors tell Airflow what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitoring_jobs import errors
from tests.dags.conftest import Airflow, WorkerError, write_monitor


def test_environment_serves_where_there_is_no_connection(airflow: Airflow) -> None:
    airflow.env |= {
        "MONITORING_DATABASE_URL": "postgresql://writer:secret@db/results",
        "MLFLOW_TRACKING_URI": "http://mlflow.example:5000",
        "PROMETHEUS_GATEWAY": "http://gateway:9091",
    }
    found = airflow.call("settings")
    assert found["database_url"] == "postgresql://writer:secret@db/results"
    assert found["mlflow_tracking_uri"] == "http://mlflow.example:5000"
    assert found["pushgateway_url"] == "http://gateway:9091"


def test_connections_win_over_the_environment(airflow: Airflow) -> None:
    airflow.env |= {
        "MONITORING_DATABASE_URL": "postgresql://env",
        "MLFLOW_TRACKING_URI": "http://env",
        "PUSHGATEWAY_URL": "http://env",
        "MONITORING_WEBHOOK_URL": "http://env",
        "PRAMATHUS_API_KEY": "env",
        "AIRFLOW_CONN_MONITORING_POSTGRES": "postgres://w%40ter:p%2Fw@db:5433/results?sslmode=require",
        "AIRFLOW_CONN_MONITORING_MLFLOW": "https://alice:wonder@mlflow.example/base",
        "AIRFLOW_CONN_MONITORING_PUSHGATEWAY": "http://push:word@gateway:9091",
        "AIRFLOW_CONN_MONITORING_WEBHOOK": json.dumps(
            {"conn_type": "http", "host": "https://hooks.example/in", "password": "token"}
        ),
    }
    found = airflow.call("settings")
    assert found["database_url"] == (
        "postgresql+psycopg2://w%40ter:p%2Fw@db:5433/results?sslmode=require"
    )
    assert found["mlflow_tracking_uri"] == "https://mlflow.example/base", "no password in a URL"
    assert found["environment"]["MLFLOW_TRACKING_USERNAME"] == "alice"
    assert found["environment"]["MLFLOW_TRACKING_PASSWORD"] == "wonder"
    assert found["pushgateway_url"] == "http://push:word@gateway:9091"
    assert found["webhook_url"] == "https://hooks.example/in"
    assert found["webhook_token"] == "token"
    assert found["restored"], "the next task of the process must not see these variables"


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        ({"conn_type": "http", "host": "gw", "port": 9091}, "http://gw:9091"),
        ({"conn_type": "http", "host": "gw", "schema": "https"}, "https://gw"),
        ({"conn_type": "http", "host": "https://gw/push", "port": 443}, "https://gw:443/push"),
    ],
)
def test_http_connection_is_read_as_the_form_of_airflow_writes_it(
    airflow: Airflow, connection: dict[str, object], url: str
) -> None:
    airflow.env["AIRFLOW_CONN_MONITORING_PUSHGATEWAY"] = json.dumps(connection)
    assert airflow.call("settings")["pushgateway_url"] == url


def test_socket_of_a_local_postgres_is_kept(airflow: Airflow) -> None:
    uri = "postgres://writer@/results?host=%2Frun%2Fpostgres"
    airflow.env["AIRFLOW_CONN_MONITORING_POSTGRES"] = uri
    url = airflow.call("settings")["database_url"]
    assert url == "postgresql+psycopg2://writer@/results?host=%2Frun%2Fpostgres"


def test_sql_source_finds_its_connection(airflow: Airflow, monitors: Path) -> None:
    data = {"source": "sql", "connection": "warehouse", "table": "log", "timestamp": "ts"}
    path = write_monitor(monitors, "wine", data=data)
    airflow.env |= {
        "MONITORING_CONNECTION_WAREHOUSE": "postgresql://env/x",
        "AIRFLOW_CONN_WAREHOUSE": json.dumps(
            {
                "conn_type": "mssql",
                "host": "dwh",
                "login": "u",
                "password": "p:w",
                "schema": "logs",
                "extra": {"sqlalchemy_scheme": "mssql+pymssql", "charset": "utf8"},
            }
        ),
    }
    found = airflow.call("settings", monitor=str(path))
    assert found["connections"] == {"warehouse": "mssql+pymssql://u:p%3Aw@dwh/logs?charset=utf8"}
    del airflow.env["AIRFLOW_CONN_WAREHOUSE"]
    found = airflow.call("settings", monitor=str(path))
    assert found["connections"] == {"warehouse": "postgresql://env/x"}


def test_object_storage_connection_reaches_its_driver_through_the_environment(
    airflow: Airflow,
) -> None:
    airflow.env["AIRFLOW_CONN_MONITORING_OBJECT_STORAGE"] = json.dumps(
        {
            "conn_type": "aws",
            "login": "key",
            "password": "secret",
            "extra": {"endpoint_url": "http://minio:9000", "region_name": "eu-central-1"},
        }
    )
    found = airflow.call("settings")
    expected = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": "http://minio:9000",
        "MLFLOW_S3_ENDPOINT_URL": "http://minio:9000",
    }
    assert expected.items() <= found["environment"].items()
    assert found["restored"]


def test_object_storage_of_an_unknown_kind_is_refused(airflow: Airflow) -> None:
    airflow.env["AIRFLOW_CONN_MONITORING_OBJECT_STORAGE"] = "ftp://host"
    with pytest.raises(WorkerError, match="is of type 'ftp'; use one of aws"):
        airflow.call("settings")


def _kinds(root: type[errors.MonitoringError]) -> list[str]:
    many = (errors.SinksFailed, errors.SinksRefused)
    own = (kind for kind in root.__subclasses__() if kind.__module__ == errors.__name__)
    return [kind.__name__ for kind in own if kind not in many]


@pytest.mark.parametrize("error", _kinds(errors.TransientError))
def test_transient_error_is_left_to_airflow_to_retry(airflow: Airflow, error: str) -> None:
    assert airflow.call("outcome_of", error=error) == error


@pytest.mark.parametrize(
    "error",
    [k for k in _kinds(errors.TerminalError) if k not in ("StaleAttempt", "InvalidMonitor")],
)
def test_terminal_error_fails_the_task_at_once(airflow: Airflow, error: str) -> None:
    assert airflow.call("outcome_of", error=error) == "AirflowFailException"


def test_f28_overtaken_attempt_is_skipped(airflow: Airflow) -> None:
    answer = airflow.ask("outcome_of", error="StaleAttempt")
    assert answer.result == "AirflowSkipException"
    assert "stale attempt" in answer.log


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("SinksRefused:GatewayRejected,WebhookRefused", "AirflowFailException"),
        ("SinksFailed:GatewayRejected,WebhookUnavailable", "SinksFailed"),
    ],
)
def test_sinks_are_tried_again_where_that_may_help(
    airflow: Airflow, error: str, outcome: str
) -> None:
    assert airflow.call("outcome_of", error=error) == outcome
