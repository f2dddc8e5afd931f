"""Conversions by buffers equal pyarrow's own, which import pandas."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.statistics.buffers import to_arrow, to_mask, to_numpy, to_strings

FLOATS, INTEGERS = (pa.float64(), np.nan), (pa.int32(), -1)
numbers = st.lists(st.one_of(st.none(), st.integers(0, 2**31 - 1)), max_size=40)


@given(st.lists(numbers, max_size=4), st.sampled_from([FLOATS, INTEGERS]), st.integers(0, 9))
def test_numbers_come_out_as_they_are_and_gaps_as_asked(
    chunks: list[list[int | None]], kind: tuple[pa.DataType, float], skipped: int
) -> None:
    data_type, null = kind
    values = pa.chunked_array([pa.array(chunk, data_type) for chunk in chunks], data_type)
    values = values.slice(min(skipped, len(values)))
    expected = [null if value is None else value for value in values.to_pylist()]
    np.testing.assert_array_equal(to_numpy(values, null=null), np.array(expected))
    for chunk in values.chunks:
        expected = [null if value is None else value for value in chunk.to_pylist()]
        np.testing.assert_array_equal(to_numpy(chunk, null=null), np.array(expected))


@pytest.mark.parametrize("rows", [[1.0, 2.0], [1.0, None]])
def test_only_a_copy_may_be_written_to(rows: list[float | None]) -> None:
    mutable = pa.Array.from_buffers(pa.float64(), 2, [None, pa.py_buffer(bytearray(16))])
    assert not to_numpy(mutable, null=np.nan).flags.writeable
    values = pa.array(rows)
    found = to_numpy(values, null=np.nan)
    if found.flags.writeable:
        found[:] = 7
    assert values.to_pylist() == rows


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=5)), max_size=20),
    st.lists(st.booleans(), max_size=40),
)
def test_texts_and_masks_go_in_whole(texts: list[str | None], booleans: list[bool]) -> None:
    assert to_strings(texts).to_pylist() == texts
    assert to_mask(np.array(booleans, dtype=np.bool_)).to_pylist() == booleans


@given(st.lists(st.integers(-(2**62), 2**62), max_size=20))
def test_numbers_go_in_without_a_copy(values: list[int]) -> None:
    given_numbers = np.array(values, dtype=np.int64)
    assert to_arrow(given_numbers).to_pylist() == values
    assert to_arrow(given_numbers[::2]).to_pylist() == values[::2]
