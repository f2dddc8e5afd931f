"""Runs queries on Postgres, and returns frames as Grafana's datasource makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg2

from tests.fixtures.postgres import libpq
from tests.grafana.frames import Field, Frame, Kind
from tests.grafana.problems import QueryFailed

_TIMES = {1082, 1114, 1184}
_NUMBERS = {20, 21, 23, 26, 700, 701, 1700}
_BOOLEAN = 16
_TIME_NAMES = ("time", "time_sec", "ts")


class PostgresSource:
    """Grafana's Postgres datasource; one connection, each query a transaction of its own."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(libpq(url))
        self._connection.autocommit = True

    def close(self) -> None:
        self._connection.close()

    def run(self, sql: str, ref_id: str, form: str) -> list[Frame]:
        """Run a query in which everything has been replaced.

        Args:
            sql: The query.
            ref_id: Its letter.
            form: ``table`` or ``time_series``.

        Raises:
            QueryFailed: Postgres refused it, or the result is no time series.
        """
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql)
                described, rows = cursor.description or (), cursor.fetchall()
        except psycopg2.Error as exc:
            raise QueryFailed(str(exc).strip()) from exc
        names = [column.name for column in described]
        if double := {name for name in names if names.count(name) > 1}:
            raise QueryFailed(f"two columns are called {', '.join(sorted(double))}")
        fields = [
            _column(column.name, column.type_code, [row[place] for row in rows])
            for place, column in enumerate(described)
        ]
        frame = Frame(ref_id, tuple(fields))
        return _time_series(frame) if form == "time_series" else [frame]


def _column(name: str, oid: int, values: Sequence[Any]) -> Field:
    if oid in _TIMES:
        return Field(name, Kind.TIME, [_epoch(value) for value in values])
    if oid in _NUMBERS:
        return Field(name, Kind.NUMBER, [_number(value) for value in values])
    if oid == _BOOLEAN:
        return Field(name, Kind.BOOLEAN, values)
    return Field(name, Kind.STRING, [None if value is None else str(value) for value in values])


def _epoch(value: datetime | date | None) -> float | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.timestamp()
    return datetime.fromisoformat(f"{value.isoformat()}T00:00:00+00:00").timestamp()


def _number(value: float | Decimal | None) -> float | None:
    return None if value is None else float(value)


def _time_series(frame: Frame) -> list[Frame]:
    """Make one wide frame of rows: text columns become labels, as Grafana's ``LongToWide`` does."""
    time = next((one for one in frame.fields if one.name.lower() in _TIME_NAMES), None)
    if time is None:
        raise QueryFailed("no column is called time, so it is no time series")
    if time.kind not in (Kind.TIME, Kind.NUMBER):
        raise QueryFailed(f"its column time is of kind {time.kind}")
    if None in time.values:
        raise QueryFailed("its column time has nulls")
    if list(time.values) != sorted(time.values):
        raise QueryFailed("its rows are not in the order of time")
    time = replace(time, name="Time", kind=Kind.TIME)
    texts = frame.of(Kind.STRING)
    numbers = [one for one in frame.of(Kind.NUMBER) if one.name.lower() not in _TIME_NAMES]
    if not texts:
        return [frame.with_fields([time, *numbers])]
    instants = sorted(set(time.values))
    rows = {at: row for row, at in enumerate(instants)}
    series: dict[tuple[str, tuple[str, ...]], list[float | None]] = {}
    taken: set[tuple[object, ...]] = set()
    for row, at in enumerate(time.values):
        labels = tuple(str(one.values[row] or "") for one in texts)
        if (at, labels) in taken:
            raise QueryFailed(f"two rows are of one time and one series: {labels}")
        taken.add((at, labels))
        for one in numbers:
            values = series.setdefault((one.name, labels), [None] * len(instants))
            values[rows[at]] = one.values[row]
    names = [one.name for one in texts]
    fields = [
        Field(name, Kind.NUMBER, values, dict(zip(names, labels, strict=True)))
        for (name, labels), values in series.items()
    ]
    if len(frame.fields) == 3 and names == ["metric"]:
        fields = [replace(one, name=one.labels["metric"], labels={}) for one in fields]
    return [frame.with_fields([replace(time, values=instants), *fields])]
