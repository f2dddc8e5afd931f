"""Distances where Evidently has none to compare with, and where the numbers are large."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from monitoring_jobs.statistics import CategoricalColumn, NumericColumn
from monitoring_jobs.statistics.binned import hellinger, jensenshannon, kl_div, psi
from monitoring_jobs.statistics.distances import ed, wasserstein

Score = Callable[..., float]
BINNED = [jensenshannon, psi, kl_div, hellinger]


def numbers(values: np.ndarray | list[float]) -> NumericColumn:
    return NumericColumn.from_arrow(pa.array(np.asarray(values, dtype="float64")))


def labels(values: list[str]) -> CategoricalColumn:
    return CategoricalColumn.from_arrow(pa.array(values, pa.string()))


@pytest.mark.parametrize("score", [wasserstein, ed, *BINNED])
def test_f04_numerical_scores_without_values_are_undefined(score: Score) -> None:
    empty, some = numbers([]), numbers([1.0, 2.0])
    assert np.isnan(score(empty, some))
    assert np.isnan(score(some, empty))


@pytest.mark.parametrize("score", BINNED)
def test_f04_categorical_scores_without_values_are_undefined(score: Score) -> None:
    empty, some = labels([]), labels(["a"])
    assert np.isnan(score(empty, some))
    assert np.isnan(score(some, empty))


@pytest.mark.parametrize("score", [wasserstein, *BINNED])
def test_f09_values_that_overflow_give_no_score_and_no_warning(score: Score) -> None:
    huge = numbers([1.7e308 * sign for sign in (1, -1)] * 15 + list(range(30)))
    assert not np.isinf(score(huge, numbers([-1.7e308, 1.0])))


@pytest.mark.parametrize("score", BINNED)
def test_columns_of_different_kinds_cannot_be_compared(score: Score) -> None:
    with pytest.raises(TypeError, match="categorical"):
        score(numbers([1.0]), labels(["a"]))


def test_values_a_bit_apart_leave_no_room_for_bins() -> None:
    # 30 values a few bits apart, as Evidently's histogram refuses to cut.
    close = 1e16 + 2 * np.arange(22.0)
    far = jensenshannon(numbers(close), numbers(close[:3].repeat(4_000_000 // 3)[:3]))
    assert np.isfinite(far)


@pytest.mark.parametrize("score", [wasserstein, ed, *BINNED])
def test_f15_a_column_is_no_distance_away_from_itself(score: Score) -> None:
    values = np.random.default_rng(0).normal(size=997)
    assert score(numbers(values), numbers(values)) == 0.0
    assert score(numbers([0.1] * 3), numbers([0.1] * 7)) == 0.0


def test_ed_of_many_blocks_of_unequal_length_equals_scipy() -> None:
    random = np.random.default_rng(4)
    reference, current = random.normal(size=70_000).round(3), random.normal(0.1, 2, size=33_333)
    expected = stats.energy_distance(reference, current)
    assert ed(numbers(reference), numbers(current)) == pytest.approx(expected, rel=1e-9)
