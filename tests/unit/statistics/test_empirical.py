"""What lies between two distribution functions, without a merge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitoring_jobs.statistics.empirical import area_between, greatest_gap

# Few different values make ties, within a column and between the two.
values = st.lists(
    st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6)), min_size=1, max_size=60
)


def ascending(raw: list[float]) -> np.ndarray:
    return np.sort(np.array(raw, dtype=np.float64))


def gap_by_definition(first: np.ndarray, second: np.ndarray) -> int:
    """Look at every value of both columns."""
    every = np.concatenate((first, second))
    below = [np.searchsorted(side, every, side="right") for side in (first, second)]
    return int(np.abs(below[0] * second.size - below[1] * first.size).max())


@given(values, values)
def test_the_area_is_scipys_wasserstein_distance(left: list[float], right: list[float]) -> None:
    first, second = ascending(left), ascending(right)
    expected = stats.wasserstein_distance(first, second)
    assert area_between(first, second) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert area_between(second, first) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(values, values)
def test_the_greatest_gap_is_found_without_looking_at_every_value(
    left: list[float], right: list[float]
) -> None:
    first, second = ascending(left), ascending(right)
    assert greatest_gap(first, second) == gap_by_definition(first, second)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 0.1, 0.001]), st.booleans())
def test_columns_longer_than_a_block_agree_too(seed: int, grid: float, shifted: bool) -> None:
    random = np.random.default_rng(seed)
    first = random.normal(size=int(random.integers(1, 80_000)))
    second = random.normal(0.1 if shifted else 0.0, 1.0, size=int(random.integers(1, 80_000)))
    first, second = (np.sort(np.round(side / grid) * grid) for side in (first, second))
    assert greatest_gap(first, second) == gap_by_definition(first, second)
    expected = stats.wasserstein_distance(first, second)
    assert area_between(first, second) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_columns_apart_are_a_whole_gap_apart() -> None:
    first, second = np.arange(1000.0), np.arange(2000.0, 2777.0)
    assert greatest_gap(first, second) == first.size * second.size
    assert area_between(first, first) == 0
    assert greatest_gap(first, first) == 0
