"""Reading for a person who waits: one snapshot, short timeouts, nothing written."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer

from psycopg2 import errors
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name

from monitoring_jobs.database.connection import SCHEMA_REVISION, connect, place_of
from monitoring_jobs.database.files import queries
from monitoring_jobs.database.refusals import translated
from monitoring_jobs.errors import SchemaMismatch

_OTHER_SCHEMA = (
    errors.UndefinedColumn,
    errors.UndefinedTable,
    errors.UndefinedFunction,
    errors.InvalidSchemaName,
)


@contextmanager
def reading(
    url: str,
    *,
    statement_timeout_seconds: int = 10,
    connect_timeout_seconds: int = 3,
    deadline_seconds: float = 30,
) -> Iterator[Cursor]:
    """Open a connection for a few queries that all see the same moment.

    Args:
        url: SQLAlchemy or libpq URL of the database, as role reader.
        statement_timeout_seconds: Longest time for one statement, kept by the server.
        connect_timeout_seconds: Longest wait for the server to answer.
        deadline_seconds: Longest time for all, kept here: a server that is frozen keeps none.

    Raises:
        DatabaseUnavailable: Postgres does not answer, or gave up; try again.
        DatabaseRefused: Postgres refused, and will again.
        SchemaMismatch: The database was not migrated to the schema of this code.
        InvalidSettings: The URL is none of Postgres.
    """
    with translated(place_of(url)), _same_schema():
        connection = connect(url, connect_timeout=connect_timeout_seconds)
        try:
            with _cut_off(connection, deadline_seconds):
                connection.set_session(
                    isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True
                )
                with connection.cursor() as cursor:
                    milliseconds = statement_timeout_seconds * 1000
                    cursor.execute(
                        queries("database")["prepare_transaction"],
                        {
                            "statement_timeout": milliseconds,
                            "lock_timeout": milliseconds,
                            "idle_timeout": milliseconds,
                        },
                    )
                    yield cursor
        finally:
            connection.close()


@contextmanager
def _same_schema() -> Iterator[None]:
    """Tell what is not there as what it is: the queries are of another revision."""
    try:
        yield
    except _OTHER_SCHEMA as exc:
        raise SchemaMismatch(
            f"the database schema is not at revision {SCHEMA_REVISION}, which this code needs",
            "run monitoring-jobs migrate",
        ) from exc


@contextmanager
def _cut_off(connection: Connection, seconds: float) -> Iterator[None]:
    """Shut a connection's socket when time is up: whoever waits for it learns that it is lost."""
    # A descriptor of our own: libpq's may be closed, and its number be another file's by then.
    with socket.socket(fileno=os.dup(connection.fileno())) as own:
        timer = Timer(seconds, _shut, [own])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _shut(own: socket.socket) -> None:
    with suppress(OSError):  # the server was faster
        own.shutdown(socket.SHUT_RDWR)
