"""Addresses and logins of services out of the fields of a connection, as Airflow keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from monitoring_jobs.errors import InvalidSettings

_DIALECTS = {"postgres": "postgresql+psycopg2", "postgresql": "postgresql+psycopg2"}
# Extras that speak to Airflow's own hooks, not to a database driver.
_HOOK_EXTRAS = frozenset(
    {
        "sqlalchemy_scheme",
        "cursor",
        "iam",
        "redshift",
        "redshift-serverless",
        "aws_conn_id",
        "region_name",
        "cluster-identifier",
        "workgroup-name",
        "azure_conn_id",
        "client_log_level",
        "enable_log_db_messages",
    }
)

# Options of fsspec's drivers by type of connection: the scheme, then the field or extra of each.
_STORES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "aws": (
        "s3",
        {
            "key": "login",
            "secret": "password",
            "token": "aws_session_token",
            "endpoint_url": "endpoint_url",
            "client_kwargs.region_name": "region_name",
        },
    ),
    "google_cloud_platform": ("gs", {"token": "key_path", "project": "project"}),
    "wasb": (
        "abfs",
        {
            "account_name": "login",
            "account_key": "password",
            "connection_string": "connection_string",
            "sas_token": "sas_token",
        },
    ),
}


class ConnectionFields(Protocol):
    """The fields of a connection; any may be empty."""

    @property
    def conn_id(self) -> str | None:
        """Its name."""

    @property
    def conn_type(self) -> str | None:
        """The kind of service: postgres, http, aws."""

    @property
    def host(self) -> str | None:
        """Host, or whole URL of an HTTP service."""

    @property
    def schema(self) -> str | None:
        """Database, or scheme or path of an HTTP service."""

    @property
    def login(self) -> str | None:
        """User."""

    @property
    def password(self) -> str | None:
        """Password."""

    @property
    def port(self) -> int | None:
        """Port."""

    @property
    def extra_dejson(self) -> Mapping[str, Any]:
        """Everything else."""


def database_url(connection: ConnectionFields) -> str:
    """Return the SQLAlchemy URL of a connection, password included.

    Raises:
        InvalidSettings: The connection has no type.
    """
    extras = {key: value for key, value in connection.extra_dejson.items() if value is not None}
    kind = (connection.conn_type or "").lower()
    scheme = extras.get("sqlalchemy_scheme") or _DIALECTS.get(kind, kind)
    if not scheme:
        raise InvalidSettings(f"connection {connection.conn_id!r} has no type", "give it one")
    if scheme.startswith("sqlite"):
        return f"{scheme}:///{connection.host or connection.schema or ''}"
    login = quote(connection.login or "", safe="")
    if connection.password:
        login += ":" + quote(connection.password, safe="")
    port = f":{connection.port}" if connection.port else ""
    query = urlencode(
        {
            key: value
            for key, value in extras.items()
            if key not in _HOOK_EXTRAS and isinstance(value, str | int) and value != ""
        }
    )
    host = f"{login}@{connection.host or ''}{port}" if login else f"{connection.host or ''}{port}"
    path = quote(connection.schema or "", safe="")
    return f"{scheme}://{host}/{path}" + (f"?{query}" if query else "")


def http_url(connection: ConnectionFields, *, login: bool = False) -> str:
    """Return the URL of an HTTP service; login and password only where they are asked for.

    Airflow's form keeps the scheme in ``schema``, its URIs keep the path there: both are read.

    Raises:
        InvalidSettings: The connection names no host.
    """
    host, schema = (connection.host or "").rstrip("/"), connection.schema or ""
    if not host:
        raise InvalidSettings(f"connection {connection.conn_id!r} names no host", "give it one")
    scheme, separator, rest = host.partition("://")
    if not separator:
        kinds = (schema.lower(), (connection.conn_type or "").lower())
        scheme, rest = next((kind for kind in kinds if kind in ("http", "https")), "http"), host
    name, slash, path = rest.partition("/")
    if connection.port:
        name += f":{connection.port}"
    if schema and schema.lower() not in ("http", "https"):
        slash, path = "/", schema.strip("/")
    user = ""
    if login and (connection.login or connection.password):
        password = quote(connection.password or "", safe="")
        user = f"{quote(connection.login or '', safe='')}:{password}@"
    return f"{scheme}://{user}{name}{slash}{path}"


def storage_options(connection: ConnectionFields) -> tuple[str, dict[str, Any]]:
    """Return the scheme of an object store, and the options with which fsspec logs in there.

    Raises:
        InvalidSettings: No object store has connections of this type.
    """
    kind = (connection.conn_type or "").lower().replace("-", "_")
    if kind not in _STORES:
        raise InvalidSettings(
            f"connection {connection.conn_id!r} is of type {kind!r}",
            f"use one of {', '.join(_STORES)}",
        )
    driver, names = _STORES[kind]
    fields = {**connection.extra_dejson, "login": connection.login, "password": connection.password}
    options: dict[str, Any] = {}
    for option, field in names.items():
        if fields.get(field):
            group, _, inner = option.partition(".")
            options[group] = {inner: fields[field]} if inner else fields[field]
    return driver, options
