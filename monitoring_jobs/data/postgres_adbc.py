"""Rows of Postgres by ADBC: the server's binary form straight into Arrow's arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from monitoring_jobs.data.postgres_query import (
    OBJECT_ID,
    Column,
    Query,
    refusal,
    session_settings,
    unfit,
)
from monitoring_jobs.data.read_ahead import read_ahead
from monitoring_jobs.errors import MissingDependency

_BATCH_BYTES = 4 * 2**20
_BEGIN = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_PER_DAY = 86_400 * 10**6
_FIRST_DAY, _LAST_DAY = ((day - date(1970, 1, 1)).days for day in (date.min, date.max))


class CannotConnect(Exception):
    """The driver does not get a connection, for whatever reason."""


def is_installed() -> bool:
    """Whether the driver can be imported."""
    try:
        _driver()
    except ImportError:
        return False
    return True


def fetched_tables(
    connection_string: str, query: Query, timezone: str, shown: str
) -> Iterator[pa.Table]:
    """Yield the rows of a query, a few megabytes at a time, in one read-only transaction.

    The tables are those that COPY gives, value for value.

    Args:
        connection_string: What libpq connects by.
        query: What Postgres has understood already.
        timezone: The session's zone: what naive timestamps are compared in.
        shown: The source as a person knows it.

    Raises:
        CannotConnect: Before the first table.
        MissingDependency: The driver is not installed.
        SourceUnavailable: The database gave up.
        UnreadableDataset: It refused the query, or its rows cannot be read.
    """
    with _connected(connection_string) as connection, _translated(shown):
        _run(connection, f"{_BEGIN}; {session_settings(timezone)}")
        yield pa.Table.from_batches([], query.schema)
        with _statement(connection) as statement:
            yield from read_ahead(_producer(statement, query), statement.cancel)


def _driver() -> tuple[Any, Any, Any]:
    """Return the driver manager, the driver, and the reader that keeps the codes of errors.

    That reader is also what ``adbc_driver_manager.dbapi`` gives; to import that module takes as
    long as to read 100,000 rows.
    """
    import adbc_driver_manager as manager
    import adbc_driver_postgresql as driver
    from adbc_driver_manager._reader import AdbcRecordBatchReader

    return manager, driver, AdbcRecordBatchReader


@contextmanager
def _connected(connection_string: str) -> Iterator[Any]:
    try:
        manager, driver, _ = _driver()
    except ImportError as exc:
        raise MissingDependency(
            "the ADBC driver of Postgres is not installed",
            "install monitoring-jobs[postgres-adbc]",
        ) from exc
    with ExitStack() as opened:
        try:
            database = opened.enter_context(closing(driver.connect(connection_string)))
            connection = opened.enter_context(closing(manager.AdbcConnection(database)))
            connection.set_autocommit(False)
        except manager.Error:
            # The text may quote the connection string.
            raise CannotConnect from None
        yield connection


def _statement(connection: Any) -> Any:
    manager, _, _ = _driver()
    return closing(manager.AdbcStatement(connection))


def _run(connection: Any, script: str) -> None:
    with _statement(connection) as statement:
        statement.set_sql_query(script)
        statement.execute_update()


def _producer(statement: Any, query: Query) -> Callable[[Callable[[pa.Table], None]], None]:
    _, _, reader = _driver()

    def produce(put: Callable[[pa.Table], None]) -> None:
        statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)})
        statement.set_sql_query(query.select([_expression(c) for c in query.columns]))
        stream, _ = statement.execute_query()
        with closing(reader._import_from_c(stream.address)) as batches:  # noqa: SLF001 - see above
            for batch in batches:
                arrays = [
                    _read_as(values, column)
                    for values, column in zip(batch.columns, query.columns, strict=True)
                ]
                put(pa.Table.from_arrays(arrays, schema=query.schema))

    return produce


def _expression(column: Column) -> str:
    if column.is_opaque:
        return column.nullness
    if column.code == OBJECT_ID:
        return f"{column.quoted}::bigint"  # the driver takes it as 32 bits with a sign
    if column.is_text_of_another_type:
        # What COPY writes; a cast to text writes some types in another way, inet for one.
        return f"CASE WHEN num_nulls({column.quoted}) = 0 THEN format('%s', {column.quoted}) END"
    return column.quoted


def _read_as(values: pa.Array, column: Column) -> pa.Array:
    """Return an array of the driver as the type that COPY's text is read as.

    Raises:
        pa.ArrowException: A value does not fit.
    """
    if isinstance(values, pa.ExtensionArray):  # numeric, as text
        values = values.storage
    if pat.is_float32(values.type):
        values = values.cast(pa.string())  # 0.1 is to become 0.1, not 0.10000000149
    _require_calendar(values)
    return values.cast(column.type)


def _require_calendar(values: pa.Array) -> None:
    """Refuse infinite times and those outside the years 1 to 9999, as a parser of text does."""
    if pat.is_date32(values.type):
        numbers, low, high = values.view(pa.int32()), _FIRST_DAY, _LAST_DAY
    elif pat.is_timestamp(values.type):
        numbers, low, high = (
            values.view(pa.int64()),
            _FIRST_DAY * _PER_DAY,
            (_LAST_DAY + 1) * _PER_DAY - 1,
        )
    else:
        return
    extremes = pc.min_max(numbers)
    least, most = extremes["min"].as_py(), extremes["max"].as_py()
    if least is not None and (least < low or most > high):
        raise pa.ArrowInvalid("a time outside the calendar")


@contextmanager
def _translated(shown: str) -> Iterator[None]:
    manager, _, _ = _driver()
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError) as exc:
        raise unfit(exc, shown) from exc
    except manager.Error as exc:
        if not exc.sqlstate and exc.status_code != manager.AdbcStatusCode.IO:
            raise unfit(exc, shown) from exc  # a row that the driver itself cannot read
        primary = dict(exc.details or ()).get(b"PG_DIAG_MESSAGE_PRIMARY", b"")
        words = primary.decode("utf-8", "replace")
        raise refusal(exc.sqlstate or "", words, str(exc), shown) from exc
