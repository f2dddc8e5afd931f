"""Reading for a person who waits: one snapshot, short timeouts, nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name

from monitoring_jobs.database.connection import connect, place_of
from monitoring_jobs.database.files import queries
from monitoring_jobs.database.refusals import translated


@contextmanager
def reading(
    url: str, *, statement_timeout_seconds: int = 10, connect_timeout_seconds: int = 3
) -> Iterator[Cursor]:
    """Open a connection for a few queries that all see the same moment.

    Args:
        url: SQLAlchemy or libpq URL of the database, as role reader.
        statement_timeout_seconds: Longest time for one statement.
        connect_timeout_seconds: Longest wait for the server to answer.

    Raises:
        DatabaseUnavailable: Postgres does not answer, or gave up; try again.
        DatabaseRefused: Postgres refused, and will again.
        InvalidSettings: The URL is none of Postgres.
    """
    with translated(place_of(url)):
        connection = connect(url, connect_timeout=connect_timeout_seconds)
        try:
            connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
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
