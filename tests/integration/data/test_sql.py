from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2
import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.pool import NullPool

from monitoring_jobs.data.dataset import ColumnKind, Dataset
from monitoring_jobs.data.sources import open_dataset
from monitoring_jobs.errors import (
    DatasetMissing,
    InvalidSettings,
    SourceUnavailable,
    UnreadableDataset,
)
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import SqlSource
from monitoring_jobs.windows import Window

NUMERICAL, CATEGORICAL = ColumnKind.NUMERICAL, ColumnKind.CATEGORICAL
DAY = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
BOUND = "SELECT * FROM log WHERE ts >= :start AND ts < :end"
Open = Callable[..., Dataset]


@pytest.fixture
def open_sql(tmp_path: Path) -> Iterator[Open]:
    opened: list[Dataset] = []

    def open_it(url: str, window: Window | None = None, **source: Any) -> Dataset:
        spec = SqlSource.model_validate({"source": "sql", "connection": "logs", **source})
        known = Settings.load(connections={"logs": url})
        opened.append(open_dataset(spec, window, folder=tmp_path, settings=known))
        return opened[-1]

    yield open_it
    for dataset in opened:
        dataset.close()


@pytest.fixture
def postgres(empty_database_url: str) -> str:
    execute(
        empty_database_url,
        "CREATE TABLE log (ts timestamptz, x double precision, n numeric, i bigint, b boolean,"
        " c text, d date, wall timestamp, u uuid, j jsonb, a int[])",
        "INSERT INTO log SELECT '2026-11-19T12:00Z'::timestamptz + n * interval '1 hour',"
        " n, n / 4.0, n, n % 2 = 0, CASE n % 3 WHEN 1 THEN '' WHEN 2 THEN E'a\"b\\nc,' END,"
        " '2026-11-20', '2026-11-20T00:30', gen_random_uuid(), '{}', '{1}'"
        " FROM generate_series(0, 47) AS n",
    )
    return empty_database_url


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    path = tmp_path / "log.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE log (ts TEXT, x REAL, c TEXT)")
    rows = [
        ((DAY.start - timedelta(hours=12) + timedelta(hours=n)).strftime(form), float(n), "a")
        for n, form in ((n, "%Y-%m-%d %H:%M:%S.%f") for n in range(48))
    ]
    connection.executemany("INSERT INTO log VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


def execute(url: str, *statements: str) -> None:
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))


# --- Postgres -----------------------------------------------------------------------------------
def test_postgres_types_and_values_survive_copy(postgres: str, open_sql: Open) -> None:
    dataset = open_sql(postgres, DAY, query=BOUND, timestamp="ts")
    assert {name: str(kind) for name, kind in dataset.columns.items()} == {
        "ts": "datetime",
        "x": "numerical",
        "n": "numerical",
        "i": "numerical",
        "b": "categorical",
        "c": "categorical",
        "d": "datetime",
        "wall": "datetime",
        "u": "categorical",
        "j": "other",
        "a": "other",
    }
    assert dataset.read("x", NUMERICAL).to_pylist() == list(range(12, 36))
    assert dataset.read("n", NUMERICAL).to_pylist() == [n / 4 for n in range(12, 36)]
    assert dataset.read("b", CATEGORICAL).to_pylist()[:2] == ["True", "False"]
    assert dataset.read("c", CATEGORICAL).to_pylist()[:3] == [None, "", 'a"b\nc,']
    assert dataset.left_out == {"before": 0, "after": 0, "no_timestamp": 0}


@pytest.mark.parametrize(
    "source",
    [
        {"table": "log", "timestamp": "ts"},
        {"table": "public.log", "timestamp": "ts"},
        {"query": "SELECT * FROM log", "timestamp": "ts"},
        {"query": BOUND},
        {"query": BOUND + "; ", "timestamp": "ts"},
        {"query": BOUND + " -- a comment", "timestamp": "ts"},
        {"query": BOUND + " AND c IS DISTINCT FROM '100%'", "timestamp": "ts"},
        {"query": "SELECT * FROM log WHERE c IS DISTINCT FROM '%s%%'", "timestamp": "ts"},
        {"query": BOUND.replace("ts", "ts::timestamptz"), "timestamp": "ts"},
    ],
)
def test_postgres_tables_and_queries_give_the_rows_of_the_window(
    postgres: str, open_sql: Open, source: dict[str, str]
) -> None:
    dataset = open_sql(postgres, DAY, **source)
    assert sorted(dataset.read("i", NUMERICAL).to_pylist()) == list(range(12, 36))


def test_f25_adjacent_windows_partition_a_table_of_wall_clock_times(
    empty_database_url: str, open_sql: Open
) -> None:
    execute(
        empty_database_url,
        "CREATE TABLE log (ts timestamp, x int)",
        "INSERT INTO log SELECT '2026-10-24T20:00'::timestamp + n * interval '10 minutes', n"
        " FROM generate_series(0, 60) AS n",
    )
    cuts = [datetime(2026, 10, 24, 21, tzinfo=UTC) + timedelta(minutes=30 * n) for n in range(9)]
    seen: list[float] = []
    for start, end in pairwise(cuts):
        dataset = open_sql(
            empty_database_url,
            Window(start, end),
            table="log",
            timestamp="ts",
            timezone="Europe/Berlin",
        )
        seen += dataset.read("x", NUMERICAL).to_pylist()
    assert seen == sorted(set(seen))
    assert len(seen) == int(seen[-1] - seen[0]) + 1


def test_binds_are_numbers_where_the_column_holds_epochs(
    empty_database_url: str, open_sql: Open
) -> None:
    start = int(DAY.start.timestamp())
    execute(
        empty_database_url,
        "CREATE TABLE log (ts bigint, x int)",
        f"INSERT INTO log VALUES ({start - 1}, 1), ({start}, 2), ({start + 86_400}, 3)",
    )
    for source in ({"query": BOUND}, {"table": "log"}):
        dataset = open_sql(empty_database_url, DAY, timestamp="ts", unit="s", **source)
        assert dataset.read("x", NUMERICAL).to_pylist() == [2.0]


def test_times_as_text_in_a_table_are_filtered_after_the_query(
    empty_database_url: str, open_sql: Open
) -> None:
    execute(
        empty_database_url,
        "CREATE TABLE log (ts text, x int)",
        "INSERT INTO log VALUES ('2026-11-20T00:00:00Z', 1), ('2026-11-21T00:30:00+01:00', 2),"
        " ('2026-11-21T00:00:00Z', 3)",
    )
    dataset = open_sql(empty_database_url, DAY, table="log", timestamp="ts")
    assert dataset.read("x", NUMERICAL).to_pylist() == [1.0, 2.0]


def test_special_numbers_and_single_columns_of_nulls_survive_copy(
    empty_database_url: str, open_sql: Open
) -> None:
    query = "SELECT x FROM unnest(ARRAY['NaN', '-Infinity', NULL, '1e-300']::float8[]) AS x"
    read = open_sql(empty_database_url, query=query).read("x", NUMERICAL)
    assert str(read.to_pylist()) == "[nan, -inf, None, 1e-300]"


def test_f01_a_window_without_rows_keeps_its_columns(postgres: str, open_sql: Open) -> None:
    past = Window(DAY.start - timedelta(days=99), DAY.end - timedelta(days=99))
    dataset = open_sql(postgres, past, query=BOUND, timestamp="ts")
    assert (dataset.rows, dataset.columns["x"]) == (0, NUMERICAL)
    assert dataset.read("c", CATEGORICAL).to_pylist() == []


def test_identity_of_a_query_is_its_rows_in_any_order(postgres: str, open_sql: Open) -> None:
    first, same, other = (
        open_sql(postgres, query=f"SELECT x, c, b FROM log {tail}").identity
        for tail in ("ORDER BY x", "ORDER BY x DESC", "WHERE x < 20")
    )
    assert first == same != other


def test_f12_duplicate_columns_of_a_query_are_refused(postgres: str, open_sql: Open) -> None:
    with pytest.raises(UnreadableDataset, match="column names occur twice: 'x'"):
        open_sql(postgres, query="SELECT x, i AS x FROM log")


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        ("SELECT * FROM absent", DatasetMissing, 'relation "absent" does not exist'),
        ("SELECT nope FROM log", UnreadableDataset, 'column "nope" does not exist'),
        ("SELEC 1", UnreadableDataset, "syntax error"),
        ("SELECT c::int FROM log", UnreadableDataset, "refused the query"),
        ("SELECT 1 / (i - 47) FROM log", UnreadableDataset, "refused the query"),
        ("SELECT x FROM log WHERE x > :limit", UnreadableDataset, "binds :limit"),
        ("SELECT x FROM log WHERE ts > :start", UnreadableDataset, "no window is given"),
        ("DELETE FROM log RETURNING x", UnreadableDataset, "syntax error"),
    ],
)
def test_a_wrong_query_is_terminal_and_shows_no_value(
    postgres: str, open_sql: Open, query: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        open_sql(postgres, query=query)
    assert "connection 'logs'" in str(caught.value)
    assert "postgres" not in str(caught.value)
    assert open_sql(postgres, table="log").rows == 48


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://monitor:canary-secret@127.0.0.1:1/logs",
        "postgresql://monitor:canary-secret@absent.invalid/logs",
        "postgresql://monitor:canary-secret@/logs?host=/nowhere",
    ],
)
def test_f34_a_database_that_is_down_is_transient_and_shows_no_secret(
    url: str, open_sql: Open
) -> None:
    with pytest.raises(SourceUnavailable, match="connection 'logs': Postgres does not answer") as e:
        open_sql(url, table="log")
    assert "canary" not in str(e.value)


def test_f34_a_connection_that_breaks_in_mid_copy_is_transient(
    postgres: str, open_sql: Open
) -> None:
    # The session ends itself after many rows: the server goes away in the middle of the stream.
    query = (
        "SELECT n, CASE WHEN n = 300000 THEN pg_terminate_backend(pg_backend_pid()) END"
        " FROM generate_series(1, 500000) AS n"
    )
    with pytest.raises(SourceUnavailable, match="connection 'logs'"):
        open_sql(postgres, query=query)


def test_a_role_that_is_unknown_is_terminal(postgres: str, open_sql: Open) -> None:
    url = sqlalchemy.make_url(postgres).set(username="nobody")
    with pytest.raises(UnreadableDataset, match="refused the connection"):
        open_sql(url.render_as_string(hide_password=False), table="log")


def test_nothing_stays_open_after_reading(postgres: str, open_sql: Open) -> None:
    open_sql(postgres, DAY, query=BOUND, timestamp="ts")
    with pytest.raises(UnreadableDataset):
        open_sql(
            postgres,
            query="SELECT 'x'::text AS ts, 1 FROM generate_series(1, 999999)",
            window=DAY,
            timestamp="ts",
        )
    url = sqlalchemy.make_url(postgres)
    arguments = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg2.connect(arguments)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'monitoring-jobs' AND state <> 'idle'"
            )
            assert cursor.fetchone() == (0,)
    finally:
        connection.close()


# --- any other database -------------------------------------------------------------------------
@pytest.mark.parametrize(
    "source",
    [{"query": BOUND}, {"table": "log"}, {"query": "SELECT * FROM log"}],
)
def test_sqlite_gives_the_rows_of_the_window(
    sqlite: str, open_sql: Open, source: dict[str, str]
) -> None:
    dataset = open_sql(sqlite, DAY, timestamp="ts", timezone="UTC", **source)
    assert dataset.read("x", NUMERICAL).to_pylist() == list(range(12, 36))


@pytest.fixture
def text_log(tmp_path: Path) -> Callable[[list[Any]], str]:
    """Writes times into a SQLite table that knows no types; x is a row's number."""

    def write(times: list[Any]) -> str:
        path = tmp_path / "text.db"
        path.unlink(missing_ok=True)
        rows = [(time, number) for number, time in enumerate(times)]
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE log (ts, x REAL)")
            connection.executemany("INSERT INTO log VALUES (?, ?)", rows)
        return f"sqlite:///{path}"

    return write


SIX_HOURS = Window(DAY.start + timedelta(hours=6), DAY.start + timedelta(hours=12))
FORMS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M:%S+00:00",
    "%Y-%m-%dT%H:%M",
)


@pytest.mark.parametrize("window", [DAY, SIX_HOURS], ids=["day", "six hours"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("source", [{"query": BOUND}, {"table": "log"}], ids=["query", "table"])
def test_sqlite_loses_no_row_whatever_way_its_text_is_written(
    text_log: Callable[[list[Any]], str],
    open_sql: Open,
    source: dict[str, str],
    form: str,
    window: Window,
) -> None:
    times = [DAY.start + timedelta(hours=n) for n in range(-48, 72)]
    url = text_log([t.strftime(form) for t in times])
    dataset = open_sql(url, window, timestamp="ts", timezone="UTC", **source)
    expected = [float(n) for n, t in enumerate(times) if window.start <= t < window.end]
    assert dataset.read("x", NUMERICAL).to_pylist() == expected


@given(
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    minutes=st.integers(1, 3000),
    offset=st.integers(-12 * 4, 14 * 4),
    mark=st.sampled_from(["T", " "]),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("source", [{"query": BOUND}, {"table": "log"}], ids=["query", "table"])
def test_sqlite_text_with_any_offset_is_inside_the_bounds_that_are_bound(
    text_log: Callable[[list[Any]], str],
    open_sql: Open,
    source: dict[str, str],
    start: datetime,
    minutes: int,
    offset: int,
    mark: str,
) -> None:
    window = Window(start, start + timedelta(minutes=minutes))
    zone = timezone(timedelta(minutes=15 * offset))
    last = window.end - timedelta(microseconds=1)
    moments = [start - timedelta(microseconds=1), start, last, window.end]
    url = text_log([t.astimezone(zone).isoformat(mark, "microseconds") for t in moments])
    with open_sql(url, window, timestamp="ts", **source) as dataset:
        assert dataset.read("x", NUMERICAL).to_pylist() == [1.0, 2.0]


def test_sqlite_dates_count_as_their_midnight(
    text_log: Callable[[list[Any]], str], open_sql: Open
) -> None:
    url = text_log(["2026-11-19", "2026-11-20", "2026-11-21"])
    for zone in ("UTC", "Pacific/Kiritimati", "Etc/GMT+12"):
        local = datetime(2026, 11, 20, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        window = Window(local, local + timedelta(days=1))
        dataset = open_sql(url, window, query=BOUND, timestamp="ts", timezone=zone)
        assert dataset.read("x", NUMERICAL).to_pylist() == [1.0]


def test_sqlite_binds_the_exact_bounds_where_no_filter_follows(
    text_log: Callable[[list[Any]], str], open_sql: Open, tmp_path: Path
) -> None:
    url = text_log(["2026-11-20T05:59:59Z", "2026-11-20T06:00:00Z", "2026-11-20T12:00:00Z"])
    bounds = "SELECT :start AS low, :end AS high FROM log LIMIT 1"
    dataset = open_sql(url, SIX_HOURS, query=bounds, timezone="Europe/Berlin")
    assert dataset.read("low", CATEGORICAL).to_pylist() == ["2026-11-20 07:00:00"]
    query = "SELECT * FROM log WHERE datetime(ts) >= :start AND datetime(ts) < :end"
    assert open_sql(url, SIX_HOURS, query=query).read("x", NUMERICAL).to_pylist() == [1.0]
    # A reference is not filtered, though it may name its timestamp.
    source = {"source": "sql", "connection": "logs", "timestamp": "ts"}
    spec = SqlSource.model_validate(
        source | {"query": "SELECT * FROM log WHERE datetime(ts) < :start"}
    )
    known = Settings.load(connections={"logs": url})
    with open_dataset(spec, None, folder=tmp_path, settings=known, binds=SIX_HOURS) as reference:
        assert reference.read("x", NUMERICAL).to_pylist() == [0.0]


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (1_763_600_000, "ISO 8601|holds numbers"),
        ("20/11/2026 09:00", "not ISO 8601"),
        ("20261120T090000Z", "not ISO 8601"),
    ],
)
def test_sqlite_times_that_no_bound_finds_are_refused_instead_of_lost(
    text_log: Callable[[list[Any]], str], open_sql: Open, odd: object, message: str
) -> None:
    for times in ([odd], ["2026-11-20T09:00:00Z", odd]):
        with pytest.raises(UnreadableDataset, match=message):
            open_sql(text_log(times), DAY, table="log", timestamp="ts")


@pytest.mark.parametrize("unit", [None, "s"])
def test_rows_of_a_table_without_a_time_are_counted(
    text_log: Callable[[list[Any]], str], postgres: str, open_sql: Open, unit: str | None
) -> None:
    noon = DAY.start + timedelta(hours=12)
    inside: Any = noon.isoformat() if unit is None else int(noon.timestamp())
    dataset = open_sql(text_log([inside, None, None]), DAY, table="log", timestamp="ts", unit=unit)
    assert dataset.rows == 1
    assert dataset.left_out == {"before": 0, "after": 0, "no_timestamp": 2}
    execute(postgres, "INSERT INTO log (ts, x) VALUES (NULL, 1), (NULL, 2), (NULL, 3)")
    dataset = open_sql(postgres, DAY, table="log", timestamp="ts")
    assert dataset.rows == 24
    assert dataset.left_out == {"before": 12, "after": 12, "no_timestamp": 3}


def test_a_query_leaves_out_what_its_rows_say(postgres: str, open_sql: Open) -> None:
    execute(postgres, "INSERT INTO log (ts, x) VALUES (NULL, 1)")
    dataset = open_sql(postgres, DAY, query="SELECT ts, x FROM log", timestamp="ts")
    assert dataset.left_out == {"before": 12, "after": 12, "no_timestamp": 1}
    assert open_sql(postgres, query="SELECT ts FROM log").left_out == {
        "before": 0,
        "after": 0,
        "no_timestamp": 0,
    }


def test_labels_that_are_stored_as_numbers_and_text_by_turns_are_categorical(
    tmp_path: Path,
) -> None:
    path = tmp_path / "labels.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE log (c)")
        rows: list[tuple[Any]] = [(3,)] * 20_000 + [("3",), (3.0,), ("a",), (None,)]
        connection.executemany("INSERT INTO log VALUES (?)", rows)
    spec = SqlSource.model_validate({"source": "sql", "connection": "logs", "table": "log"})
    known = Settings.load(connections={"logs": f"sqlite:///{path}"})
    with open_dataset(spec, None, folder=tmp_path, settings=known, labels={"c"}) as dataset:
        assert dataset.columns == {"c": CATEGORICAL}
        labels = dataset.read("c", CATEGORICAL).to_pylist()
        assert labels == ["3"] * 20_002 + ["a", None]


def test_f07_a_column_whose_type_changes_in_a_late_batch_is_read_whole(
    tmp_path: Path, open_sql: Open
) -> None:
    path = tmp_path / "mixed.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE log (x, c)")
    rows: list[tuple[Any, Any]] = [(None, None)] * 25_000 + [(n, "a") for n in range(25_000)]
    connection.executemany("INSERT INTO log VALUES (?, ?)", [*rows, (0.5, "b"), (2, "c")])
    connection.commit()
    connection.close()
    dataset = open_sql(f"sqlite:///{path}", table="log")
    assert dataset.columns == {"x": NUMERICAL, "c": CATEGORICAL}
    read = dataset.read("x", NUMERICAL)
    assert (len(read), read.null_count, read[-2].as_py()) == (50_002, 25_000, 0.5)


def test_sqlite_errors_are_terminal(sqlite: str, open_sql: Open) -> None:
    with pytest.raises(DatasetMissing, match="no such table: absent"):
        open_sql(sqlite, table="absent")
    with pytest.raises(UnreadableDataset, match="no such column: nope"):
        open_sql(sqlite, query="SELECT nope FROM log")
    with pytest.raises(UnreadableDataset):
        open_sql("sqlite:////nowhere/at/all.db", table="log")


def test_unusable_connections_name_the_connection(open_sql: Open) -> None:
    for url in ("nosuchdb://user:canary@host/x", "canary"):
        with pytest.raises(InvalidSettings, match="connection 'logs'") as caught:
            open_sql(url, table="log")
        assert "canary" not in str(caught.value)
    with pytest.raises(InvalidSettings, match="connection 'other' is not configured"):
        open_sql("sqlite://", table="log", connection="other")


def test_a_query_that_would_change_an_sqlite_source_leaves_it_as_it_was(
    sqlite: str, open_sql: Open
) -> None:
    with pytest.raises(UnreadableDataset):
        open_sql(sqlite, DAY, query="DROP TABLE log", timestamp="ts")
    assert open_sql(sqlite, DAY, table="log", timestamp="ts", timezone="UTC").rows == 24
