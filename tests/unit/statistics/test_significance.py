"""P-values where Evidently has none to compare with, and where the numbers are large."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from monitoring_jobs.statistics import CategoricalColumn, NumericColumn
from monitoring_jobs.statistics.distances import jensenshannon, psi, wasserstein
from monitoring_jobs.statistics.significance import chisquare, ks, z


def numbers(values: np.ndarray | list[float]) -> NumericColumn:
    return NumericColumn.from_arrow(pa.array(np.asarray(values, dtype="float64")))


def labels(values: list[str]) -> CategoricalColumn:
    return CategoricalColumn.from_arrow(pa.array(values, pa.string()))


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


def test_f15_single_label_has_no_degree_of_freedom_and_a_certain_proportion() -> None:
    assert np.isnan(chisquare(labels(["a"] * 5), labels(["a"] * 9)))
    assert z(labels(["a"] * 5), labels(["a"] * 9)) == 1.0


def test_an_unseen_label_is_impossible_under_the_reference() -> None:
    assert chisquare(labels(["a", "b"]), labels(["a", "c"])) == 0.0


@pytest.mark.parametrize("score", [wasserstein, ks, jensenshannon, psi])
def test_f04_numerical_scores_without_values_are_undefined(score: object) -> None:
    empty, some = numbers([]), numbers([1.0, 2.0])
    assert np.isnan(score(empty, some))
    assert np.isnan(score(some, empty))


@pytest.mark.parametrize("score", [chisquare, z, jensenshannon, psi])
def test_f04_categorical_scores_without_values_are_undefined(score: object) -> None:
    empty, some = labels([]), labels(["a"])
    assert np.isnan(score(empty, some))
    assert np.isnan(score(some, empty))


@pytest.mark.parametrize("score", [wasserstein, jensenshannon, psi])
def test_f09_values_that_overflow_give_no_score_and_no_warning(score: object) -> None:
    huge = numbers([1.7e308 * sign for sign in (1, -1)] * 15 + list(range(30)))
    assert not np.isinf(score(huge, numbers([-1.7e308, 1.0])))


@pytest.mark.parametrize("score", [jensenshannon, psi])
def test_columns_of_different_kinds_cannot_be_compared(score: object) -> None:
    with pytest.raises(TypeError, match="categorical"):
        score(numbers([1.0]), labels(["a"]))


def test_values_a_bit_apart_leave_no_room_for_bins() -> None:
    # 30 values a few bits apart, as Evidently's histogram refuses to cut.
    close = 1e16 + 2 * np.arange(22.0)
    far = jensenshannon(numbers(close), numbers(close[:3].repeat(4_000_000 // 3)[:3]))
    assert np.isfinite(far)
