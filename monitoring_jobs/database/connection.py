"""Connections and transactions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name
from psycopg2.extensions import make_dsn, parse_dsn

from monitoring_jobs.database.files import queries
from monitoring_jobs.database.refusals import translated
from monitoring_jobs.errors import InvalidSettings, SchemaMismatch

_PORTS = re.compile(r"[\d,]*")
SCHEMA_REVISION = "0003"
"""The revision of sql/migrations that this code is written for."""

# libpq's own defaults wait for two hours for a peer that is gone.
_PARAMETERS: dict[str, Any] = {
    "application_name": "monitoring-jobs",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}


@contextmanager
def transaction(
    url: str,
    *,
    statement_timeout_seconds: int = 300,
    lock_timeout_seconds: int = 60,
    idle_timeout_seconds: int = 300,
) -> Iterator[Connection]:
    """Open a connection and one transaction on it: committed at the end, undone on any error.

    Names without a schema mean the schema ``monitoring``.

    Args:
        url: SQLAlchemy or libpq URL of the database.
        statement_timeout_seconds: Longest time for one statement; 0 means for ever.
        lock_timeout_seconds: Longest wait for one lock; 0 means for ever.
        idle_timeout_seconds: Postgres ends a transaction whose client says nothing for so long.

    Raises:
        DatabaseUnavailable: Postgres does not answer, gave up, or went away; try again.
        DatabaseRefused: Postgres refused, and will again.
        InvalidSettings: The URL is none of Postgres.
    """
    with translated(place_of(url)):
        connection = connect(url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    queries("database")["prepare_transaction"],
                    {
                        "statement_timeout": statement_timeout_seconds * 1000,
                        "lock_timeout": lock_timeout_seconds * 1000,
                        "idle_timeout": idle_timeout_seconds * 1000,
                    },
                )
            yield connection
            connection.commit()
        except BaseException:
            with suppress(psycopg2.Error):  # the first error is the one that matters
                connection.rollback()
            raise
        finally:
            connection.close()


def connect(url: str, **parameters: int) -> Connection:
    """Open a connection; the caller closes it and translates what it raises.

    Args:
        url: SQLAlchemy or libpq URL of the database; its own parameters win.
        parameters: Of libpq, in place of what is usual here.

    Raises:
        InvalidSettings: The URL is none of Postgres.
    """
    connection: Connection = psycopg2.connect(**{**_PARAMETERS, **parameters, **_parameters(url)})
    return connection


def for_a_program(url: str) -> tuple[str, dict[str, str]]:
    """Return how a program of Postgres reaches a database: what may be seen, and what may not.

    Returns:
        The connection string without secrets, for the command line that every user of the machine
        can read, and the variables that its environment needs besides.

    Raises:
        InvalidSettings: The URL is none of Postgres, or holds a secret that no variable can.
    """
    parameters = _parameters(url)
    password = parameters.pop("password", None)
    if "sslpassword" in parameters:
        raise InvalidSettings(
            f"{place_of(url)}: every user of this machine would see its sslpassword",
            "use a key of TLS without one, or a password of Postgres",
        )
    shown = {name: str(value) for name, value in _PARAMETERS.items()} | parameters
    return make_dsn(**shown), {} if password is None else {"PGPASSWORD": password}


def place_of(url: str) -> str:
    """Name the database of a URL for a person: no user, no password."""
    parameters = _parameters(url)
    host = parameters.get("host", "localhost")
    address = "a local socket" if host.startswith("/") else host
    port = f":{parameters['port']}" if "port" in parameters else ""
    return f"Postgres database {parameters.get('dbname', '?')!r} at {address}{port}"


def require_current_schema(connection: Connection) -> None:
    """Refuse a database whose schema is not the one that this code is written for.

    Raises:
        SchemaMismatch: It is older, newer, or not there; both revisions are named.
    """
    found = refuse_newer_schema(connection)
    if found != SCHEMA_REVISION:
        raise SchemaMismatch(
            f"the database schema is at revision {found or 'none'}, "
            f"this code needs {SCHEMA_REVISION}",
            "run monitoring-jobs migrate",
        )


def refuse_newer_schema(connection: Connection) -> str | None:
    """Return the revision of the schema, None where there is no schema.

    Raises:
        SchemaMismatch: It is newer than what this code knows.
    """
    found = _revision(connection)
    if found is not None and found > SCHEMA_REVISION:
        raise SchemaMismatch(
            f"the database schema is at revision {found}, this code needs {SCHEMA_REVISION}",
            "upgrade monitoring-jobs on this machine",
        )
    return found


def _revision(connection: Connection) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(queries("database")["has_revision"])
        row = cursor.fetchone()
        if row is None or not row[0]:
            return None
        cursor.execute(queries("database")["revision"])
        row = cursor.fetchone()
    return str(row[0]) if row else None


def _parameters(url: str) -> dict[str, str]:
    scheme, separator, rest = url.partition("://")
    if separator and scheme.partition("+")[0] in ("postgresql", "postgres"):
        # libpq quotes the URL in its complaint: that one must not be chained.
        with suppress(psycopg2.ProgrammingError):
            return _unbroken(dict(parse_dsn(f"postgresql://{rest}")))
    raise InvalidSettings(
        "the results database's URL is not one of Postgres",
        "write postgresql://user:password@host:port/database in MONITORING_DATABASE_URL",
    )


def _unbroken(parameters: dict[str, str]) -> dict[str, str]:
    """Refuse a URL that an unescaped character of the password cut in the wrong place.

    Libpq would take the rest of the password for a host, port or database, and would quote it.
    """
    places = parameters.get("host", "") + parameters.get("dbname", "")
    if "@" in places or not _PORTS.fullmatch(parameters.get("port", "")):
        raise InvalidSettings(
            "the results database's URL cannot be taken apart",
            "percent-encode the password in MONITORING_DATABASE_URL: %40 for @, %2F for /",
        )
    return parameters
