"""Statistics of groups of rows equal those of the rows picked one group at a time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.statistics import ColumnStatistics, statistics_of
from monitoring_jobs.statistics.groups import Groups, statistics_of_groups

GROUPS = 4
numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.just(1.0))
labels = st.one_of(st.none(), st.sampled_from(["a", "b", "ü", ""]), st.text(max_size=3))


def same(one: ColumnStatistics, other: ColumnStatistics) -> bool:
    left, right = one.to_arrays(), other.to_arrays()
    return left.keys() == right.keys() and all(
        np.array_equal(left[name], right[name], equal_nan=name in {"moments", "sorted"})
        for name in left
    )


def check(values: pa.Array, of_row: list[int]) -> None:
    groups = Groups.of(np.array(of_row), GROUPS)
    found = statistics_of_groups(values, groups)
    assert len(found) == GROUPS
    for group, column in enumerate(found):
        rows = [row for row, own in enumerate(of_row) if own == group]
        assert groups.rows(group).tolist() == rows
        assert groups.size(group) == len(rows)
        assert same(column, statistics_of(values.take(pa.array(rows, pa.int64()))))


@given(st.lists(st.tuples(numbers, st.integers(-1, GROUPS - 1)), max_size=60))
def test_f08_numbers_by_group(rows: list[tuple[float | None, int]]) -> None:
    check(pa.array([value for value, _ in rows], pa.float64()), [group for _, group in rows])


@given(st.lists(st.tuples(labels, st.integers(-1, GROUPS - 1)), max_size=60), st.booleans())
def test_labels_by_group(rows: list[tuple[str | None, int]], encoded: bool) -> None:
    values = pa.array([value for value, _ in rows], pa.string())
    check(values.dictionary_encode() if encoded else values, [group for _, group in rows])


def test_a_column_is_left_as_it_was() -> None:
    values = pa.chunked_array([[3.0, 1.0], [2.0, None]])
    statistics_of_groups(values, Groups.of(np.array([0, 1, 0, 1]), 2))
    assert values.to_pylist() == [3.0, 1.0, 2.0, None]
    statistics_of(values)
    assert values.to_pylist() == [3.0, 1.0, 2.0, None]
