"""Settings: the environment in, nothing secret out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from monitoring_jobs.errors import InvalidSettings
from monitoring_jobs.settings import (
    Settings,
    environment_names,
    with_postgres_driver,
    without_password,
)

CANARY = "canary-8c1f"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {name for field in Settings.model_fields for name in environment_names(field)}
    for name in os.environ:
        if name in names or name.startswith("MONITORING_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ("MONITORING_DATABASE_URL", "database_url"),
        ("MONITORING_REPORT_STORE", "report_store"),
        ("MLFLOW_TRACKING_URI", "mlflow_tracking_uri"),
        ("PUSHGATEWAY_URL", "pushgateway_url"),
        ("PROMETHEUS_GATEWAY", "pushgateway_url"),
        ("MONITORING_WEBHOOK_URL", "webhook_url"),
        ("PRAMATHUS_ENDPOINT", "webhook_url"),
        ("MONITORING_WEBHOOK_TOKEN", "webhook_token"),
        ("PRAMATHUS_API_KEY", "webhook_token"),
    ],
)
def test_variables_of_old_and_new_name_are_read(
    monkeypatch: pytest.MonkeyPatch, variable: str, field: str
) -> None:
    monkeypatch.setenv(variable, "http://example.com")
    value = getattr(Settings.load(), field)
    shown = value.get_secret_value() if isinstance(value, SecretStr) else value
    assert shown == "http://example.com"


def test_numbers_and_paths_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_THREADS", "3")
    monkeypatch.setenv("MONITORING_MEMORY_MB", "128")
    monkeypatch.setenv("MONITORING_TEXTFILE", "~/metrics.prom")
    settings = Settings.load()
    assert (settings.threads, settings.memory_mb) == (3, 128)
    assert settings.textfile == Path.home() / "metrics.prom"


def test_the_new_name_wins_over_the_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_GATEWAY", "http://old")
    monkeypatch.setenv("PUSHGATEWAY_URL", "http://new")
    url = Settings.load().pushgateway_url
    assert url is not None
    assert url.get_secret_value() == "http://new"


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_REPORT_STORE", "s3://elsewhere")
    assert Settings.load(report_store="here").report_store == "here"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHGATEWAY_URL", "")
    monkeypatch.setenv("MONITORING_THREADS", "")
    settings = Settings.load()
    assert settings.pushgateway_url is None
    assert settings.threads >= 1


def test_the_cache_lies_in_the_home_folder_by_default() -> None:
    assert Settings.load().cache_dir == Path.home() / ".cache/monitoring-jobs"


def test_data_roots_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_DATA_ROOTS", "/data, s3://predictions/ ,")
    assert Settings.load().data_roots == ("/data", "s3://predictions/")


def test_named_connections_are_read_whatever_their_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_CONNECTION_WAREHOUSE", "postgres://u:p@host/db")
    assert Settings.load().connection_url("Warehouse") == "postgresql+psycopg2://u:p@host/db"


def test_an_unknown_connection_names_its_variable() -> None:
    with pytest.raises(InvalidSettings, match="MONITORING_CONNECTION_WAREHOUSE"):
        Settings.load().connection_url("warehouse")


def test_without_a_database_the_error_names_the_variable() -> None:
    with pytest.raises(InvalidSettings, match="set MONITORING_DATABASE_URL"):
        Settings.load().require_database_url()


def test_without_a_reader_the_error_names_the_variable() -> None:
    with pytest.raises(InvalidSettings, match="MONITORING_READER_URL"):
        Settings.load(database_url="postgresql://writer@h/d").require_reader_url()


@pytest.mark.parametrize(
    ("variables", "page"),
    [
        ({"MLFLOW_TRACKING_URI": "http://mlflow:5000"}, "http://mlflow:5000"),
        ({"MLFLOW_TRACKING_URI": "http://user:canary@mlflow:5000"}, "http://mlflow:5000"),
        ({"MLFLOW_TRACKING_URI": "http://canary-token@mlflow:5000"}, "http://mlflow:5000"),
        ({"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}, None),
        ({"MLFLOW_TRACKING_URI": "databricks"}, None),
        (
            {
                "MLFLOW_TRACKING_URI": "http://mlflow:5000",
                "MONITORING_MLFLOW_URL": "https://ml.example",
            },
            "https://ml.example",
        ),
        ({}, None),
    ],
)
def test_mlflow_has_a_page_where_a_browser_can_reach_it(
    variables: dict[str, str], page: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Settings.load().mlflow_page == page


def test_f63_a_malformed_variable_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_THREADS", CANARY)
    monkeypatch.setenv("MONITORING_MEMORY_MB", "1")
    with pytest.raises(InvalidSettings) as caught:
        Settings.load()
    message = str(caught.value)
    assert "MONITORING_THREADS" in message
    assert "MONITORING_MEMORY_MB" in message
    assert CANARY not in message
    assert "\n" not in message


def test_f63_a_home_folder_of_nobody_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_CACHE_DIR", "~nosuchuser/x")
    with pytest.raises(InvalidSettings, match=r"MONITORING_CACHE_DIR: .*write the whole path"):
        Settings.load()


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="DATABSE_URL"):
        Settings.load(databse_url="x")


def test_f63_secrets_do_not_show_in_any_form(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = f"postgresql://user:{CANARY}@host/db"
    for name in ("MONITORING_DATABASE_URL", "PUSHGATEWAY_URL", "MONITORING_WEBHOOK_URL"):
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("MONITORING_WEBHOOK_TOKEN", CANARY)
    monkeypatch.setenv("MONITORING_CONNECTION_WAREHOUSE", secret)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:{CANARY}@mlflow")
    settings = Settings.load()
    shown = [str(settings), repr(settings), f"{settings.database_url}"]
    shown.append(settings.model_dump_json(exclude={"mlflow_tracking_uri"}))
    assert all(CANARY not in text for text in shown)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgres://h/d", "postgresql+psycopg2://h/d"),
        ("postgresql://h/d", "postgresql+psycopg2://h/d"),
        ("postgresql+psycopg2://h/d", "postgresql+psycopg2://h/d"),
        ("sqlite:///x.db", "sqlite:///x.db"),
    ],
)
def test_postgres_urls_name_their_driver(url: str, named: str) -> None:
    assert with_postgres_driver(url) == named


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"http://user:{CANARY}@host:80/x?token={CANARY}", "http://user@host:80/x"),
        ("http://host/x", "http://host/x"),
        (f"postgresql://u:{CANARY}@/db", "postgresql://u@/db"),
        (f"s3://k:a/{CANARY}@b/x", "s3://..."),
        (f"http://u:{CANARY}?@h/x", "http://..."),
        (f"http://u:[{CANARY}@h/x", "http://..."),
    ],
)
def test_f63_a_shown_url_has_no_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
