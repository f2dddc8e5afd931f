"""Tests on ranks: exact where counts are few, and over more than one block where they are many."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitoring_jobs.statistics import NumericColumn
from monitoring_jobs.statistics.pooled import count_distinct, quantile, tied_values
from monitoring_jobs.statistics.ranks import anderson, cramer_von_mises, mannw

Score = Callable[[NumericColumn, NumericColumn], float]

few = st.lists(st.integers(-8, 8).map(float), max_size=40).map(np.sort)


def numbers(values: np.ndarray | list[float]) -> NumericColumn:
    return NumericColumn.from_arrow(pa.array(np.asarray(values, dtype="float64")))


# --- pooled columns -------------------------------------------------------------------------------
@given(few, few, st.sampled_from([1, 2, 3, 100]))
def test_every_value_comes_once_whatever_the_blocks(
    first: np.ndarray, second: np.ndarray, block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitoring_jobs.statistics.pooled._BLOCK", block)
        blocks = list(tied_values(first, second))
    values = np.unique(np.concatenate((first, second)))
    columns = [np.concatenate([np.zeros(0), *parts]) for parts in zip(*blocks, strict=True)]
    columns = columns or [np.zeros(0)] * 5
    assert columns[0].tolist() == values.tolist()
    for side, below, tied in ((first, columns[1], columns[3]), (second, columns[2], columns[4])):
        assert below.tolist() == np.searchsorted(side, values, "left").tolist()
        assert (below + tied).tolist() == np.searchsorted(side, values, "right").tolist()
    assert count_distinct(first, second) == values.size


@given(few.filter(len), few, st.floats(0, 1))
def test_quantiles_of_pooled_columns_are_numpys(
    first: np.ndarray, second: np.ndarray, q: float
) -> None:
    expected = np.quantile(np.concatenate((first, second)), q)
    assert quantile(first, second, q) == pytest.approx(expected, abs=1e-12)


# --- exact p-values -------------------------------------------------------------------------------
def ways_to_share(n: int, m: int) -> list[tuple[list[int], list[int]]]:
    ranks = range(n + m)
    return [
        (list(own), [rank for rank in ranks if rank not in own]) for own in combinations(ranks, n)
    ]


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 6), (3, 4), (4, 3), (5, 5)])
def test_mannw_of_few_values_counts_every_order(n: int, m: int) -> None:
    ways = ways_to_share(n, m)
    sums = np.array([sum(own) for own, _ in ways])
    for own, other in ways[:: max(1, len(ways) // 20)]:
        expected = np.mean(sums <= sum(own))
        assert mannw(numbers(own), numbers(other)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(8, 500), (300, 7), (2, 1_000)])
def test_mannw_of_few_against_many_equals_scipy(n: int, m: int) -> None:
    random = np.random.default_rng([n, m])
    for shift in (-1.0, 0.0, 2.0):
        reference, current = random.normal(size=n), random.normal(shift, size=m)
        expected = stats.mannwhitneyu(reference, current, alternative="less").pvalue
        assert mannw(numbers(reference), numbers(current)) == pytest.approx(expected, rel=1e-9)


def test_mannw_of_few_against_millions_takes_the_limit() -> None:
    current = np.arange(2e6)
    assert mannw(numbers([5.5, 7.5, 1e6 + 0.5]), numbers(current)) == pytest.approx(0.05, abs=0.03)


def test_f15_one_value_on_both_sides_is_certain_to_mannw() -> None:
    assert mannw(numbers([7.0] * 300_000), numbers([7.0] * 200_000)) == 1.0


@pytest.mark.parametrize(("n", "m"), [(2, 2), (3, 4), (5, 4)])
def test_cramer_von_mises_of_few_values_counts_every_order(n: int, m: int) -> None:
    ways = ways_to_share(n, m)

    def statistic(own: list[int], other: list[int]) -> int:
        apart = [n * (rank - i) ** 2 for i, rank in enumerate(own)]
        return sum(apart) + sum(m * (rank - i) ** 2 for i, rank in enumerate(other))

    every = np.array([statistic(*way) for way in ways])
    for way in ways[:: max(1, len(ways) // 15)]:
        expected = np.mean(every >= statistic(*way))
        assert cramer_von_mises(*map(numbers, way)) == pytest.approx(expected, rel=1e-12)


# --- many rows ------------------------------------------------------------------------------------
@pytest.mark.parametrize("decimals", [12, 1])
def test_tests_on_ranks_of_many_blocks_equal_scipy(decimals: int) -> None:
    random = np.random.default_rng(decimals)
    reference = random.normal(size=50_000).round(decimals)
    current = random.normal(0.015, size=70_001).round(decimals)
    columns = numbers(reference), numbers(current)
    expected = stats.mannwhitneyu(reference, current, alternative="less").pvalue
    assert mannw(*columns) == pytest.approx(expected, rel=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of scipy's next version
        expected = stats.anderson_ksamp([reference, current]).pvalue
    assert anderson(*columns) == pytest.approx(expected, rel=1e-9)
    # scipy ends the series for the limit elsewhere.
    expected = stats.cramervonmises_2samp(reference, current).pvalue
    assert cramer_von_mises(*columns) == pytest.approx(expected, abs=1e-6)


def test_anderson_says_no_more_than_its_table() -> None:
    random = np.random.default_rng(0)
    reference = random.normal(size=500)
    assert anderson(numbers(reference), numbers(reference)) == 0.25
    assert anderson(numbers(reference), numbers(reference + 3)) == 0.001


@pytest.mark.parametrize(
    ("reference", "current"), [([1.0, 2.0], [3.0]), ([2.0] * 5, [2.0] * 9), ([], [1.0] * 9)]
)
def test_anderson_needs_four_values_and_two_different_ones(
    reference: list[float], current: list[float]
) -> None:
    assert np.isnan(anderson(numbers(reference), numbers(current)))


def test_cramer_von_mises_needs_two_values_on_either_side() -> None:
    assert np.isnan(cramer_von_mises(numbers([1.0]), numbers(np.arange(30.0))))


@pytest.mark.parametrize("score", [mannw, anderson, cramer_von_mises])
def test_f04_scores_without_values_are_undefined(score: Score) -> None:
    empty, some = numbers([]), numbers([1.0, 2.0])
    assert np.isnan(score(empty, some))
    assert np.isnan(score(some, empty))
