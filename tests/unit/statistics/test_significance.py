"""P-values where Evidently has none to compare with, and where the numbers are large."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from monitoring_jobs.statistics import NumericColumn
from monitoring_jobs.statistics.significance import es, ks, t_test

Score = Callable[[NumericColumn, NumericColumn], float]


def numbers(values: np.ndarray | list[float]) -> NumericColumn:
    return NumericColumn.from_arrow(pa.array(np.asarray(values, dtype="float64")))


@pytest.mark.parametrize(
    ("n", "m"), [(10_000, 10_000), (10_001, 9_000), (50_000, 50_000), (3, 20_000)]
)
@pytest.mark.parametrize("decimals", [12, 1, 0])
def test_ks_equals_scipy_on_both_sides_of_the_exact_limit(n: int, m: int, decimals: int) -> None:
    random = np.random.default_rng([n, m, decimals])
    reference = random.normal(size=n).round(decimals)
    current = random.normal(0.01, size=m).round(decimals)
    expected = stats.ks_2samp(reference, current).pvalue
    assert ks(numbers(reference), numbers(current)) == pytest.approx(expected, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("rows", [40_100, 60_000, 400_000, 1_000_000])
@pytest.mark.parametrize("squared", [0.5, 2.19, 2.21, 3.0, 10.0, 17.9, 18.1, 200.0, 371.0])
def test_ks_of_many_rows_equals_scipy_in_every_region_of_its_limit(
    rows: int, squared: float
) -> None:
    # Shifting a ladder by k steps gives a statistic of exactly k / rows.
    steps = round(np.sqrt(squared / (rows / 2)) * rows)
    reference = np.arange(float(rows))
    expected = stats.kstwo.sf(steps / rows, rows / 2)
    ours = ks(numbers(reference), numbers(reference + steps))
    assert ours == pytest.approx(expected, rel=1e-9, abs=1e-10)


def test_ks_of_large_constant_columns_is_defined() -> None:
    constant = numbers(np.full(20_000, 7.0))
    assert ks(constant, constant) == 1.0
    assert ks(constant, numbers(np.full(20_000, 8.0))) == 0.0


def test_ks_stays_silent_where_scipy_falls_back_to_the_limit() -> None:
    # Warnings are errors here, and scipy warns of these two.
    reference, current = [0.0, 0.0, 0.0, 0.0, 1.0], [0.0] * 5
    with pytest.warns(RuntimeWarning, match="unsuccessful"):
        expected = stats.ks_2samp(reference, current).pvalue
    assert ks(numbers(reference), numbers(current)) == expected


def test_ks_is_exact_for_sizes_without_a_common_divisor() -> None:
    reference, current = np.arange(9_973.0), np.arange(9_967.0) + 150
    expected = stats.ks_2samp(reference, current, method="exact").pvalue
    assert ks(numbers(reference), numbers(current)) == pytest.approx(expected, rel=1e-12)


# --- Student --------------------------------------------------------------------------------------
def test_f15_constant_columns_have_no_spread_to_measure_their_means_by() -> None:
    # A tenth has no exact sum: what a mean of it is off by would pass for a spread.
    assert np.isnan(t_test(numbers([0.1] * 3_000), numbers([0.1] * 7_000)))
    assert t_test(numbers([0.1] * 3_000), numbers([0.2] * 7_000)) == 0.0


def test_t_needs_three_values() -> None:
    assert np.isnan(t_test(numbers([1.0]), numbers([2.0])))
    assert t_test(numbers([1.0]), numbers([2.0, 3.0])) == pytest.approx(
        stats.ttest_ind([1.0], [2.0, 3.0]).pvalue
    )


# --- Epps and Singleton ---------------------------------------------------------------------------
@pytest.mark.parametrize(("n", "m"), [(5, 5), (24, 12), (24, 40), (3_000, 2_000)])
@pytest.mark.parametrize("distinct", [2, 3, 4])
def test_es_of_few_different_values_is_walds_test_of_their_shares(
    n: int, m: int, distinct: int
) -> None:
    random = np.random.default_rng([n, m, distinct])
    reference = np.append(np.arange(distinct), random.integers(0, distinct, n - distinct))
    current = np.append(np.arange(distinct), random.integers(0, distinct, m - distinct))
    wald, covariance = np.zeros(distinct - 1), np.zeros((distinct - 1, distinct - 1))
    for sign, side in ((1, reference), (-1, current)):
        shares = np.bincount(side, minlength=distinct)[1:] / side.size
        wald += sign * shares
        covariance += (np.diag(shares) - np.outer(shares, shares)) / side.size
    statistic = wald @ np.linalg.solve(covariance, wald)
    if max(n, m) < 25:
        statistic /= 1 + (n + m) ** -0.45 + 10.1 * (n**-1.7 + m**-1.7)
    expected = stats.chi2.sf(statistic, distinct - 1)
    assert es(numbers(reference), numbers(current)) == pytest.approx(expected, abs=1e-9)


def test_es_needs_five_values_and_a_spread_between_the_quartiles() -> None:
    spread, peaked = numbers([1.0, 2.0, 3.0, 4.0, 5.0]), numbers([1.0] * 99 + [2.0])
    assert np.isnan(es(spread, numbers([1.0, 2.0, 3.0, 4.0])))
    assert np.isnan(es(peaked, peaked))
    assert es(spread, spread) == 1.0


@pytest.mark.parametrize("score", [ks, t_test, es])
def test_f04_scores_without_values_are_undefined(score: Score) -> None:
    empty, some = numbers([]), numbers([1.0, 2.0])
    assert np.isnan(score(empty, some))
    assert np.isnan(score(some, empty))


@pytest.mark.parametrize("score", [t_test, es])
def test_f09_values_that_overflow_give_no_score_and_no_warning(score: Score) -> None:
    huge = numbers([1.7e308 * sign for sign in (1, -1)] * 15)
    assert np.isnan(score(huge, huge))
