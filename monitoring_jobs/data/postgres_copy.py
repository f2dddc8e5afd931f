"""Rows of Postgres by COPY: text from the server straight into pyarrow's parser."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
from psycopg2.extensions import make_dsn

from monitoring_jobs.data.dataset import require_distinct
from monitoring_jobs.data.postgres_query import (
    UTC_MICROSECONDS,
    Column,
    Query,
    refusal,
    session_settings,
    unfit,
)
from monitoring_jobs.data.read_ahead import read_ahead
from monitoring_jobs.errors import MonitoringError, UnreadableDataset

if TYPE_CHECKING:
    import sqlalchemy
    from psycopg2.extensions import connection as Connection  # noqa: N812

_BLOCK = 2 * 2**20
_CONNECT_SECONDS = 10
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What COPY's text format writes for characters that would end a value or a row. Text of Postgres
# holds no NUL, so that one can stand for a backslash meanwhile.
_ESCAPES = (
    ("\\\\", "\0"),
    ("\\n", "\n"),
    ("\\t", "\t"),
    ("\\r", "\r"),
    ("\\b", "\b"),
    ("\\f", "\f"),
    ("\\v", "\v"),
    ("\0", "\\"),
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
        understood = _described(connection, query, values, timezone, shown)
        yield pa.Table.from_batches([], understood.schema)
        yield from _copied(connection, understood)


def describe(
    engine: sqlalchemy.Engine,
    query: str,
    values: Mapping[str, object],
    timezone: str,
    shown: str,
) -> Query:
    """Let Postgres tell what a query returns; arguments and errors as of ``copied_tables``."""
    with _translated(shown), closing(_connect(engine)) as connection:
        return _described(connection, query, values, timezone, shown)


def connection_string(engine: sqlalchemy.Engine) -> str:
    """Return what any libpq connects by as psycopg2 would; it holds the password."""
    arguments, options = engine.dialect.create_connect_args(engine.url)
    # libpq's own defaults wait for two hours for a server that is gone.
    defaults = {
        "connect_timeout": _CONNECT_SECONDS,
        "application_name": "monitoring-jobs",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }
    return make_dsn(*arguments, **{**defaults, **options})


def _connect(engine: sqlalchemy.Engine) -> Connection:
    connection: Connection = psycopg2.connect(connection_string(engine))
    return connection


def _described(
    connection: Connection,
    query: str,
    values: Mapping[str, object],
    timezone: str,
    shown: str,
) -> Query:
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    connection.set_client_encoding("UTF8")
    with connection.cursor() as cursor:
        cursor.execute(session_settings(timezone))
        text = cursor.mogrify(query, values or None).decode("utf-8")
        cursor.execute(f"SELECT * FROM ({text}\n) AS query LIMIT 0")  # noqa: S608
        columns = [Column(column.name, column.type_code) for column in cursor.description or ()]
    if not columns:
        raise UnreadableDataset(f"{shown}: the query returns no columns", "name some")
    require_distinct([column.name for column in columns], shown)
    return Query(text, columns)


# --- the stream ---------------------------------------------------------------------------------
class _Blocks(io.RawIOBase):
    """Passes on what is written, as bytes."""

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._put(bytes(data))
        return len(data)


def _copied(connection: Connection, query: Query) -> Iterator[pa.Table]:
    # The text format costs the server less than its CSV, and a line's end is always a row's end.
    statement = f"COPY ({query.select([_expression(c) for c in query.columns])}) TO STDOUT"

    def produce(put: Callable[[bytes], None]) -> None:
        with connection.cursor() as cursor, io.BufferedWriter(_Blocks(put), _BLOCK) as stream:
            cursor.copy_expert(statement, stream)

    rest = b""
    for block in read_ahead(produce, connection.cancel):
        rows = rest + block
        end = rows.rfind(b"\n") + 1
        rest = rows[end:]
        if end:
            yield _parsed(rows[:end], query.columns)


def _expression(column: Column) -> str:
    if column.is_opaque:
        return column.nullness
    if column.type == UTC_MICROSECONDS:
        # Offsets of the 19th century have seconds, which no parser knows.
        return f"{column.quoted} AT TIME ZONE 'UTC'"
    return column.quoted


def _parsed(rows: bytes, columns: Sequence[Column]) -> pa.Table:
    """Return whole rows as a table.

    One call for each block, and not pyarrow's streaming reader: that one calls a Python stream from
    threads which outlive it, and a process that ends meanwhile is aborted.
    """
    if rows.startswith(_BYTE_ORDER_MARK):
        rows = _BYTE_ORDER_MARK + rows  # the parser drops one
    names = [column.name for column in columns]
    wall = {UTC_MICROSECONDS: pa.timestamp("us")}
    types = {column.name: wall.get(column.type, column.type) for column in columns}
    table = arrow_csv.read_csv(
        pa.BufferReader(rows),
        read_options=arrow_csv.ReadOptions(
            use_threads=False, block_size=len(rows) + 1, column_names=names
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter="\t", quote_char=False, double_quote=False, ignore_empty_lines=False
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types,
            null_values=["\\N"],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
        ),
    )
    escaped = b"\\" in rows
    arrays = [_read_as(table.column(c.name), c.type, escaped=escaped) for c in columns]
    return pa.table(arrays, names=names)


def _read_as(values: pa.ChunkedArray, data_type: pa.DataType, *, escaped: bool) -> pa.ChunkedArray:
    if not pa.types.is_string(data_type):
        return values.cast(data_type)
    if escaped and pc.any(pc.match_substring(values, "\\")).as_py():
        for written, meant in _ESCAPES:
            values = pc.replace_substring(values, written, meant)
    return values


# --- errors -------------------------------------------------------------------------------------
@contextmanager
def _translated(shown: str) -> Iterator[None]:
    try:
        yield
    except MonitoringError:
        raise
    except psycopg2.Error as exc:
        primary = exc.diag.message_primary or ""
        raise refusal(exc.pgcode or "", primary, str(exc), shown) from exc
    except (pa.ArrowException, OSError, UnicodeError) as exc:
        raise unfit(exc, shown) from exc
