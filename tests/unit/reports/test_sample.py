"""The rows that a report draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.reports import drawings
from monitoring_jobs.reports.drawings import draw_columns
from monitoring_jobs.reports.sample import (
    OTHER,
    DrawnRows,
    SampledColumn,
    read_columns,
    wanted_columns,
)


def clean(
    values: Any, other: Any = None, *, left_out: dict[str, str] | None = None, **roles: Any
) -> list[SampledColumn]:
    current = pa.table({"x": values})
    reference = pa.table({"x": values if other is None else other})
    top = {"top": roles.pop("top")} if "top" in roles else {}
    given = {"numerical": (), "categorical": (), **roles}
    wanted = wanted_columns(**given)
    return list(
        read_columns(current, reference, wanted, {} if left_out is None else left_out, **top)
    )


def current(column: SampledColumn) -> list[Any]:
    return [
        None if isinstance(value, float) and math.isnan(value) else value
        for value in column.shown()[0]
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([1, None, 3], pa.int8()), [1.0, None, 3.0]),
        (pa.array([1, 2**63], pa.uint64()), [1.0, 2.0**63]),
        (pa.array([1.5, math.nan, math.inf, -math.inf]), [1.5, None, None, None]),
        (pa.array([True, False, None]), [1.0, 0.0, None]),
        (pa.array(["1.25", None]).cast(pa.decimal128(5, 2)), [1.25, None]),
        (pa.array([1, None, 1]).dictionary_encode(), [1.0, None, 1.0]),
        (pa.nulls(2), [None, None]),
        (pa.array([1e308]), [1e100]),
    ],
)
def test_f07_numbers_of_every_type_become_floats(values: Any, expected: list[Any]) -> None:
    [column] = clean(values, numerical=["x"])
    assert column.current.dtype == "float64"
    assert current(column) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([True, False, None]), ["True", "False", None]),
        (pa.array([3, None], pa.int64()), ["3", None]),
        (pa.array([3.0, 2.5, math.nan]), ["3", "2.5", None]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array([], pa.string()), []),
        (pa.nulls(1), [None]),
    ],
)
def test_f07_labels_of_every_type_become_text(values: Any, expected: list[Any]) -> None:
    [column] = clean(values, categorical=["x"])
    assert current(column) == expected


@pytest.mark.parametrize("values", [pa.array(["a"]), pa.array([[1]]), pa.array([b"x"])])
def test_f06_text_is_never_read_as_numbers(values: Any) -> None:
    left_out: dict[str, str] = {}
    assert not clean(values, numerical=["x"], left_out=left_out)
    assert "not numbers" in left_out["x"]


def test_type_decides_for_columns_of_no_declared_kind() -> None:
    assert [c.kind for c in clean(pa.array([1]), others=["x"])] == ["num"]
    assert [c.kind for c in clean(pa.array(["1"]), others=["x"])] == ["cat"]


def test_column_is_drawn_where_both_sides_have_a_value() -> None:
    values, nothing = pa.array([1.0]), pa.array([None], pa.float64())
    for sides, is_drawn in (
        ((values,), True),
        ((nothing, values), False),
        ((values, nothing), False),
    ):
        drawings = draw_columns(clean(*sides, numerical=["x"]), ["x"], {})
        assert (drawings["x"].figure is not None) is is_drawn


@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=60), st.integers(1, 5))
def test_f14_labels_are_few_and_no_row_is_lost(values: list[str | None], top: int) -> None:
    [column] = clean(pa.array(values, pa.string()), categorical=["x"], top=top)
    shown = [value for value in column.shown()[0] if value is not None]
    assert len(set(shown)) <= top + 1
    assert len(shown) == sum(value is not None for value in values)
    distinct = {value for value in values if value is not None}
    if len(distinct) <= top + 1:
        assert len(set(shown)) == len(distinct), "labels that differ stay different"


def test_f14_rare_labels_of_both_sides_become_one() -> None:
    current = pa.array(["a"] * 5 + ["b"] * 3 + ["new1", "new2"])
    reference = pa.array(["a"] * 5 + ["b"] * 3 + ["old1", "old2"])
    [column] = clean(current, reference, categorical=["x"], top=2)
    assert [set(side) for side in column.shown()] == [{"a", "b", OTHER}] * 2


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=30),
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=30),
)
def test_f08_histogram_counts_every_finite_value(current: Any, reference: Any) -> None:
    [column] = clean(
        pa.array(current, pa.float64()), pa.array(reference, pa.float64()), numerical=["x"]
    )
    drawing = draw_columns([column], ["x"], {})["x"]
    if drawing.figure is None:
        return
    assert len(drawing.x) == len(drawing.current) == len(drawing.reference)
    assert sum(drawing.current) == np.isfinite(current).sum()
    assert sum(drawing.reference) == np.isfinite(reference).sum()
    assert all(math.isfinite(middle) for middle in drawing.x)


class _Dataset:
    """Rows that tell which columns were asked for at a time."""

    columns = dict.fromkeys([f"c{number}" for number in range(40)], "numerical")
    rows = 1000

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def sample(self, names: Any, rows: int, seed: int) -> pa.Table:
        self.asked.append(list(names))
        drawn = np.random.default_rng(seed).choice(self.rows, min(rows, self.rows), replace=False)
        return pa.table({name: drawn.astype("float64") for name in names})


def test_f13_wide_samples_are_read_a_few_columns_at_a_time_and_each_once() -> None:
    dataset = _Dataset()
    rows = DrawnRows(dataset, 50, seed=7)
    wanted = wanted_columns(list(dataset.columns), ())
    columns = list(read_columns(rows, rows, wanted, {}))
    assert rows.num_rows == 50
    assert len(columns) == 40
    assert all((column.current == columns[0].current).all() for column in columns)
    assert max(map(len, dataset.asked)) <= 16
    read = [name for names in dataset.asked[::2] for name in names]
    assert read == list(dataset.columns)


def test_f13_columns_beyond_the_last_that_is_drawn_are_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drawings, "MOST_COLUMNS_DRAWN", 10)
    dataset, left_out = _Dataset(), {}
    rows = DrawnRows(dataset, 50, seed=7)
    wanted = wanted_columns(list(dataset.columns), ())
    drawn = draw_columns(read_columns(rows, rows, wanted, left_out), wanted, left_out)
    assert len(drawn) == 10
    assert len(dataset.asked) == 2, "one batch of each side"
    assert len(left_out) == 30
