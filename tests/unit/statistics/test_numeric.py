"""A numerical column is counted and sorted once, and everything else is read off it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.statistics import NumericColumn

finite = st.floats(-1e9, 1e9)
some = st.lists(finite, min_size=1, max_size=50)


def column(values: list[float | None]) -> NumericColumn:
    return NumericColumn.from_arrow(pa.array(values, pa.float64()))


def test_f08_missing_and_infinite_values_are_counted_and_left_out() -> None:
    values = column([3.0, None, float("nan"), float("inf"), 1.0, float("-inf"), None])
    assert (values.rows, values.missing, values.infinite, values.n) == (7, 3, 2, 2)
    assert values.sorted.tolist() == [1.0, 3.0]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([2, None, 1], pa.int64()),
        pa.array([2, None, 1], pa.uint8()),
        pa.array([2, None, 1], pa.float32()),
        pa.chunked_array([[2.0], [None, 1.0]]),
        pa.chunked_array([[2.0, None], [], [1.0]], pa.float64()),
        pa.array([9.0, 2.0, None, 1.0]).slice(1),
    ],
)
def test_every_type_and_chunking_of_numbers_gives_the_same_column(
    values: pa.Array | pa.ChunkedArray,
) -> None:
    numbers = NumericColumn.from_arrow(values)
    assert (numbers.rows, numbers.missing, numbers.sorted.tolist()) == (3, 1, [1.0, 2.0])
    assert numbers.sorted.dtype == np.float64


@given(some, st.floats(0, 1))
def test_quantiles_equal_numpy(values: list[float], q: float) -> None:
    assert column(values).quantile(q) == pytest.approx(np.quantile(values, q), rel=1e-12, abs=1e-12)


@given(some)
def test_moments_equal_numpy(values: list[float]) -> None:
    numbers = column(values)
    assert numbers.mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)
    assert numbers.population_std == pytest.approx(np.std(values), rel=1e-9, abs=1e-6)
    if len(values) > 1:
        assert numbers.std == pytest.approx(np.std(values, ddof=1), rel=1e-9, abs=1e-6)
    assert (numbers.minimum, numbers.maximum) == (min(values), max(values))


@given(st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=40), st.integers(-5, 5))
def test_counts_are_those_of_a_naive_count(values: list[float], bound: int) -> None:
    numbers = column(values)
    every, counts = numbers.counts()
    assert dict(zip(every, counts, strict=True)) == {v: values.count(v) for v in set(values)}
    assert numbers.distinct == len(set(values))
    assert numbers.count_below(bound) == sum(v < bound for v in values)
    assert numbers.count_above(bound) == sum(v > bound for v in values)


def test_f04_a_column_without_values_has_no_numbers() -> None:
    empty = column([None, None])
    numbers = [empty.minimum, empty.maximum, empty.mean, empty.std, empty.quantile(0.5)]
    assert all(np.isnan(number) for number in numbers)
    assert (empty.n, empty.distinct, empty.counts()[1].size) == (0, 0, 0)


def test_f15_one_value_has_no_sample_deviation() -> None:
    one = column([5.0])
    assert np.isnan(one.std)
    assert (one.population_std, one.mean, one.quantile(0.3)) == (0.0, 5.0, 5.0)


@given(st.lists(st.one_of(finite, st.none(), st.just(np.inf)), max_size=30))
def test_arrays_carry_the_whole_column(values: list[float | None]) -> None:
    before = column(values)
    after = NumericColumn.from_arrays(before.to_arrays())
    assert (after.rows, after.missing, after.infinite) == (
        before.rows,
        before.missing,
        before.infinite,
    )
    assert np.array_equal(after.sorted, before.sorted)


def test_a_read_only_memory_map_serves_as_a_column(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    before = column([3.0, 1.0, 2.0])
    path = tmp_path_factory.mktemp("cache")
    for name, array in before.to_arrays().items():
        np.save(path / f"{name}.npy", array, allow_pickle=False)
    arrays = {name: np.load(path / f"{name}.npy", mmap_mode="r") for name in before.to_arrays()}
    after = NumericColumn.from_arrays(arrays)
    assert isinstance(after.sorted, np.memmap)
    assert (after.n, after.distinct, after.quantile(0.5), after.std) == (3, 3, 2.0, 1.0)
