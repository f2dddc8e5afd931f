"""Settings from environment variables; secrets are never printed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from monitoring_jobs.errors import InvalidSettings

CONNECTION_PREFIX = "MONITORING_CONNECTION_"
_PREFIX = "MONITORING_"


def _called(*names: str) -> Any:
    """Return a field that is read from these variables, the first that is set."""
    return Field(None, validation_alias=AliasChoices(*names), repr=False)


class Settings(BaseSettings):
    """Where the services are and how much of the machine may be used.

    Each is read from MONITORING_<NAME>, save where another variable is named below. What is said of
    each stands in docs/operations/configuration.md too: ``monitoring-jobs settings`` prints it.

    Attributes:
        database_url: URL of the results database, as role writer; as owner for ``monitoring-jobs
            migrate`` and ``backup``.
        reader_url: The same as role reader, for the report browser in Airflow.
        report_store: Folder or fsspec URL for evaluations and reports.
        mlflow_tracking_uri: MLflow tracking server.
        pushgateway_url: Pushgateway.
        textfile: File for node_exporter's textfile collector, written where no gateway is set; one
            file per monitor beside it.
        mlflow_url: MLflow as a browser reaches it, for links; by default mlflow_tracking_uri.
        airflow_url: Airflow as a browser reaches it, for links; inside Dags by default
            ``[api] base_url``.
        grafana_url: Grafana as a browser reaches it, for links.
        prometheus_url: Prometheus, for the doctor.
        alertmanager_url: Alertmanager, for the doctor.
        airflow_api_url: Airflow as this machine reaches it, for the doctor; by default airflow_url.
        airflow_user: Who the doctor logs in to Airflow as.
        airflow_password: Its password.
        grafana_api_url: Grafana as this machine reaches it, for the doctor; by default grafana_url.
        grafana_admin_user: Grafana's administrator, as whom the doctor logs in.
        grafana_admin_password: Its password.
        webhook_url: Receiver of evaluations as JSON.
        webhook_token: Bearer token of the webhook.
        cache_dir: Folder for statistics of references; may be lost at any time.
        cache_mb: Size the cache is kept under, megabytes.
        threads: Threads over columns; by default as many as there are cores.
        memory_mb: Memory that columns in flight may use, megabytes.
        monitors: Folder of monitor files.
        data_roots: Folders and URL prefixes that data may be read from, separated by commas; empty
            allows every local folder and the object stores.
        backup_databases: Further databases of a backup, ``name=URL,name=URL``; as their owners.
        backup_stores: Further folders and buckets of a backup, ``name=URL,name=URL``.
        connections: SQLAlchemy URL of the ``connection`` that a monitor file names.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        validate_default=True,
    )

    database_url: SecretStr | None = None
    reader_url: SecretStr | None = None
    report_store: str = "monitoring-reports"
    mlflow_tracking_uri: str | None = _called("MLFLOW_TRACKING_URI")
    pushgateway_url: SecretStr | None = _called("PUSHGATEWAY_URL", "PROMETHEUS_GATEWAY")
    textfile: Path | None = None
    mlflow_url: str | None = None
    airflow_url: str | None = None
    grafana_url: str | None = None
    prometheus_url: SecretStr | None = None
    alertmanager_url: SecretStr | None = None
    airflow_api_url: SecretStr | None = None
    airflow_user: str | None = None
    airflow_password: SecretStr | None = None
    grafana_api_url: SecretStr | None = None
    grafana_admin_user: str | None = _called("GRAFANA_ADMIN_USER")
    grafana_admin_password: SecretStr | None = _called("GRAFANA_ADMIN_PASSWORD")
    webhook_url: SecretStr | None = _called("MONITORING_WEBHOOK_URL", "PRAMATHUS_ENDPOINT")
    webhook_token: SecretStr | None = _called("MONITORING_WEBHOOK_TOKEN", "PRAMATHUS_API_KEY")
    cache_dir: Path = Path("~/.cache/monitoring-jobs")
    cache_mb: int = Field(2048, ge=0)
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    memory_mb: int = Field(512, ge=64)
    monitors: Path = Path("dags/monitors")
    data_roots: Annotated[tuple[str, ...], NoDecode] = ()
    backup_databases: SecretStr | None = None
    backup_stores: str | None = None
    connections: dict[str, SecretStr] = Field(default_factory=dict, exclude=True)

    @field_validator("data_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("cache_dir", "monitors", "textfile", mode="after")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        try:
            return value.expanduser() if value else value
        except RuntimeError:
            raise ValueError("no such user's home folder; write the whole path") from None

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """Read the environment; keyword arguments win. An empty variable counts as unset.

        Raises:
            InvalidSettings: A variable is malformed; its value is not shown.
        """
        named = {
            key.removeprefix(CONNECTION_PREFIX).lower(): SecretStr(value)
            for key, value in os.environ.items()
            if key.startswith(CONNECTION_PREFIX) and value
        }
        named.update(overrides.pop("connections", {}))
        try:
            return cls(**overrides, connections=named)
        except ValidationError as exc:
            problems = "; ".join(
                f"{environment_names(str(error['loc'][0]))[0]}: {error['msg']}"
                for error in exc.errors(include_input=False, include_url=False)
            )
            raise InvalidSettings(f"environment: {problems}") from None

    def require_database_url(self) -> str:
        """Return the results database's URL, password included.

        Raises:
            InvalidSettings: None is configured.
        """
        if self.database_url is None:
            raise InvalidSettings(
                "no results database is configured",
                "set MONITORING_DATABASE_URL or the Airflow connection monitoring_postgres",
            )
        return with_postgres_driver(self.database_url.get_secret_value())

    def require_reader_url(self) -> str:
        """Return the results database's URL as role reader, password included.

        Raises:
            InvalidSettings: None is configured.
        """
        if self.reader_url is None:
            raise InvalidSettings(
                "no reader of the results database is configured",
                "set MONITORING_READER_URL or the Airflow connection monitoring_postgres_reader",
            )
        return with_postgres_driver(self.reader_url.get_secret_value())

    @property
    def mlflow_page(self) -> str | None:
        """MLflow's user interface, free of logins; None where a browser has no address for it."""
        return _page(self.mlflow_url or self.mlflow_tracking_uri)

    @property
    def addresses(self) -> dict[str, str | None]:
        """Where a browser finds the user interfaces, free of logins; None where nobody has said."""
        airflow = _page(self.airflow_url)
        return {
            "airflow": airflow and f"{airflow.rstrip('/')}/",
            "mlflow": self.mlflow_page,
            "grafana": self.grafana_page,
        }

    @property
    def grafana_page(self) -> str | None:
        """Grafana, free of logins; None where a browser has no address for it."""
        return _page(self.grafana_url)

    @property
    def airflow_api(self) -> str | None:
        """Airflow as this machine reaches it, logins included; None where nobody has said."""
        return self.airflow_api_url.get_secret_value() if self.airflow_api_url else self.airflow_url

    @property
    def grafana_api(self) -> str | None:
        """Grafana as this machine reaches it, logins included; None where nobody has said."""
        return self.grafana_api_url.get_secret_value() if self.grafana_api_url else self.grafana_url

    def connection_url(self, name: str) -> str:
        """Return the SQLAlchemy URL of a named source, password included.

        Raises:
            InvalidSettings: No such connection is configured.
        """
        try:
            return with_postgres_driver(self.connections[name.lower()].get_secret_value())
        except KeyError:
            raise InvalidSettings(
                f"connection {name!r} is not configured",
                f"set {CONNECTION_PREFIX}{name.upper()} or the Airflow connection {name}",
            ) from None


def environment_names(setting: str) -> tuple[str, ...]:
    """Return the variables that a setting is read from, the one that wins first."""
    field = Settings.model_fields.get(setting)
    alias = field.validation_alias if field else None
    if isinstance(alias, AliasChoices):
        return tuple(str(name) for name in alias.choices)
    return (_PREFIX + setting.upper(),) if setting.islower() else (setting,)


def with_postgres_driver(url: str) -> str:
    """Name psycopg2 in a Postgres URL without a driver; SQLAlchemy 2.1 would take psycopg 3."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg2://" + url.removeprefix(prefix)
    return url


def _page(address: str | None) -> str | None:
    if address is None or not address.startswith(("http://", "https://")):
        return None
    return without_login(address)


def without_login(url: str) -> str:
    """Return a URL that everybody may see: no user, who may be a token, no password, no query."""
    return re.sub(r"://[^/@]*@", "://", without_password(url))


def without_password(url: str) -> str:
    """Return a URL that may be shown: no password, no query.

    Where an unescaped character of the password may have cut the URL, only its scheme is left.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("://")[0] + "://..."
    if "@" in parts.path + parts.query + parts.fragment:
        return f"{parts.scheme}://..."
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, user.partition(":")[0] + at + host, parts.path, "", ""))
