"""The rows that a report draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.reports.sample import OTHER, Sample, clean_sample


def clean(values: Any, other: Any = None, **roles: Any) -> Sample:
    current = pa.table({"x": values})
    reference = pa.table({"x": values if other is None else other})
    return clean_sample(
        current,
        reference,
        numerical=roles.pop("numerical", ()),
        categorical=roles.pop("categorical", ()),
        **roles,
    )


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
    assert [None if math.isnan(v) else v for v in column.current] == expected


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
    assert [None if pd.isna(v) else v for v in column.current] == expected


@pytest.mark.parametrize("values", [pa.array(["a"]), pa.array([[1]]), pa.array([b"x"])])
def test_f06_text_is_never_read_as_numbers(values: Any) -> None:
    sample = clean(values, numerical=["x"])
    assert not sample.columns
    assert "not numbers" in sample.left_out["x"]


def test_type_decides_for_columns_of_no_declared_kind() -> None:
    assert [c.kind for c in clean(pa.array([1]), others=["x"])] == ["num"]
    assert [c.kind for c in clean(pa.array(["1"]), others=["x"])] == ["cat"]


def test_column_is_drawable_where_both_sides_have_a_value() -> None:
    values, nothing = pa.array([1.0]), pa.array([None], pa.float64())
    assert [c.is_drawable for c in clean(values, numerical=["x"])] == [True]
    assert [c.is_drawable for c in clean(nothing, values, numerical=["x"])] == [False]
    assert [c.is_drawable for c in clean(values, nothing, numerical=["x"])] == [False]


@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=60), st.integers(1, 5))
def test_f14_labels_are_few_and_no_row_is_lost(values: list[str | None], top: int) -> None:
    [column] = clean(pa.array(values, pa.string()), categorical=["x"], top=top)
    shown = [value for value in column.current if not pd.isna(value)]
    assert len(set(shown)) <= top + 1
    assert len(shown) == sum(value is not None for value in values)
    distinct = {value for value in values if value is not None}
    if len(distinct) <= top + 1:
        assert len(set(shown)) == len(distinct), "labels that differ stay different"


def test_f14_rare_labels_of_both_sides_become_one() -> None:
    current = pa.array(["a"] * 5 + ["b"] * 3 + ["new1", "new2"])
    reference = pa.array(["a"] * 5 + ["b"] * 3 + ["old1", "old2"])
    [column] = clean(current, reference, categorical=["x"], top=2)
    assert set(column.current) == set(column.reference) == {"a", "b", OTHER}


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=30),
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=30),
)
def test_f08_histogram_counts_every_finite_value(current: Any, reference: Any) -> None:
    [column] = clean(
        pa.array(current, pa.float64()), pa.array(reference, pa.float64()), numerical=["x"]
    )
    if not column.is_drawable:
        return
    bins, counts, reference_counts = column.histogram()
    assert len(bins) == len(counts) == len(reference_counts)
    assert sum(counts) == np.isfinite(current).sum()
    assert sum(reference_counts) == np.isfinite(reference).sum()
    assert all(math.isfinite(middle) for middle in bins)
