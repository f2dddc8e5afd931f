"""Settings of the pages, inside the API server: the environment and Airflow's connections."""

from __future__ import annotations

import threading
from typing import Any

from airflow.configuration import conf
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from pydantic import SecretStr

from monitoring_jobs.browser import Browser
from monitoring_jobs.connection_urls import (
    ConnectionFields,
    database_url,
    http_url,
    storage_options,
)
from monitoring_jobs.links import Links, root_path
from monitoring_jobs.settings import Settings

READER = "monitoring_postgres_reader"
MLFLOW = "monitoring_mlflow"
OBJECT_STORAGE = "monitoring_object_storage"


class RememberedBrowser:
    """The browser, opened when it is first asked for, and again once it has been forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._browser: Browser | None = None

    def get(self) -> Browser:
        """Return the browser.

        Raises:
            InvalidSettings: A variable or connection is malformed.
        """
        with self._lock:
            if self._browser is None:
                settings = _settings()
                self._browser = Browser(settings, _links(settings))
            return self._browser

    def forget(self) -> None:
        """Read the settings again at the next request: somebody may have mended a connection."""
        with self._lock:
            self._browser = None


def _settings() -> Settings:
    """Read the environment; connections of the same purpose win, as they do for tasks."""
    found: dict[str, Any] = {}
    if (reader := _connection(READER)) is not None:
        found["reader_url"] = SecretStr(database_url(reader))
    if (mlflow := _connection(MLFLOW)) is not None:
        found["mlflow_tracking_uri"] = http_url(mlflow)
    if (storage := _connection(OBJECT_STORAGE)) is not None:
        import fsspec

        # Not by the environment, as for tasks: this process reads logs and more with its own.
        driver, options = storage_options(storage)
        fsspec.config.conf[driver] = options
    return Settings.load(**found)


def _links(settings: Settings) -> Links:
    root = root_path(conf.get("api", "base_url", fallback=None))
    return Links(airflow=root, mlflow=settings.mlflow_page, grafana=settings.grafana_page)


def _connection(name: str) -> ConnectionFields | None:
    try:
        found: ConnectionFields = Connection.get(name)
    except AirflowNotFoundException:
        return None
    return found
