"""A categorical column is counted once, however arrow happens to encode it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.statistics import CategoricalColumn, count_duplicates, statistics_of
from monitoring_jobs.statistics.categorical import align, smallest

text = st.one_of(st.sampled_from(["a", "b", "c"]), st.text(max_size=5), st.none())
rows = st.lists(text.filter(lambda s: s is None or not _is_surrogate(s)), max_size=40)


def _is_surrogate(value: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in value)


def as_dict(column: CategoricalColumn) -> dict[str, int]:
    return dict(zip(column.labels.to_pylist(), column.counts.tolist(), strict=True))


@given(rows)
def test_counts_are_those_of_a_naive_count(values: list[str | None]) -> None:
    column = CategoricalColumn.from_arrow(pa.array(values, pa.string()))
    naive = {value: values.count(value) for value in set(values) - {None}}
    assert as_dict(column) == naive
    assert list(as_dict(column)) == sorted(naive)
    assert (column.rows, column.missing) == (len(values), values.count(None))
    assert (column.n, column.distinct) == (len(values) - values.count(None), len(naive))


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["b", None, "a", "b"]),
        pa.array(["b", None, "a", "b"], pa.large_string()),
        pa.array(["b", None, "a", "b"]).dictionary_encode(),
        pa.chunked_array(
            [pa.array(["b", None]).dictionary_encode(), pa.array(["a", "b"]).dictionary_encode()]
        ),
        pa.array(["x", "b", None, "a", "b"]).dictionary_encode().slice(1),
        # A dictionary may hold unused labels, nulls, and the same label twice.
        pa.DictionaryArray.from_arrays(
            pa.array([0, 1, 3, 4], pa.int32()), pa.array(["b", None, "unused", "a", "b"])
        ),
    ],
)
def test_every_encoding_gives_the_same_column(values: pa.Array | pa.ChunkedArray) -> None:
    column = CategoricalColumn.from_arrow(values)
    assert as_dict(column) == {"a": 1, "b": 2}
    assert (column.rows, column.missing) == (4, 1)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([], pa.string()),
        pa.chunked_array([], pa.string()),
        pa.chunked_array([], pa.dictionary(pa.int32(), pa.string())),
        pa.nulls(3, pa.string()),
        pa.nulls(3, pa.dictionary(pa.int32(), pa.string())),
    ],
)
def test_f04_a_column_without_labels_is_all_missing(values: pa.Array | pa.ChunkedArray) -> None:
    column = CategoricalColumn.from_arrow(values)
    assert (column.n, column.distinct, column.missing) == (0, 0, len(values))
    assert as_dict(CategoricalColumn.from_arrays(column.to_arrays())) == {}


@given(rows)
def test_arrays_carry_the_whole_column(values: list[str | None]) -> None:
    before = CategoricalColumn.from_arrow(pa.array(values, pa.string()))
    after = CategoricalColumn.from_arrays(before.to_arrays())
    assert as_dict(after) == as_dict(before)
    assert (after.rows, after.missing) == (before.rows, before.missing)


def test_arrays_survive_a_file_without_pickles(tmp_path_factory: pytest.TempPathFactory) -> None:
    before = CategoricalColumn.from_arrow(pa.array(["ä", "", "x\0", None]))
    path = tmp_path_factory.mktemp("cache")
    for name, array in before.to_arrays().items():
        np.save(path / f"{name}.npy", array, allow_pickle=False)
    arrays = {name: np.load(path / f"{name}.npy", mmap_mode="r") for name in before.to_arrays()}
    assert as_dict(CategoricalColumn.from_arrays(arrays)) == as_dict(before)


@given(rows, rows)
def test_alignment_keeps_every_count_beside_its_label(
    left: list[str | None], right: list[str | None]
) -> None:
    sides = [CategoricalColumn.from_arrow(pa.array(side, pa.string())) for side in (left, right)]
    counts = align(*sides)
    assert [int(side.sum()) for side in counts] == [side.n for side in sides]
    every = {*left, *right} - {None}
    assert counts[0].size == counts[1].size == len(every)
    pairs = sorted(zip(*(side.tolist() for side in counts), strict=True))
    assert pairs == sorted((left.count(label), right.count(label)) for label in every)
    unseen = {*right} - {*left} - {None}
    assert sides[1].count_unseen(sides[0]) == (len(unseen), sum(map(right.count, unseen)))


@pytest.mark.parametrize(
    ("labels", "first"),
    [(["10", "9"], "9"), (["10", "9", "x"], "10"), (["1.5", "-2"], "-2"), (["b", "a"], "a")],
)
def test_the_smallest_label_is_the_smallest_number_where_all_are_numbers(
    labels: list[str], first: str
) -> None:
    assert smallest(pa.array(labels)) == first


@given(st.lists(st.one_of(st.integers(0, 9), st.none()), max_size=30))
def test_duplicates_are_the_rows_beyond_the_first_of_each_id(ids: list[int | None]) -> None:
    present = [i for i in ids if i is not None]
    expected = len(present), len(present) - len(set(present))
    numbers = pa.array(ids, pa.int64())
    assert count_duplicates(numbers) == expected
    assert count_duplicates(pa.chunked_array([numbers.cast(pa.string())])) == expected
    assert count_duplicates(numbers.cast(pa.string()).dictionary_encode()) == expected


def test_statistics_are_chosen_by_the_type_of_the_values() -> None:
    assert statistics_of(pa.array([1.0])).distinct == 1
    assert statistics_of(pa.array(["a", "b"]).dictionary_encode()).distinct == 2
    with pytest.raises(TypeError, match="timestamp"):
        statistics_of(pa.array([0], pa.timestamp("s")))
