"""Errors of predicted numbers, with scikit-learn as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn import metrics

from monitoring_jobs.statistics import regression

number = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6, allow_subnormal=False))
pairs = st.lists(st.tuples(number, number), min_size=2, max_size=40).map(
    lambda rows: np.array(rows, dtype="float64").T
)

ORACLE = {
    regression.mae: metrics.mean_absolute_error,
    regression.rmse: metrics.root_mean_squared_error,
    regression.mape: metrics.mean_absolute_percentage_error,
    regression.r2: metrics.r2_score,
}


@pytest.mark.parametrize("metric", ORACLE, ids=lambda metric: metric.__name__)
@given(pairs)
@example(np.array([[2.0, 2.0], [2.0, 2.0]]))
@example(np.array([[2.0, 2.0], [1.0, 2.0]]))
@example(np.array([[0.0, 1.0], [1.0, 1.0]]))
def test_errors_equal_scikit_learn(metric: object, rows: np.ndarray) -> None:
    assert metric(*rows) == pytest.approx(ORACLE[metric](*rows), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("metric", ORACLE, ids=lambda metric: metric.__name__)
def test_f01_errors_of_no_rows_are_undefined(metric: object) -> None:
    assert np.isnan(metric(np.zeros(0), np.zeros(0)))


def test_f15_one_row_has_no_coefficient_of_determination() -> None:
    assert np.isnan(regression.r2(np.ones(1), np.ones(1)))
