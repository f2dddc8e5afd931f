"""Airflow connections as settings of the jobs; read inside tasks only, never while parsing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from airflow.sdk import Connection
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret
from pydantic import SecretStr

from monitoring_jobs.connection_urls import database_url, http_url
from monitoring_jobs.errors import InvalidSettings
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import MonitorSpec, SqlSource

POSTGRES = "monitoring_postgres"
MLFLOW = "monitoring_mlflow"
PUSHGATEWAY = "monitoring_pushgateway"
WEBHOOK = "monitoring_webhook"
OBJECT_STORAGE = "monitoring_object_storage"

_SHORTEST_SECRET = 8  # shorter words, masked, would black out half a log

# Variables that the object stores' drivers read, by type of connection: login, password, extras.
_STORES: Mapping[str, tuple[str | None, str | None, Mapping[str, str]]] = {
    "aws": (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        {
            "aws_session_token": "AWS_SESSION_TOKEN",
            "region_name": "AWS_DEFAULT_REGION",
            "endpoint_url": "AWS_ENDPOINT_URL",
        },
    ),
    "google_cloud_platform": (
        None,
        None,
        {"key_path": "GOOGLE_APPLICATION_CREDENTIALS", "project": "GOOGLE_CLOUD_PROJECT"},
    ),
    "wasb": (
        "AZURE_STORAGE_ACCOUNT_NAME",
        "AZURE_STORAGE_ACCOUNT_KEY",
        {
            "connection_string": "AZURE_STORAGE_CONNECTION_STRING",
            "sas_token": "AZURE_STORAGE_SAS_TOKEN",
        },
    ),
}


def settings_from_connections(spec: MonitorSpec | None = None) -> Settings:
    """Read the environment; connections of the same purpose win. Secrets are masked in logs.

    Args:
        spec: A monitor whose SQL sources need connections too.

    Raises:
        InvalidSettings: A variable or connection is malformed.
    """
    found: dict[str, Any] = {}
    if (postgres := _connection(POSTGRES)) is not None:
        found["database_url"] = SecretStr(database_url(postgres))
    if (mlflow := _connection(MLFLOW)) is not None:
        found["mlflow_tracking_uri"] = http_url(mlflow)
    if (gateway := _connection(PUSHGATEWAY)) is not None:
        found["pushgateway_url"] = SecretStr(http_url(gateway, login=True))
    if (webhook := _connection(WEBHOOK)) is not None:
        # A password without a login is a bearer token.
        found["webhook_url"] = SecretStr(http_url(webhook, login=bool(webhook.login)))
        token = None if webhook.login else webhook.password
        found["webhook_token"] = SecretStr(token) if token else None
    sources = (spec.data, spec.reference) if spec else ()
    named = {source.connection for source in sources if isinstance(source, SqlSource)}
    found["connections"] = {
        name.lower(): SecretStr(database_url(connection))
        for name in sorted(named)
        if (connection := _connection(name)) is not None
    }
    settings = Settings.load(**found)
    if settings.airflow_url is None:
        address = conf.get("api", "base_url", fallback=None) or None
        settings = settings.model_copy(update={"airflow_url": address})
    _mask(settings)
    return settings


@contextmanager
def environment_from_connections() -> Iterator[None]:
    """Set the variables that MLflow's client and the object stores' drivers read, for a while."""
    variables: dict[str, str] = {}
    if (mlflow := _connection(MLFLOW)) is not None:
        variables |= _given(
            {
                "MLFLOW_TRACKING_USERNAME": mlflow.login,
                "MLFLOW_TRACKING_PASSWORD": mlflow.password,
                "MLFLOW_TRACKING_TOKEN": mlflow.extra_dejson.get("token"),
            }
        )
    if (storage := _connection(OBJECT_STORAGE)) is not None:
        variables |= _storage_variables(storage)
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _connection(name: str) -> Connection | None:
    try:
        found: Connection = Connection.get(name)
    except AirflowNotFoundException:
        return None
    return found


def _storage_variables(connection: Connection) -> dict[str, str]:
    kind = (connection.conn_type or "").lower().replace("-", "_")
    if kind not in _STORES:
        raise InvalidSettings(
            f"connection {OBJECT_STORAGE!r} is of type {kind!r}", f"use one of {', '.join(_STORES)}"
        )
    login, password, names = _STORES[kind]
    extras = connection.extra_dejson
    variables = {variable: extras.get(key) for key, variable in names.items()}
    if login and password:
        variables |= {login: connection.login, password: connection.password}
    if "AWS_ENDPOINT_URL" in variables:
        # MLflow's client reads the endpoint from a variable of its own.
        variables["MLFLOW_S3_ENDPOINT_URL"] = variables["AWS_ENDPOINT_URL"]
    return _given(variables)


def _given(variables: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in variables.items() if value}


def _secrets_in(value: str) -> list[str]:
    """Return what is secret in a URL: its password, a bare token, the values of its query."""
    if "://" not in value:
        return [value]
    parts = urlsplit(value)
    # http://token@host is a bearer token; postgresql://user@host is a name.
    token = parts.username if parts.password is None and parts.scheme.startswith("http") else None
    queried = [text for _, text in parse_qsl(parts.query) if len(text) >= _SHORTEST_SECRET]
    return [secret for secret in (parts.password, token, *queried) if secret]


def _mask(settings: Settings) -> None:
    """Hide secrets from the logs of tasks: those of the environment are unknown to Airflow."""
    secrets = [
        settings.database_url,
        settings.pushgateway_url,
        settings.webhook_url,
        settings.webhook_token,
        *settings.connections.values(),
    ]
    values = [secret.get_secret_value() for secret in secrets if secret is not None]
    if settings.mlflow_tracking_uri is not None:
        values.append(settings.mlflow_tracking_uri)
    for value in values:
        for secret in _secrets_in(value):
            mask_secret(secret)
            mask_secret(unquote(secret))
    if settings.webhook_url is not None:
        # Receivers like Slack keep their secret in the path; a short one is no secret.
        path = urlsplit(settings.webhook_url.get_secret_value()).path
        if len(path) > _SHORTEST_SECRET:
            mask_secret(path)
