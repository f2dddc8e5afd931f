"""Tests by permutation: Evidently's exchanges one by one, and their distribution where they differ.

Evidently compares the distances of exchanges in floats, so that a tie counts or not by rounding.
Its own functions are called here with the observed distance a millionth of a millionth lower, which
makes every tie count.
"""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from monitoring_jobs.statistics import CategoricalColumn, NumericColumn, permutation
from monitoring_jobs.statistics.permutation import empirical_mmd, tvd

TIE = 1e-12
FEW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def evidently() -> SimpleNamespace:
    """Evidently's permutation tests on sorted rows, with the seed that is ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently.legacy.calculations.stattests import mmd_stattest, tvd_stattest, utils

    def total_variation(reference: list[str], current: list[str], exchanges: int) -> float:
        sides = [pd.Series(sorted(side), dtype="object") for side in (reference, current)]
        distance = tvd_stattest._total_variation_distance
        observed = distance(*sides) - TIE
        return float(utils.permutation_test(*sides, observed, distance, exchanges))

    def discrepancy(reference: np.ndarray, current: np.ndarray) -> float:
        x, y = (np.sort(side).reshape(-1, 1) for side in (reference, current))
        np.random.seed(permutation.SEED)
        kernel = mmd_stattest.kernel_matrix(x, y)
        kernel = kernel - np.diag(np.diagonal(kernel))
        observed = mmd_stattest.mmd_2samp(kernel, len(y))
        others = [mmd_stattest.mmd_2samp(kernel, len(y), permute=True) for _ in range(100)]
        return float(np.mean(observed - TIE <= np.array(others)))

    return SimpleNamespace(tvd=total_variation, mmd=discrepancy)


def labels(values: list[str]) -> CategoricalColumn:
    return CategoricalColumn.from_arrow(pa.array(values, pa.string()))


def counted(*counts: int, prefix: str = "") -> CategoricalColumn:
    names = [f"{prefix}{i:06}" for i in range(len(counts))]
    return CategoricalColumn(
        rows=sum(counts),
        missing=0,
        labels=pa.array(names, pa.large_string()),
        counts=np.array(counts, dtype=np.int64),
    )


def numbers(values: np.ndarray | list[float]) -> NumericColumn:
    return NumericColumn.from_arrow(pa.array(np.asarray(values, dtype="float64")))


# --- total variation ------------------------------------------------------------------------------
some = st.lists(st.sampled_from(["a", "b", "c", "ä", ""]), min_size=1, max_size=40)


@FEW
@given(reference=some, current=some)
def test_tvd_equals_evidently_exchange_by_exchange(
    evidently: SimpleNamespace, reference: list[str], current: list[str]
) -> None:
    expected = evidently.tvd(reference, current, 40)
    assert tvd(labels(reference), labels(current), 40) == pytest.approx(expected, abs=1e-12)


def test_tvd_with_all_its_exchanges_equals_evidently(evidently: SimpleNamespace) -> None:
    random = np.random.default_rng(3)
    reference = random.choice(["a", "b", "d"], 211, p=[0.42, 0.55, 0.03]).tolist()
    current = random.choice(["a", "b", "d"], 97, p=[0.36, 0.62, 0.02]).tolist()
    expected = evidently.tvd(reference, current, permutation.TVD_EXCHANGES)
    assert 0 < expected < 1
    assert tvd(labels(reference), labels(current)) == pytest.approx(expected, abs=1e-12)


def test_tvd_of_many_rows_draws_from_the_same_distribution() -> None:
    # Of two labels the distance after an exchange is that of one hypergeometric count.
    known, seen = (30_000, 30_000), (20_150, 19_850)
    n, m, first = 60_000, 40_000, 50_150
    support = np.arange(first * n // (n + m) - 2_000, first * n // (n + m) + 2_000)
    chances = stats.hypergeom.pmf(support, n + m, first, n)
    apart = np.abs(support * (n + m) - first * n)
    exact = chances[apart >= abs(known[0] * m - seen[0] * n)].sum()
    assert 0.1 < exact < 0.9
    ours = tvd(counted(*known), counted(*seen))
    assert ours == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 1_000))


def test_tvd_on_both_sides_of_its_limit_agrees_within_chance() -> None:
    below = tvd(counted(5_000, 4_990), counted(5_060, 4_940))
    above = tvd(counted(5_001, 5_000), counted(5_060, 4_940))
    assert below == pytest.approx(above, abs=0.1)


def test_tvd_of_ever_so_many_labels_compares_a_sample() -> None:
    reference, current = counted(*[3] * 12_000), counted(*[3] * 12_000, prefix="x")
    assert permutation.rows_compared_by_tvd(reference, current) == permutation.TVD_SAMPLE
    assert tvd(reference, current) == 0.0
    assert tvd(reference, reference) > 0.1
    assert permutation.rows_compared_by_tvd(reference, counted(5, 5)) == permutation.TVD_SAMPLE
    assert permutation.rows_compared_by_tvd(counted(10**6, 10**6), counted(10**6, 5)) is None


# --- maximum mean discrepancy ---------------------------------------------------------------------
values = st.lists(
    st.one_of(
        st.integers(-3, 3).map(float), st.floats(-100, 100).map(lambda value: round(value, 3))
    ),
    min_size=2,
    max_size=30,
)


@FEW
@given(reference=values, current=values)
def test_mmd_equals_evidently_exchange_by_exchange(
    evidently: SimpleNamespace, reference: list[float], current: list[float]
) -> None:
    expected = evidently.mmd(np.array(reference), np.array(current))
    assert empirical_mmd(numbers(reference), numbers(current)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("n", "m", "shift"), [(300, 200, 0.1), (40, 350, 0.3), (250, 250, 2.0)])
def test_mmd_of_samples_equals_evidently(
    evidently: SimpleNamespace, n: int, m: int, shift: float
) -> None:
    random = np.random.default_rng([n, m])
    reference, current = random.normal(size=n), random.normal(shift, size=m)
    expected = evidently.mmd(reference, current)
    assert empirical_mmd(numbers(reference), numbers(current)) == pytest.approx(expected, abs=1e-12)


def test_mmd_of_many_rows_compares_a_sample_that_is_always_the_same() -> None:
    random = np.random.default_rng(0)
    reference, moved = numbers(random.normal(size=30_000)), numbers(random.normal(1, size=900))
    assert permutation.rows_compared_by_mmd(reference, moved) == permutation.MMD_SAMPLE
    assert permutation.rows_compared_by_mmd(moved, moved) is None
    assert empirical_mmd(reference, moved) == 0.0
    assert empirical_mmd(reference, reference) == empirical_mmd(reference, reference) > 0.1


def test_f15_constant_columns_have_a_certain_p_value() -> None:
    assert empirical_mmd(numbers([7.0] * 5), numbers([7.0] * 9)) == 1.0
    assert empirical_mmd(numbers([7.0] * 20), numbers([8.0] * 20)) == 0.0
    assert tvd(labels(["a"] * 5), labels(["a"] * 9)) == 1.0


@pytest.mark.parametrize("few", [[], [1.0]])
def test_f04_mmd_needs_two_values_on_either_side(few: list[float]) -> None:
    enough = numbers([1.0, 2.0, 3.0])
    assert np.isnan(empirical_mmd(numbers(few), enough))
    assert np.isnan(empirical_mmd(enough, numbers(few)))


def test_f04_tvd_without_values_is_undefined() -> None:
    assert np.isnan(tvd(labels([]), labels(["a"])))


def test_f09_values_that_overflow_give_no_score_and_no_warning() -> None:
    huge = numbers([1.7e308, -1.7e308, 0.0])
    assert np.isnan(empirical_mmd(huge, huge))
