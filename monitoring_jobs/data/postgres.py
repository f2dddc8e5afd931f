"""Rows of Postgres, by the fastest road that is installed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

import pyarrow as pa

from monitoring_jobs.data.postgres_adbc import CannotConnect, fetched_tables, is_installed
from monitoring_jobs.data.postgres_copy import connection_string, copied_tables, describe

if TYPE_CHECKING:
    import sqlalchemy

log = logging.getLogger(__name__)


class Road(StrEnum):
    """How rows come from Postgres; they are the same rows."""

    ADBC = "adbc"
    COPY = "copy"


def postgres_tables(
    engine: sqlalchemy.Engine,
    query: str,
    values: Mapping[str, object],
    timezone: str,
    shown: str,
    road: Road | None = None,
) -> Iterator[pa.Table]:
    """Yield the rows of a query, a few megabytes at a time, from one read-only transaction.

    Args:
        engine: Its driver is psycopg2.
        query: One SELECT with pyformat binds.
        values: What is bound, as literals that the driver quotes.
        timezone: The session's zone: what naive timestamps are compared in.
        shown: The source as a person knows it.
        road: How they come; None takes ADBC where its driver is installed, else COPY.

    Raises:
        SourceUnavailable: The database does not answer or gave up.
        UnreadableDataset: It refused the query, or its rows cannot be read.
        MissingDependency: ADBC is asked for and not installed.
    """
    if road is None:
        road = Road.ADBC if is_installed() else Road.COPY
    if road is Road.ADBC:
        understood = describe(engine, query, values, timezone, shown)
        try:
            yield from fetched_tables(connection_string(engine), understood, timezone, shown)
        except CannotConnect:
            # Its libpq may lack what psycopg2's has, Kerberos for one. If it is the server that
            # does not answer any more, COPY finds the words.
            log.info("%s: ADBC cannot connect, COPY reads", shown, extra={"action": "fell_back"})
        else:
            return
    yield from copied_tables(engine, query, values, timezone, shown)
