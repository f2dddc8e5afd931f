"""Scores of predicted classes, with scikit-learn as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics

from monitoring_jobs.statistics.classification import ClassCounts, log_loss, roc_auc

ORACLE = {
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "f1": metrics.f1_score,
}


def rows_of(classes: int) -> st.SearchStrategy[np.ndarray]:
    label = st.integers(0, classes - 1)
    rows = st.lists(st.tuples(label, label), min_size=1, max_size=40)
    return rows.map(lambda rows: np.array(rows, dtype="int64").T)


@given(rows_of(4))
def test_accuracy_equals_scikit_learn(rows: np.ndarray) -> None:
    assert ClassCounts.of(*rows, 4).accuracy == pytest.approx(metrics.accuracy_score(*rows))


@pytest.mark.parametrize("metric", ORACLE)
@given(rows_of(4))
def test_macro_averages_equal_scikit_learn(metric: str, rows: np.ndarray) -> None:
    expected = ORACLE[metric](*rows, average="macro", zero_division=0)
    assert getattr(ClassCounts.of(*rows, 4), metric)() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", ORACLE)
@pytest.mark.parametrize("positive", [0, 1])
@given(rows_of(2))
def test_scores_of_one_class_equal_scikit_learn(
    metric: str, positive: int, rows: np.ndarray
) -> None:
    expected = ORACLE[metric](*rows, labels=[positive], average="macro", zero_division=np.nan)
    ours = getattr(ClassCounts.of(*rows, 2), metric)(positive)
    assert ours == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(
    st.lists(
        st.tuples(st.booleans(), st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0]))),
        min_size=2,
        max_size=60,
    )
)
def test_roc_auc_equals_scikit_learn_with_ties(rows: list[tuple[bool, float]]) -> None:
    positive, score = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    if positive.all() or not positive.any():
        assert np.isnan(roc_auc(positive, score))
        return
    expected = metrics.roc_auc_score(positive, score)
    assert roc_auc(positive, score) == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=60))
def test_log_loss_equals_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    positive, probability = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    assume(positive.any())
    expected = metrics.log_loss(positive, probability, labels=[False, True])
    actual = np.where(positive, probability, 1 - probability)
    assert log_loss(actual) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_f01_scores_of_no_rows_are_undefined() -> None:
    none = np.zeros(0, dtype="int64")
    counts = ClassCounts.of(none, none, 3)
    scores = [counts.accuracy, counts.precision(), counts.recall(0), counts.f1()]
    assert np.isnan([*scores, roc_auc(none > 0, np.zeros(0)), log_loss(np.zeros(0))]).all()
