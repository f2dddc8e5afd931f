"""Rows of Postgres by COPY: text from the server straight into pyarrow's parser."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2
import pyarrow as pa
import pyarrow.csv as arrow_csv

from monitoring_jobs.data.dataset import require_distinct
from monitoring_jobs.errors import (
    DatasetMissing,
    MonitoringError,
    SourceUnavailable,
    UnreadableDataset,
)

if TYPE_CHECKING:
    import sqlalchemy
    from psycopg2.extensions import connection as Connection  # noqa: N812

_BLOCK = 4 * 2**20
_CONNECT_SECONDS = 10
_STATEMENT_SECONDS = 3600

# Object ids of pg_type.dat, which never change; whatever is not listed is read as text.
_TYPES: Mapping[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    26: pa.int64(),
    700: pa.float64(),
    701: pa.float64(),
    1700: pa.float64(),
    1082: pa.date32(),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", "UTC"),
}
# bytea, json, jsonb and arrays: no check can read them.
_OPAQUE = frozenset(
    {17, 114, 199, 1000, 1001, 1005, 1007, 1009, 1015, 1016, 1021, 1022, 1115, 1182, 1185, 1231}
    | {2951, 3802, 3807}
)
_TRANSIENT = ("08", "40", "53", "55P03", "57")
_REFUSED_AT_THE_DOOR = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "no password supplied",
    "permission denied",
)


def copied_tables(
    engine: sqlalchemy.Engine,
    query: str,
    values: Mapping[str, object],
    timezone: str,
    shown: str,
) -> Iterator[pa.Table]:
    """Yield the rows of a query, a few megabytes at a time, in one read-only transaction.

    Args:
        engine: Its driver is psycopg2.
        query: One SELECT with pyformat binds.
        values: What is bound, as literals that the driver quotes.
        timezone: The session's zone: what naive timestamps are compared in.
        shown: The source as a person knows it.

    Raises:
        SourceUnavailable: The database does not answer or gave up.
        UnreadableDataset: It refused the query, or its rows cannot be read.
    """
    with _translated(shown), closing(_connect(engine)) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        connection.set_client_encoding("UTF8")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('TimeZone', %s, true), set_config('DateStyle', 'ISO', true),"
                " set_config('extra_float_digits', '1', true),"
                " set_config('statement_timeout', %s, true)",
                (timezone, f"{_STATEMENT_SECONDS}s"),
            )
            # The newline ends a comment in the query's last line.
            inner = cursor.mogrify(query, values or None).decode("utf-8") + "\n"
            cursor.execute(f"SELECT * FROM ({inner}) AS query LIMIT 0")  # noqa: S608
            described = cursor.description or ()
        names = [column.name for column in described]
        if not names:
            raise UnreadableDataset(f"{shown}: the query returns no columns", "name some")
        require_distinct(names, shown)
        types = [_type_of(column.type_code) for column in described]
        yield from _copy(connection, f"COPY ({inner}) TO STDOUT (FORMAT csv)", names, types)


def _connect(engine: sqlalchemy.Engine) -> Connection:
    arguments, options = engine.dialect.create_connect_args(engine.url)
    # libpq's own defaults wait for two hours for a server that is gone.
    defaults = {
        "connect_timeout": _CONNECT_SECONDS,
        "application_name": "monitoring-jobs",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }
    connection: Connection = psycopg2.connect(*arguments, **{**defaults, **options})
    return connection


def _type_of(code: int) -> pa.DataType:
    return pa.binary() if code in _OPAQUE else _TYPES.get(code, pa.string())


def _copy(
    connection: Connection, statement: str, names: Sequence[str], types: Sequence[pa.DataType]
) -> Iterator[pa.Table]:
    """Yield tables while a thread feeds the server's text into a pipe."""
    schema = pa.schema(list(zip(names, types, strict=True)))
    reading, writing = os.pipe()
    failures: list[Exception] = []

    def pump() -> None:
        try:
            with connection.cursor() as cursor, os.fdopen(writing, "wb", 2**20) as pipe:
                cursor.copy_expert(statement, pipe)
        except (psycopg2.Error, OSError) as exc:
            failures.append(exc)

    thread = threading.Thread(target=pump, name="copy", daemon=True)
    thread.start()
    try:
        with os.fdopen(reading, "rb", _BLOCK) as pipe:
            yield from _parsed(pipe, schema)
    except pa.ArrowException:
        # A broken connection breaks off a row: the break is the cause, not the row.
        thread.join(_CONNECT_SECONDS)
        if not failures or isinstance(failures[0], BrokenPipeError):
            raise
    finally:
        if thread.is_alive():
            connection.cancel()
        thread.join()
    if failures:
        raise failures[0]


def _parsed(pipe: Any, schema: pa.Schema) -> Iterator[pa.Table]:
    yield schema.empty_table()
    if not pipe.peek(1):
        return
    reader = arrow_csv.open_csv(
        pipe,
        read_options=arrow_csv.ReadOptions(block_size=_BLOCK, column_names=schema.names),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=arrow_csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    for batch in reader:
        yield pa.Table.from_batches([batch])


@contextmanager
def _translated(shown: str) -> Iterator[None]:
    """Translate by SQLSTATE; only texts about names are passed on, others may quote values."""
    try:
        yield
    except MonitoringError:
        raise
    except psycopg2.Error as exc:
        raise _error(exc, shown) from exc
    except (pa.ArrowException, OSError, UnicodeError) as exc:
        raise UnreadableDataset(
            f"{shown}: a value cannot be read as its column's type ({type(exc).__name__})",
            "cast the column to text or to a narrower type in the query",
        ) from exc


def _error(exc: psycopg2.Error, shown: str) -> MonitoringError:
    code = exc.pgcode or ""
    if code == "42P01":
        return DatasetMissing(f"{shown}: {_primary(exc)}", "check the query")
    if code.startswith("42"):
        return UnreadableDataset(
            f"{shown}: {_primary(exc)}", "check the query and the role's rights"
        )
    if code.startswith(_TRANSIENT):
        return SourceUnavailable(f"{shown}: Postgres gave up ({code})", "try again later")
    if code:
        return UnreadableDataset(f"{shown}: Postgres refused the query ({code})", "run it by hand")
    if any(words in str(exc) for words in _REFUSED_AT_THE_DOOR):
        return UnreadableDataset(
            f"{shown}: Postgres refused the connection", "check user, password and database"
        )
    return SourceUnavailable(f"{shown}: Postgres does not answer", "try again later")


def _primary(exc: psycopg2.Error) -> str:
    text: Any = exc.diag.message_primary
    return str(text or "the query is wrong").splitlines()[0]
