"""SQL sources: a query's rows streamed into temporary parquet files, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy
from sqlalchemy.pool import NullPool

from monitoring_jobs.data.dataset import require_distinct
from monitoring_jobs.data.postgres import Road, postgres_tables
from monitoring_jobs.data.spool import Spool, Spooled
from monitoring_jobs.data.timestamps import Clock, whole_units
from monitoring_jobs.errors import (
    DatasetMissing,
    InvalidSettings,
    MissingDependency,
    SourceUnavailable,
    UnreadableDataset,
)
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import SqlSource
from monitoring_jobs.windows import Window

Bind = datetime | int | str
_ROWS_PER_BATCH = 20_000
# A column may hold local times or text in any spelling; the exact filter comes after the query.
# No two clocks on earth are further apart.
_SLACK = timedelta(hours=26)
_ISO_DATE_GLOB = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"


def spool_sql(
    source: SqlSource,
    window: Window | None,
    binds: Window | None,
    folder: Path,
    settings: Settings,
    *,
    road: Road | None = None,
) -> Spooled:
    """Run a query, or read a table, into temporary parquet files.

    Postgres is read by ADBC where its driver is installed, else by COPY, and the rows are the same;
    neither makes a Python object of a value. Every other database is read by a streaming cursor.

    ``:start`` and ``:end`` of a query are instants for Postgres, whole numbers where a ``unit`` is
    given, and else naive times on the clock of ``timezone`` (default UTC). SQLite has no times and
    compares text by its letters, of which ``2026-11-20T06:00:00Z`` and ``2026-11-20 06:00:00`` have
    different ones. So if the source names its ``timestamp`` and rows are filtered to a window, it
    gets dates (``2026-11-18``) at least a day outside the window, for the exact filter to follow;
    such a query must not aggregate or limit its rows. Otherwise it gets exactly the bounds as
    ``2026-11-20 06:00:00``, and rows in another form must be brought into this one by the query:
    ``WHERE datetime(ts) >= :start AND datetime(ts) < :end``.

    Args:
        source: What the monitor file says.
        window: The rows to keep; None keeps all.
        binds: What ``:start`` and ``:end`` mean.
        folder: Where temporary files are put.
        settings: Knows the connection's URL.
        road: How rows come from Postgres; None takes the fastest that is installed.

    Raises:
        UnreadableDataset: The query is wrong, or its rows do not say when they happened.
        SourceUnavailable: The database does not answer.
        InvalidSettings: The connection is not configured, or its URL is malformed.
    """
    shown = f"connection {source.connection!r}"
    clock = Clock(source.timestamp, source.timezone, source.unit) if source.timestamp else None
    engine = _engine(settings.connection_url(source.connection), source.connection)
    spool = Spool(folder, shown, clock, window)
    with _translated(shown, engine), spool:
        for batch in _batches(engine, source, window, binds, shown, road):
            spool.write(batch)
    return Spooled(spool.files, spool.left_out)


def _batches(
    engine: sqlalchemy.Engine,
    source: SqlSource,
    window: Window | None,
    binds: Window | None,
    shown: str,
    road: Road | None,
) -> Iterator[pa.Table]:
    is_postgres = engine.dialect.name == "postgresql" and engine.dialect.driver == "psycopg2"
    by_letters = engine.dialect.name == "sqlite" and source.unit is None
    if source.query is not None:
        text, limits = source.query.strip().rstrip(";"), binds
        by_letters = by_letters and window is not None and source.timestamp is not None
        if by_letters and binds is not None:
            limits = _around(binds)
    else:
        text, limits = _select_from(engine, source, window, is_postgres=is_postgres)
    statement = sqlalchemy.text(text)
    compiled = statement.compile(dialect=engine.dialect)
    names = sorted(compiled.params)
    unknown = [name for name in names if name not in ("start", "end")]
    if unknown:
        raise UnreadableDataset(
            f"{shown}: the query binds :{unknown[0]}, which has no value",
            "only :start and :end have one; write '\\:' for a colon",
        )
    if names and limits is None:
        raise UnreadableDataset(
            f"{shown}: the query binds :{names[0]}, but no window is given", "remove it"
        )
    values: dict[str, Bind] = {}
    for name in names:
        limit = getattr(limits, name)
        values[name] = (
            _date(limit, name)
            if by_letters
            else _bind(limit, engine, source, is_postgres=is_postgres)
        )
    if is_postgres:
        # Without values the driver leaves doubled percent signs as they are.
        sql = str(compiled) if values else str(compiled).replace("%%", "%")
        yield from postgres_tables(engine, sql, values, source.timezone or "UTC", shown, road)
    else:
        yield from _streamed(engine, statement, values, shown)


def _select_from(
    engine: sqlalchemy.Engine, source: SqlSource, window: Window | None, *, is_postgres: bool
) -> tuple[str, Window | None]:
    """Return the statement that reads a table, limited roughly to the window where that is safe."""
    quote = engine.dialect.identifier_preparer.quote
    table = ".".join(quote(part) for part in (source.table or "").split("."))
    everything = f"SELECT * FROM {table}"  # noqa: S608 - quoted identifiers of the monitor file
    if window is None or source.timestamp is None:
        return everything, None
    column = quote(source.timestamp).replace(":", "\\:")
    if is_postgres and source.unit is None and not _compares_with_times(engine, source):
        return everything, None
    inside = f"{column} >= :start AND {column} < :end"
    return f"{everything} WHERE ({inside}) OR {_timeless(engine, source, column)}", _around(window)


def _timeless(engine: sqlalchemy.Engine, source: SqlSource, column: str) -> str:
    """Return the condition of rows that no bound finds, so that they are counted or refused.

    SQLite lets a column hold anything, and sorts all numbers before any text.
    """
    if engine.dialect.name != "sqlite":
        return f"{column} IS NULL"
    if source.unit is not None:
        return f"typeof({column}) NOT IN ('integer', 'real')"
    return f"{column} IS NULL OR {column} NOT GLOB '{_ISO_DATE_GLOB}'"


def _around(window: Window) -> Window:
    return Window(window.start - _SLACK, window.end + _SLACK)


def _date(limit: datetime, name: str) -> str:
    """Return a date before or after which all times of a stretch sort as text, in any form."""
    day = limit.date() + timedelta(days=1 if name == "end" else 0)
    return day.isoformat()


def _compares_with_times(engine: sqlalchemy.Engine, source: SqlSource) -> bool:
    """Whether Postgres compares the timestamp column with a timestamp: text it does not."""
    schema, _, table = (source.table or "").rpartition(".")
    columns = sqlalchemy.inspect(engine).get_columns(table, schema=schema or None)
    kinds = (sqlalchemy.DateTime, sqlalchemy.Date)
    return any(isinstance(c["type"], kinds) for c in columns if c["name"] == source.timestamp)


def _bind(
    instant: datetime, engine: sqlalchemy.Engine, source: SqlSource, *, is_postgres: bool
) -> Bind:
    """Return a window's bound as the timestamp column writes time.

    Postgres gets an instant. Others get the wall clock of the source's time zone, SQLite as text,
    as it knows no times. A column of epoch numbers gets a number.
    """
    if source.unit is not None:
        return whole_units(instant, source.unit)
    if is_postgres:
        return instant
    wall = Clock(source.timestamp or "", source.timezone or "UTC").wall_clock(instant)
    return wall.isoformat(sep=" ") if engine.dialect.name == "sqlite" else wall


# --- any database -------------------------------------------------------------------------------
def _streamed(
    engine: sqlalchemy.Engine,
    statement: sqlalchemy.TextClause,
    values: dict[str, Bind],
    shown: str,
) -> Iterator[pa.Table]:
    options = {"stream_results": True, "yield_per": _ROWS_PER_BATCH}
    with engine.connect().execution_options(**options) as connection:
        if engine.dialect.name == "sqlite":
            # Whoever writes a query by mistake that changes the source finds it unchanged.
            connection.exec_driver_sql("PRAGMA query_only = ON")
        result = connection.execute(statement, values)
        names = list(result.keys())
        require_distinct(names, shown)
        nothing = True
        for rows in result.partitions():
            nothing = False
            columns = zip(*rows, strict=True)
            yield pa.table({n: _as_arrow(list(c)) for n, c in zip(names, columns, strict=True)})
        if nothing:
            yield pa.table({name: pa.nulls(0) for name in names})


def _as_arrow(values: list[Any]) -> pa.Array:
    """Return a driver's Python objects as an array; a column of mixed types becomes text."""
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if kinds <= {Decimal, int, float} and kinds != {int}:
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    if kinds <= {datetime}:
        return _times(values)
    if kinds <= {dict, list, tuple, bytes, memoryview, bytearray}:
        return pa.nulls(len(values), pa.binary())
    if len(kinds) == 1 and kinds <= {bool, int, str, date}:
        # An integer beyond 64 bits or a lone surrogate leaves the column to be text.
        with suppress(OverflowError, UnicodeEncodeError):
            return pa.array(values)
    return pa.array([None if v is None else _text(v) for v in values], pa.string())


def _times(values: list[datetime | None]) -> pa.Array:
    aware = {value.tzinfo is not None for value in values if value is not None}
    if len(aware) > 1:
        return pa.array([None if v is None else v.isoformat() for v in values], pa.string())
    if aware == {True}:
        return pa.array(
            [None if v is None else v.astimezone(UTC) for v in values], pa.timestamp("us", "UTC")
        )
    return pa.array(values, pa.timestamp("us"))


def _text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode("utf-8")


# --- engines and errors -------------------------------------------------------------------------
def _engine(url: str, name: str) -> sqlalchemy.Engine:
    try:
        return sqlalchemy.create_engine(url, poolclass=NullPool, hide_parameters=True)
    except sqlalchemy.exc.NoSuchModuleError as exc:
        raise InvalidSettings(
            f"connection {name!r}: SQLAlchemy knows no such database",
            "write a URL like postgresql://user@host/database, or install the database's dialect",
        ) from exc
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise InvalidSettings(
            f"connection {name!r}: the URL is malformed",
            "write a URL like postgresql://user@host/database",
        ) from None
    except ImportError as exc:
        raise MissingDependency(
            f"connection {name!r}: the driver {exc.name!r} is not installed", f"install {exc.name}"
        ) from exc


@contextmanager
def _translated(shown: str, engine: sqlalchemy.Engine) -> Iterator[None]:
    """Translate SQLAlchemy's errors; texts of drivers may quote values and are not passed on."""
    try:
        yield
    except sqlalchemy.exc.NoSuchTableError as exc:
        raise DatasetMissing(f"{shown}: there is no such table", "check the table") from exc
    except sqlalchemy.exc.DBAPIError as exc:
        if engine.dialect.name == "sqlite":
            raise _of_sqlite(exc, shown) from exc
        if isinstance(exc, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError):
            raise SourceUnavailable(
                f"{shown}: the database does not answer or gave up", "try again later"
            ) from exc
        raise UnreadableDataset(
            f"{shown}: the database refused the query ({type(exc.orig).__name__})",
            "run the query by hand",
        ) from exc
    except sqlalchemy.exc.SQLAlchemyError as exc:
        raise UnreadableDataset(
            f"{shown}: the query cannot be run ({type(exc).__name__})", "run it by hand"
        ) from exc


def _of_sqlite(exc: sqlalchemy.exc.DBAPIError, shown: str) -> Exception:
    text = str(exc.orig)
    if "locked" in text or "busy" in text:
        return SourceUnavailable(f"{shown}: the database is locked", "try again later")
    if match := re.match(r"no such (table|column): \S+", text):
        kind = DatasetMissing if match[1] == "table" else UnreadableDataset
        return kind(f"{shown}: {match[0]}", "check the query")
    return UnreadableDataset(f"{shown}: SQLite cannot run the query", "run it by hand")
