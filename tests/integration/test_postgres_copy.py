"""COPY: whatever a check or an extraction yields arrives as what it stands for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection  # noqa: N812

from monitoring_jobs.database import copy_rows, transaction
from tests.fixtures.postgres import libpq

TYPES = {
    "number": "double precision",
    "whole": "bigint",
    "text": "text",
    "flag": "boolean",
    "instant": "timestamptz",
    "day": "date",
    "document": "jsonb",
    "exact": "numeric",
}


@pytest.fixture
def connection(empty_database_url: str) -> Iterator[Connection]:
    with transaction(empty_database_url) as opened, opened.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = public")
        columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
        cursor.execute(f"CREATE TABLE t ({columns})")
        yield opened


def stored(connection: Connection, column: str, *values: object) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE t")
        assert copy_rows(cursor, "t", [column], ((value,) for value in values)) == len(values)
        cursor.execute(f"SELECT {column} FROM t")
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), np.float32("nan")])
def test_f09_nan_and_infinity_become_null(connection: Connection, value: object) -> None:
    assert stored(connection, "number", value) == [None]
    assert stored(connection, "document", {"a": value, "b": [value]}) == [{"a": None, "b": [None]}]


def test_f09_missing_values_of_pandas_and_decimal_become_null(connection: Connection) -> None:
    assert stored(connection, "instant", pd.NaT, np.datetime64("NaT"), None) == [None] * 3
    assert stored(connection, "exact", Decimal("NaN"), Decimal("Infinity")) == [None, None]


@pytest.mark.parametrize(
    "dtype",
    ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "intp", "longlong"],
)
def test_f10_numpy_integers_are_stored_as_integers(connection: Connection, dtype: str) -> None:
    assert stored(connection, "whole", np.dtype(dtype).type(7)) == [7]
    assert stored(connection, "document", {"n": np.dtype(dtype).type(7)}) == [{"n": 7}]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
def test_f10_numpy_floats_are_stored_as_floats(connection: Connection, dtype: str) -> None:
    assert stored(connection, "number", np.dtype(dtype).type(0.25)) == [0.25]
    assert stored(connection, "document", {"n": np.dtype(dtype).type(0.25)}) == [{"n": 0.25}]


def test_f10_other_numpy_scalars_are_stored_as_what_they_stand_for(connection: Connection) -> None:
    assert stored(connection, "flag", np.bool_(True), np.False_) == [True, False]
    assert stored(connection, "text", np.str_("a\tb")) == ["a\tb"]
    instant = np.datetime64("2026-11-20T12:00:00.123456789", "ns")
    assert stored(connection, "instant", instant) == [
        datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
    ]


@pytest.mark.parametrize(
    "value", [np.complex128(1), np.timedelta64(1, "s"), b"bytes", object(), {1, 2}]
)
def test_f10_types_without_a_column_type_are_refused(connection: Connection, value: object) -> None:
    with pytest.raises(TypeError, match="cannot be stored"):
        stored(connection, "text", value)


def test_f11_nul_and_lone_surrogates_become_replacement_characters(
    connection: Connection,
) -> None:
    nasty = "a\x00b\ud800c\udfff"
    assert stored(connection, "text", nasty) == ["a\ufffdb\ufffdc\ufffd"]
    assert stored(connection, "document", {nasty: [nasty, {"k": nasty}]}) == [
        {"a\ufffdb\ufffdc\ufffd": ["a\ufffdb\ufffdc\ufffd", {"k": "a\ufffdb\ufffdc\ufffd"}]}
    ]


@pytest.mark.parametrize(
    "text",
    ["", " ", "\\N", "\\.", "NULL", "a\\b", "tab\tnew\nline\rback", '";DROP TABLE t;--', "é😀\x07"],
)
def test_f12_text_is_stored_verbatim(connection: Connection, text: str) -> None:
    assert stored(connection, "text", text, None) == [text, None]
    assert stored(connection, "document", {text: text}) == [{text: text}]


def test_f12_long_text_is_stored_whole(connection: Connection) -> None:
    assert stored(connection, "text", "ü" * 5_000_000) == ["ü" * 5_000_000]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))))
def test_f12_any_text_survives_the_way(connection: Connection, texts: list[str]) -> None:
    assert stored(connection, "text", *texts) == texts


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.floats()))
def test_floats_survive_to_the_last_bit(connection: Connection, numbers: list[float]) -> None:
    assert stored(connection, "number", *numbers) == [
        number if math.isfinite(number) else None for number in numbers
    ]


def test_dates_decimals_enums_and_offsets_are_stored(connection: Connection) -> None:
    class Color(StrEnum):
        RED = "red"

    noon = datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=2)))
    assert stored(connection, "instant", noon, pd.Timestamp(noon)) == [noon, noon]
    assert stored(connection, "day", date(2026, 2, 28)) == [date(2026, 2, 28)]
    assert stored(connection, "exact", Decimal("1.10")) == [Decimal("1.10")]
    assert stored(connection, "text", Color.RED) == ["red"]
    assert stored(connection, "flag", True, False) == [True, False]


def test_values_of_one_column_may_be_of_many_types(connection: Connection) -> None:
    class Color(StrEnum):
        RED = "red\t"

    texts = ["plain", None, Color.RED, np.str_("n"), "", 7, "b\\s", "a\x00"]
    assert stored(connection, "text", *texts) == [
        *("plain", None, "red\t", "n", "", "7", "b\\s", "a\ufffd")
    ]
    numbers = [0.1, None, np.float32(0.5), 3, math.nan, Decimal("0.25"), 5e-324, 1.5]
    assert stored(connection, "number", *numbers) == [0.1, None, 0.5, 3, None, 0.25, 5e-324, 1.5]


def test_documents_of_one_column_may_be_plain_or_not(connection: Connection) -> None:
    documents = [
        *({}, {"a": 1, "b": None, "c": True, "d": "x"}, {"n": math.nan, "i": -math.inf}),
        *({"nul": "a\x00b"}, {"quote": 'q"\\\t\n'}, {"escaped": "\\u0000"}, {"s": "\ud800"}),
        *({1: "a", None: "b", False: "c"}, {"list": [1, {"x": 2}]}, {"np": np.int64(4)}),
    ]
    assert stored(connection, "document", *documents) == [
        *({}, {"a": 1, "b": None, "c": True, "d": "x"}, {"n": None, "i": None}),
        *({"nul": "a\ufffdb"}, {"quote": 'q"\\\t\n'}, {"escaped": "\\u0000"}, {"s": "\ufffd"}),
        *({"1": "a", "None": "b", "False": "c"}, {"list": [1, {"x": 2}]}, {"np": 4}),
    ]


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000])
def test_any_number_of_rows_arrives_in_its_order(connection: Connection, count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE t")
        rows = [(number, "same", f"{number}\t" if number % 7 else None) for number in range(count)]
        assert (
            copy_rows(
                cursor,
                "t",
                ["whole", "text", "document"],
                [(number, text, {"v": value}) for number, text, value in rows],
            )
            == count
        )
        cursor.execute("SELECT whole, text, document ->> 'v' FROM t ORDER BY whole")
        assert cursor.fetchall() == rows


def test_f19_naive_datetime_is_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="naive"):
        stored(connection, "instant", datetime(2026, 11, 20, 12))


def test_error_of_the_row_source_reaches_the_caller(connection: Connection) -> None:
    def failing() -> Iterator[tuple[object]]:
        yield ("first",)
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"), connection.cursor() as cursor:
        copy_rows(cursor, "t", ["text"], failing())


def test_row_of_another_length_is_refused(connection: Connection) -> None:
    with (
        pytest.raises(ValueError, match="a row of 1 values for 2 columns"),
        connection.cursor() as cursor,
    ):
        copy_rows(cursor, "t", ["text", "number"], [("a",)])


def test_f12_names_of_table_and_columns_are_quoted(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute('CREATE TABLE "odd "" table" ("odd "" column" text)')
        assert copy_rows(cursor, 'public.odd " table', ['odd " column'], [("x",)]) == 1


def test_rows_are_streamed_and_never_held_as_a_whole(connection: Connection) -> None:
    with connection.cursor() as cursor:
        many = ((number, "some text", 0.5) for number in range(50_000))
        assert copy_rows(cursor, "t", ["whole", "text", "number"], many) == 50_000
        cursor.execute("SELECT count(*), max(whole) FROM t")
        assert cursor.fetchone() == (50_000, 49_999)


def test_f10_the_driver_itself_still_needs_this_care(empty_database_url: str) -> None:
    """Where this fails, psycopg2 has learned numpy's scalars and a comment can go."""
    connection = psycopg2.connect(libpq(empty_database_url))
    try:
        with connection.cursor() as cursor, pytest.raises(psycopg2.Error):
            cursor.execute("SELECT %s", (np.float64(1.0),))
    finally:
        connection.close()
