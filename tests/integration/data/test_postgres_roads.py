"""Both roads from Postgres give the same rows and the same refusals."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring_jobs.data.postgres import Road, postgres_tables
from monitoring_jobs.errors import (
    DatasetMissing,
    MonitoringError,
    SourceUnavailable,
    UnreadableDataset,
)
from tests.fixtures.postgres import Server, libpq, rows
from tests.fixtures.postgres_roads import ROADS, SHOWN, engine_of, read


def plain(table: pa.Table) -> tuple[pa.Schema, list[list[Any]]]:
    """Return what two tables are compared by: NaN equals NaN, a zero keeps its sign."""
    cells = [
        [repr(v) if isinstance(v, float) else v for v in column.to_pylist()]
        for column in table.columns
    ]
    return table.schema, cells


def by_both(url: str, query: str, **options: Any) -> pa.Table:
    """Return what both roads read, which must be the same."""
    adbc, copy = (read(url, query, road, **options) for road in ROADS)
    assert plain(adbc) == plain(copy)
    return copy


# --- values -------------------------------------------------------------------------------------
US, UTC_US = pa.timestamp("us"), pa.timestamp("us", "UTC")


@pytest.mark.parametrize(
    ("sql", "data_type", "expected"),
    [
        ("'-32768'::int2", pa.int64(), -32768),
        ("2147483647::int4", pa.int64(), 2**31 - 1),
        ("'-9223372036854775808'::int8", pa.int64(), -(2**63)),
        ("4294967295::oid", pa.int64(), 2**32 - 1),
        ("0.1::float4", pa.float64(), 0.1),
        ("3.4028235e38::float4", pa.float64(), 3.4028235e38),
        ("'-Infinity'::float4", pa.float64(), -math.inf),
        ("0.1::float8", pa.float64(), 0.1),
        ("'-0'::float8", pa.float64(), -0.0),
        ("5e-324::float8", pa.float64(), 5e-324),
        ("'Infinity'::float8", pa.float64(), math.inf),
        ("12345678901234567890.123456789::numeric", pa.float64(), 12345678901234567890.123456789),
        ("0.000001::numeric", pa.float64(), 0.000001),
        ("1000000::numeric", pa.float64(), 1e6),
        ("'-0.00'::numeric(5,2)", pa.float64(), 0.0),
        ("'-Infinity'::numeric", pa.float64(), -math.inf),
        ("true", pa.bool_(), True),
        ("false", pa.bool_(), False),
        ("'2026-02-28'::date", pa.date32(), date(2026, 2, 28)),
        ("'0001-01-01'::date", pa.date32(), date.min),
        ("'9999-12-31'::date", pa.date32(), date.max),
        ("'2026-01-02 03:04:05.6'::timestamp", US, datetime(2026, 1, 2, 3, 4, 5, 600_000)),
        ("'0001-01-01'::timestamp", US, datetime(1, 1, 1)),
        (
            "'9999-12-31 23:59:59.999999'::timestamp",
            US,
            datetime(9999, 12, 31, 23, 59, 59, 999_999),
        ),
        ("'2026-01-02T03:04+05:30'::timestamptz", UTC_US, datetime(2026, 1, 1, 21, 34, tzinfo=UTC)),
        ("'1890-01-01T00:00Z'::timestamptz", UTC_US, datetime(1890, 1, 1, tzinfo=UTC)),
        ("'x'::text", pa.string(), "x"),
        ("''::text", pa.string(), ""),
        ("'x '::varchar(5)", pa.string(), "x "),
        ("'x'::char(3)", pa.string(), "x  "),
        ("'x'::name", pa.string(), "x"),
        ("'x'::\"char\"", pa.string(), "x"),
        ("'{}'", pa.string(), "{}"),
        ("'42.50'::money", pa.string(), "$42.50"),
        ("'1.2.3.4'::inet", pa.string(), "1.2.3.4"),
        ("'08:00'::time", pa.string(), "08:00:00"),
        ("'08:00+02'::timetz", pa.string(), "08:00:00+02"),
        ("'1 day 02:00'::interval", pa.string(), "1 day 02:00:00"),
        (
            "'11111111-2222-3333-4444-555555555555'::uuid",
            pa.string(),
            "11111111-2222-3333-4444-555555555555",
        ),
        ("'sad'::mood", pa.string(), "sad"),
        ("'1.50'::price", pa.float64(), 1.5),
        ("'a@b'::email", pa.string(), "a@b"),
        ("'[1,5)'::int4range", pa.string(), "[1,5)"),
        ("ROW(1, NULL)", pa.string(), "(1,)"),
        ("'(1,2)'::point", pa.string(), "(1,2)"),
        ("'101'::bit(3)", pa.string(), "101"),
        ("'{\"a\": 1}'::json", pa.binary(), b""),
        ("'{}'::jsonb", pa.binary(), b""),
        ("'\\xdead'::bytea", pa.binary(), b""),
        ("'{1,NULL}'::int[]", pa.binary(), b""),
    ],
)
def test_a_value_of_each_type_is_the_same_by_both_roads(
    empty_database_url: str, sql: str, data_type: pa.DataType, expected: object
) -> None:
    rows(empty_database_url, "CREATE TYPE public.mood AS ENUM ('sad', 'glad')")
    rows(empty_database_url, "CREATE DOMAIN public.price AS numeric(9,2)")
    rows(empty_database_url, "CREATE DOMAIN public.email AS text CHECK (VALUE LIKE '%@%')")
    query = f"SELECT {sql} AS v UNION ALL SELECT NULL UNION ALL SELECT {sql}"
    table = by_both(empty_database_url, query, timezone="Europe/Berlin")
    assert table.schema.field("v").type == data_type
    values = table.column("v").to_pylist()
    assert values == [expected, None, expected]
    assert repr(values[0]) == repr(expected) or isinstance(expected, datetime)


@pytest.mark.parametrize("value", ["NaN", "-NaN", "nan"])
def test_nan_is_nan_by_both_roads(empty_database_url: str, value: str) -> None:
    for kind in ("float4", "float8", "numeric"):
        if kind == "numeric" and value == "-NaN":
            continue
        table = by_both(empty_database_url, f"SELECT '{value}'::{kind} AS v")
        assert math.isnan(table.column("v")[0].as_py())


@pytest.mark.parametrize("power", [300, 308, 400, -300, -320, -400])
def test_numerics_beyond_a_float_are_the_same_by_both_roads(
    empty_database_url: str, power: int
) -> None:
    table = by_both(empty_database_url, f"SELECT '7e{power}'::numeric AS v")
    assert table.column("v").to_pylist() == [float(f"7e{power}")]


@pytest.mark.parametrize(
    "sql",
    [
        "'infinity'::date",
        "'-infinity'::date",
        "'0044-03-15 BC'::date",
        "'10000-01-01'::date",
        "'infinity'::timestamp",
        "'-infinity'::timestamptz",
        "'0044-03-15 12:00 BC'::timestamp",
        "'10000-01-01'::timestamptz",
        "'294276-12-31'::timestamp",
    ],
)
@pytest.mark.parametrize("road", ROADS)
def test_times_outside_the_calendar_are_refused(
    empty_database_url: str, road: Road, sql: str
) -> None:
    with pytest.raises(UnreadableDataset, match="a value cannot be read as its column's type"):
        read(empty_database_url, f"SELECT {sql} AS v UNION ALL SELECT NULL", road)
    assert read(empty_database_url, f"SELECT ({sql})::text AS v", road).num_rows == 1


TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)
TRICKY = st.sampled_from(
    [
        "",
        "\\N",
        "\\",
        "\\\\",
        "\\n",
        "\n",
        "\r\n",
        "\t",
        "\\\t\\",
        "\ufeff",
        "NULL",
        "\\.",
        '"',
        ",",
    ]
)
ROWS = st.lists(
    st.tuples(
        TRICKY | TEXTS | st.none(),
        st.floats() | st.none(),
        st.floats(width=32) | st.none(),
        st.decimals(allow_nan=False, allow_infinity=False, places=9) | st.none(),
        st.datetimes() | st.none(),
        TRICKY | TEXTS | st.none(),
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ROWS)
def test_any_row_is_read_by_both_roads_as_it_is_stored(
    empty_database_url: str, stored: list[tuple[Any, ...]]
) -> None:
    with (
        closing(psycopg2.connect(libpq(empty_database_url))) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "DROP TABLE IF EXISTS t; CREATE TABLE t"
            " (a text, x float8, y float4, n numeric, w timestamp, b text)"
        )
        cursor.executemany("INSERT INTO t VALUES (%s, %s, %s, %s, %s, %s)", stored)
    table = by_both(empty_database_url, "SELECT * FROM t")
    for name, position in (("a", 0), ("b", 5), ("w", 4)):
        assert table.column(name).to_pylist() == [row[position] for row in stored]
    # An INSERT's literal -0.0 is a numeric first, which has no sign of zero.
    expected = [None if row[1] is None else repr(row[1] + 0.0) for row in stored]
    got = [None if v is None else repr(v) for v in table.column("x").to_pylist()]
    assert got == expected
    only = by_both(empty_database_url, "SELECT a FROM t")
    assert only.column("a").to_pylist() == [row[0] for row in stored]


def test_odd_names_of_columns_are_the_same_by_both_roads(empty_database_url: str) -> None:
    names = ['a "quoted" name', "%s", "ä ö", "SELECT", ":start", "back\\slash", "x\ny"]
    listed = ", ".join('1 AS "{}"'.format(n.replace('"', '""').replace("%", "%%")) for n in names)
    # With values bound, percent signs are doubled.
    table = by_both(empty_database_url, f"SELECT {listed} WHERE %(one)s = 1", values={"one": 1})
    assert table.column_names == names


def test_an_empty_result_keeps_its_columns_by_both_roads(empty_database_url: str) -> None:
    query = "SELECT 1::int2 AS a, 'x'::text AS b, '{}'::json AS c, now() AS d LIMIT 0"
    table = by_both(empty_database_url, query)
    assert table.num_rows == 0
    assert table.schema.types == [pa.int64(), pa.string(), pa.binary(), UTC_US]


def test_both_roads_read_in_one_reading_transaction_in_the_zone_of_the_source(
    empty_database_url: str,
) -> None:
    shown = ("TimeZone", "transaction_isolation", "transaction_read_only", "statement_timeout")
    query = ", ".join(f"current_setting('{name}') AS {name}" for name in shown)
    table = by_both(empty_database_url, f"SELECT {query}", timezone="Europe/Berlin")
    assert [column[0].as_py() for column in table.columns] == [
        "Europe/Berlin",
        "repeatable read",
        "on",
        "1h",
    ]
    query = "SELECT '2026-07-01'::timestamp::timestamptz AS v"
    moment = by_both(empty_database_url, query, timezone="Europe/Berlin").column("v")[0].as_py()
    assert moment == datetime(2026, 6, 30, 22, tzinfo=UTC)


def test_instants_and_numbers_are_bound_alike(empty_database_url: str) -> None:
    start = datetime(2026, 11, 20, 6, tzinfo=UTC)
    table = by_both(
        empty_database_url,
        "SELECT %(start)s - interval '1 hour' AS v, %(number)s + 1 AS n, '%%' AS p -- comment",
        values={"start": start, "number": 41},
        timezone="Asia/Kolkata",
    )
    assert table.to_pylist() == [{"v": start - timedelta(hours=1), "n": 42, "p": "%"}]


def test_rows_keep_their_order_and_come_in_pieces(empty_database_url: str) -> None:
    query = "SELECT n, repeat('ä', 40) AS c FROM generate_series(1, 200000) AS n ORDER BY n DESC"
    for road in ROADS:
        pieces = list(postgres_tables(engine_of(empty_database_url), query, {}, "UTC", "x", road))
        assert len(pieces) > 3
        assert max(piece.nbytes for piece in pieces) < 16 * 2**20
        assert pa.concat_tables(pieces).column("n").to_pylist() == list(range(200_000, 0, -1))


def test_a_value_longer_than_any_piece_is_read_whole(empty_database_url: str) -> None:
    query = "SELECT repeat(E'long\\n', 3000000) AS c FROM generate_series(1, 2)"
    assert by_both(empty_database_url, query).column("c")[1].as_py() == "long\n" * 3_000_000


@pytest.fixture
def encoded_url(postgres_server: Server) -> Iterator[Callable[[str], str]]:
    """Makes databases of other encodings."""
    made: list[str] = []

    def make(encoding: str) -> str:
        made.append(f"encoded_{os.getpid()}_{len(made)}")
        options = f"TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
        with closing(psycopg2.connect(libpq(postgres_server.url("postgres")))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {made[-1]} {options}")
        return postgres_server.url(made[-1])

    yield make
    for name in made:
        postgres_server.drop_database(name)


def test_text_of_other_encodings_is_read_as_unicode(encoded_url: Callable[[str], str]) -> None:
    table = by_both(encoded_url("LATIN1"), "SELECT chr(228) AS c")
    assert table.column("c").to_pylist() == ["ä"]


def test_bytes_that_are_no_unicode_are_refused(encoded_url: Callable[[str], str]) -> None:
    url = encoded_url("SQL_ASCII")
    for road in ROADS:
        with pytest.raises(UnreadableDataset, match=r"refused the query \(22021\)"):
            read(url, "SELECT chr(228) AS c", road)


# --- errors -------------------------------------------------------------------------------------
LATE = "SELECT n, {} AS v FROM generate_series(1, 99999) AS n"


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        ("SELECT * FROM absent", DatasetMissing, 'relation "absent" does not exist'),
        ("SELECT nope", UnreadableDataset, 'column "nope" does not exist'),
        ("SELEC 1", UnreadableDataset, "syntax error"),
        ("SELECT", UnreadableDataset, "returns no columns"),
        ("SELECT 1 AS x, 2 AS x", UnreadableDataset, "column names occur twice: 'x'"),
        ("SHOW TimeZone", UnreadableDataset, "syntax error"),
        ("SELECT * FROM pg_authid", UnreadableDataset, "permission denied"),
        ("SELECT setval('s', 2)", UnreadableDataset, r"refused the query \(25006\)"),
        ("SELECT 'canary'::text::int", UnreadableDataset, r"refused the query \(22P02\)"),
        (LATE.format("CASE WHEN n > 90000 THEN 'canary'::text END::int"),
         UnreadableDataset, r"refused the query \(22P02\)"),
        (LATE.format("1 / (90000 - n)"), UnreadableDataset, r"refused the query \(22012\)"),
        ("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(9)::text",
         SourceUnavailable, r"gave up \(57014\)"),
        (LATE.format("CASE WHEN n = 90000 THEN pg_terminate_backend(pg_backend_pid()) END"),
         SourceUnavailable, r"gave up|does not answer"),
    ],
)  # fmt: skip
def test_errors_are_the_same_by_both_roads(
    empty_database_url: str, road: Road, query: str, error: type[MonitoringError], message: str
) -> None:
    rows(empty_database_url, "CREATE SEQUENCE public.s")
    rows(
        empty_database_url,
        "DO $$ BEGIN CREATE ROLE plain LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    )
    rows(empty_database_url, "GRANT ALL ON SEQUENCE public.s TO plain")
    url = empty_database_url.replace("postgres@", "plain@", 1)
    with pytest.raises(error, match=message) as caught:
        read(url, query, road)
    assert type(caught.value) is error
    assert str(caught.value).startswith(SHOWN)
    assert "canary" not in str(caught.value)
