"""Performance on the labels that have arrived, with scikit-learn as the oracle."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics

from monitoring_jobs.checks.performance import LabelledRows, check_performance
from monitoring_jobs.results import Measurement, Status, verdict
from monitoring_jobs.spec import PerformanceCheck
from tests.unit.checks.cases import by_metric

ANY = PerformanceCheck(min_labels=1)


def classify(
    target: list[str | None],
    prediction: list[str | None],
    probabilities: Any = None,
    *,
    positive_label: str | None = None,
    classes: Collection[str] = (),
    spec: PerformanceCheck = ANY,
    segment: str = "",
) -> dict[str, Measurement]:
    if isinstance(probabilities, dict):
        probabilities = {name: pa.array(p, pa.float64()) for name, p in probabilities.items()}
    elif probabilities is not None:
        probabilities = pa.array(probabilities, pa.float64())
    rows = LabelledRows(
        task="classification",
        target=pa.array(target, pa.string()).dictionary_encode(),
        prediction=pa.chunked_array([pa.array(prediction, pa.string())]),
        probabilities=probabilities,
        positive_label=positive_label,
        classes=classes,
    )
    return by_metric(check_performance(rows, segment=segment, spec=spec))


def regress(
    target: list[float | None],
    prediction: list[float | None],
    spec: PerformanceCheck = ANY,
) -> dict[str, Measurement]:
    rows = LabelledRows(
        task="regression",
        target=pa.array(target, pa.float64()),
        prediction=pa.array(prediction, pa.float64()),
    )
    return by_metric(check_performance(rows, segment="", spec=spec))


# --- classification -----------------------------------------------------------------------------
labels = st.lists(st.tuples(*[st.sampled_from("abc")] * 2), min_size=1, max_size=40)


@given(labels)
def test_several_classes_are_averaged_as_scikit_learn_averages_them(
    rows: list[tuple[str, str]],
) -> None:
    target, prediction = ([*side] for side in zip(*rows, strict=True))
    assume({*target} & {*prediction})
    measured = classify(target, prediction, classes="abc")
    macro = {"average": "macro", "zero_division": 0}
    expected = {
        "label_coverage": 1.0,
        "prediction_coverage": 1.0,
        "accuracy": metrics.accuracy_score(target, prediction),
        "precision": metrics.precision_score(target, prediction, **macro),
        "recall": metrics.recall_score(target, prediction, **macro),
        "f1": metrics.f1_score(target, prediction, **macro),
        "roc_auc": None,
        "log_loss": None,
    }
    assert {name: m.value for name, m in measured.items()} == pytest.approx(expected)
    assert measured["f1"].detail["average"] == "macro"


@pytest.mark.parametrize("positive_label", [None, "no", "yes"])
@given(
    st.lists(
        st.tuples(st.sampled_from(["no", "yes"]), st.sampled_from(["no", "yes"]), st.floats(0, 1)),
        min_size=4,
        max_size=40,
    )
)
def test_two_classes_are_judged_by_the_positive_one(
    positive_label: str | None, rows: list[tuple[str, str, float]]
) -> None:
    target, prediction, probability = ([*side] for side in zip(*rows, strict=True))
    assume(len(set(target)) == 2)
    positive = positive_label or "yes"
    measured = classify(target, prediction, probability, positive_label=positive_label)
    hit = [label == positive for label in target]
    binary = {"pos_label": positive, "zero_division": np.nan}
    expected = {
        "precision": metrics.precision_score(target, prediction, **binary),
        "recall": metrics.recall_score(target, prediction, **binary),
        "f1": metrics.f1_score(target, prediction, **binary),
        "roc_auc": metrics.roc_auc_score(hit, probability),
        "log_loss": metrics.log_loss(hit, probability, labels=[False, True]),
    }
    for metric, value in expected.items():
        if np.isnan(value):
            assert measured[metric].status is Status.INSUFFICIENT_DATA
        else:
            assert measured[metric].value == pytest.approx(value, rel=1e-9, abs=1e-9)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), *[st.floats(0.01, 1)] * 3), min_size=3, max_size=30)
)
def test_probabilities_of_several_classes_equal_scikit_learn(
    rows: list[tuple[str, float, float, float]],
) -> None:
    target = [row[0] for row in rows]
    assume(len(set(target)) == 3)
    probabilities = np.array([row[1:] for row in rows])
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    by_class = dict(zip("cab", probabilities.T[[2, 0, 1]], strict=True))
    measured = classify(target, target, by_class)
    auc = metrics.roc_auc_score(target, probabilities, multi_class="ovr", average="macro")
    assert measured["roc_auc"].value == pytest.approx(auc, abs=1e-9)
    loss = metrics.log_loss(target, probabilities)
    assert measured["log_loss"].value == pytest.approx(loss, abs=1e-9)


def test_the_greater_label_is_the_greater_number() -> None:
    measured = classify(["10", "9", "9", "10"], ["10", "10", "9", "10"])
    assert measured["precision"].value == pytest.approx(2 / 3)
    assert measured["precision"].detail["average"] == "binary"


@pytest.mark.parametrize(
    ("target", "prediction"), [(["True", "False"], ["1", "0"]), (["1", "0"], ["true", "false"])]
)
def test_true_and_false_mean_one_and_zero(target: list[str], prediction: list[str]) -> None:
    measured = classify(target, prediction, {"True": [0.9, 0.1]}, positive_label="1")
    assert measured["accuracy"].value == 1.0
    assert measured["roc_auc"].value == 1.0


def test_one_and_zero_are_other_classes_than_true_where_there_are_more() -> None:
    assert classify(["True", "2"], ["1", "2"])["accuracy"].value == 0.5


@pytest.mark.parametrize("target", [["0.0", "1.0"], ["0", "1"], ["-0", "1e0"], ["False", "True"]])
def test_labels_that_are_numbers_are_compared_as_numbers(target: list[str]) -> None:
    measured = classify(target, ["0", "1"], {"1.00": [0.1, 0.9]}, positive_label="1.0")
    for metric in ("accuracy", "precision", "recall", "f1", "roc_auc"):
        assert measured[metric].value == 1.0
    assert measured["f1"].detail["average"] == "binary"


@pytest.mark.parametrize("text", ["x", "", "inf", "1e-99999999999999999999", "1_000"])
def test_one_label_that_is_no_number_makes_all_of_them_text(text: str) -> None:
    measured = classify(["0.0", text, "1"], ["0", text, "1"])
    assert measured["accuracy"].value == pytest.approx(2 / 3)


def test_long_integers_stay_classes_of_their_own() -> None:
    measured = classify(["9007199254740992", "1"], ["9007199254740993", "1"])
    assert measured["accuracy"].value == 0.5


# --- classes that do not occur today ------------------------------------------------------------
def test_two_of_three_known_classes_are_still_averaged() -> None:
    target, prediction = ["a", "b", "b", "a"], ["a", "b", "a", "a"]
    probabilities = {"a": [0.8, 0.1, 0.6, 0.9], "b": [0.1, 0.8, 0.3, 0.1], "c": [0.1] * 4}
    for measured in (
        classify(target, prediction, classes=["a", "b", "c"]),
        classify(target, prediction, probabilities),
    ):
        expected = metrics.f1_score(target, prediction, average="macro")
        assert measured["f1"].value == pytest.approx(expected)
        assert measured["f1"].detail["average"] == "macro"


def test_the_positive_class_does_not_change_on_a_day_without_it() -> None:
    measured = classify(["0"] * 3, ["0", "0", "1"], [0.1] * 3, classes=["0", "1"])
    assert measured["precision"].value == 0.0
    assert measured["recall"].detail["reason"] == "no row counts for the positive class"
    alone = classify(["0"] * 3, ["0"] * 3, classes={"0.0", "1.0"})
    assert alone["accuracy"].value == 1.0
    assert alone["f1"].detail["reason"] == "no row counts for the positive class"


def test_a_known_class_may_be_the_positive_one() -> None:
    measured = classify(["a", "b"], ["a", "b"], positive_label="c", classes=["a", "b", "c"])
    assert measured["f1"].detail["average"] == "macro"


# --- labels that do not fit together ------------------------------------------------------------
@pytest.mark.parametrize(
    ("target", "prediction", "classes"),
    [
        (["yes", "no"] * 3, ["True", "False"] * 3, ()),
        (["yes", "no"] * 3, ["True", "False"] * 3, ["yes", "no", "True", "False"]),
        (["1", "0"] * 3, ["0.93", "0.12"] * 3, ()),
    ],
)
def test_f63_labels_that_share_no_class_are_an_error_that_tells_no_label(
    target: list[str], prediction: list[str], classes: list[str]
) -> None:
    measured = classify(target, prediction, [0.9, 0.1] * 3, classes=classes)
    for metric in ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss"):
        assert (measured[metric].value, measured[metric].status) == (None, Status.ERROR)
        reason = "target has 2 classes, prediction 2, and they share none"
        assert measured[metric].detail == {"reason": reason}


def test_f02_a_few_wrong_rows_are_no_sign_of_foreign_labels() -> None:
    spec = PerformanceCheck(min_labels=3)
    measured = classify(["a", "b"], ["c", "c"], spec=spec)
    assert (measured["accuracy"].value, measured["accuracy"].status) == (
        0.0,
        Status.INSUFFICIENT_DATA,
    )


@pytest.mark.parametrize(
    "vouched", [{"classes": ["0", "1"]}, {"probabilities": {"0": [0.2] * 3, "1": [0.8] * 3}}]
)
def test_a_window_that_is_all_wrong_fails_instead(vouched: dict[str, Any]) -> None:
    spec = PerformanceCheck(min_labels=1, accuracy={"min": 0.5})
    accuracy = classify(["0"] * 3, ["1"] * 3, spec=spec, **vouched)["accuracy"]
    assert (accuracy.value, accuracy.status) == (0.0, Status.FAILED)


def test_the_probability_of_the_other_class_serves_as_well() -> None:
    target, other = ["a", "b", "b"], [0.9, 0.2, 0.6]
    measured = classify(target, target, {"a": other})
    direct = classify(target, target, [1 - p for p in other])
    for metric in ("roc_auc", "log_loss"):
        assert measured[metric].value == pytest.approx(direct[metric].value)


def test_the_empty_key_is_the_positive_class() -> None:
    keyed = classify(["a", "b"], ["a", "b"], {"": [0.2, 0.7]})
    plain = classify(["a", "b"], ["a", "b"], [0.2, 0.7])
    assert keyed == plain


def test_one_class_alone_is_positive_only_if_declared() -> None:
    unclear = classify(["0"] * 3, ["0"] * 3, [0.1] * 3)
    assert unclear["accuracy"].value == 1.0
    for metric in ("precision", "recall", "f1", "roc_auc", "log_loss"):
        assert unclear[metric].status is Status.INSUFFICIENT_DATA
        assert "one class only" in str(unclear[metric].detail["reason"])
    declared = classify(["0"] * 3, ["0", "0", "1"], [0.1] * 3, positive_label="1")
    assert declared["precision"].value == 0.0
    assert declared["recall"].status is Status.INSUFFICIENT_DATA
    assert declared["log_loss"].value == pytest.approx(-np.log(0.9))
    assert declared["roc_auc"].detail["reason"] == "the labels are all of one class"


def test_a_positive_label_that_the_data_contradict_is_an_error_of_its_metrics_only() -> None:
    measured = classify(["a", "b"], ["a", "b"], positive_label="yes")
    assert measured["accuracy"].status is Status.OK
    assert {measured[m].status for m in ("precision", "recall", "f1")} == {Status.ERROR}


@pytest.mark.parametrize("bad", [-0.01, 1.01, float("inf")])
def test_a_probability_outside_its_range_is_an_error_of_the_log_loss_only(bad: float) -> None:
    measured = classify(["a", "b", "b"], ["a", "b", "b"], [0.1, 0.8, bad])
    errors = [name for name, m in measured.items() if m.status is Status.ERROR]
    assert errors == ["log_loss"]
    assert measured["roc_auc"].value == metrics.roc_auc_score([0, 1, 1], [0.1, 0.8, min(bad, 2)])


def test_probabilities_that_do_not_sum_to_one_are_an_error_of_the_log_loss_only() -> None:
    measured = classify(["a", "b"], ["a", "b"], {"a": [0.9, 0.1], "b": [0.2, 0.9]})
    assert [name for name, m in measured.items() if m.status is Status.ERROR] == ["log_loss"]


def test_a_class_without_a_probability_is_an_error_of_the_log_loss_only() -> None:
    measured = classify(
        ["a", "b", "c"], ["a", "b", "c"], {"a": [0.9, 0.1, 0.1], "b": [0.1, 0.9, 0.1]}
    )
    assert [name for name, m in measured.items() if m.status is Status.ERROR] == ["log_loss"]
    assert measured["roc_auc"].value == 1.0
    assert measured["roc_auc"].detail["classes_left_out"] == 1


def test_one_probability_column_does_not_do_for_three_classes() -> None:
    measured = classify(["a", "b", "c"], ["a", "b", "c"], [0.1, 0.2, 0.3])
    assert {measured[m].status for m in ("roc_auc", "log_loss")} == {Status.SKIPPED}


def test_without_probabilities_their_metrics_are_skipped_with_a_reason() -> None:
    measured = classify(["a", "b"], ["a", "b"])
    for metric in ("roc_auc", "log_loss"):
        assert measured[metric].status is Status.SKIPPED
        assert measured[metric].detail == {"reason": "columns.probability is not given"}


def test_rows_without_a_probability_leave_the_other_metrics_alone() -> None:
    measured = classify(["a", "b", "b", "a"], ["a", "b", "b", "a"], [0.1, 0.8, None, float("nan")])
    assert measured["accuracy"].detail["n"] == 4
    assert measured["roc_auc"].detail["n"] == measured["log_loss"].detail["n"] == 2


# --- labels that are late -----------------------------------------------------------------------
def test_coverage_is_the_share_of_rows_with_a_target() -> None:
    measured = classify(["a", None, "b", None], ["a", "a", None, "b"])
    assert measured["label_coverage"].value == 0.5
    assert measured["label_coverage"].detail == {"n": 4, "labels": 2}
    assert measured["accuracy"].detail["n"] == 1


def test_f02_few_labels_keep_their_values_and_are_not_judged() -> None:
    spec = PerformanceCheck(min_labels=3, accuracy={"min": 0.9})
    measured = classify(["a", "b", None], ["b", "b", "b"], [0.1, 0.2, 0.3], spec=spec)
    assert measured["accuracy"].value == 0.5
    assert measured["accuracy"].detail["reason"] == "2 labelled rows, 3 needed"
    coverage = {"label_coverage", "prediction_coverage"}
    assert {m.status for name, m in measured.items() if name not in coverage} == {
        Status.INSUFFICIENT_DATA
    }
    assert {measured[name].status for name in coverage} == {Status.OK}


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("rows", [0, 5])
def test_f01_without_labels_nothing_is_judged(task: str, rows: int) -> None:
    kind = pa.string() if task == "classification" else pa.float64()
    nothing = pa.chunked_array([pa.nulls(rows, kind)])
    some = pa.chunked_array([pa.array([1] * rows).cast(kind)])
    labelled = LabelledRows(task=task, target=nothing, prediction=some)
    measured = check_performance(labelled, segment="", spec=PerformanceCheck())
    assert measured[0].metric == "label_coverage"
    assert measured[0].value == (0.0 if rows else None)
    assert {m.status for m in measured[1:]} <= {Status.INSUFFICIENT_DATA, Status.SKIPPED}
    assert all(m.value is None for m in measured[1:])
    assert verdict([*measured]) in {Status.OK, Status.INSUFFICIENT_DATA}


def test_a_label_without_a_prediction_is_a_warning_however_few_there_are() -> None:
    measured = classify(["a", "b", "b", None], ["a", None, "b", None], spec=PerformanceCheck())
    coverage = measured["prediction_coverage"]
    assert (coverage.value, coverage.threshold, coverage.status) == (2 / 3, 1.0, Status.WARNING)
    assert coverage.detail == {"n": 3, "predictions": 2}
    assert measured["accuracy"].status is Status.INSUFFICIENT_DATA
    unlabelled = classify([None], ["a"])["prediction_coverage"]
    assert (unlabelled.value, unlabelled.status) == (None, Status.INSUFFICIENT_DATA)
    assert unlabelled.detail["reason"] == "no labels"


@pytest.mark.parametrize(("least", "status"), [(0.5, "ok"), (0.51, "failed")])
def test_coverage_is_judged_however_few_the_labels(least: float, status: str) -> None:
    spec = PerformanceCheck(label_coverage={"min": least})
    assert classify(["a", None], ["a", "a"], spec=spec)["label_coverage"].status == status


# --- regression ---------------------------------------------------------------------------------
@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 2), min_size=2, max_size=30))
def test_regression_equals_scikit_learn(rows: list[tuple[float, float]]) -> None:
    target, prediction = ([*side] for side in zip(*rows, strict=True))
    measured = regress([*target, None, 1.0], [*prediction, 1.0, None])
    expected = {
        "label_coverage": (len(rows) + 1) / (len(rows) + 2),
        "prediction_coverage": len(rows) / (len(rows) + 1),
        "mae": metrics.mean_absolute_error(target, prediction),
        "rmse": metrics.root_mean_squared_error(target, prediction),
        "mape": metrics.mean_absolute_percentage_error(target, prediction),
        "r2": metrics.r2_score(target, prediction),
    }
    values = {name: m.value for name, m in measured.items()}
    assert values == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_targets_of_zero_are_counted_beside_the_percentage_error() -> None:
    assert regress([0.0, 1.0], [1.0, 1.0])["mape"].detail["zero_targets"] == 1


def test_f08_a_target_of_nan_is_no_label() -> None:
    measured = regress([1.0, float("nan"), 4.0], [1.0, 1.0, 5.0])
    assert measured["mae"].value == 0.5
    assert measured["label_coverage"].value == 2 / 3


@pytest.mark.parametrize("side", [0, 1])
def test_f08_infinite_rows_are_an_error_and_not_dropped(side: int) -> None:
    columns: list[list[float | None]] = [[1.0, 2.0, None, 4.0], [1.0, 2.0, 3.0, 4.0]]
    columns[side][1] = float("-inf")
    measured = regress(columns[0], columns[1])
    assert measured["label_coverage"].value == 3 / 4
    assert measured["prediction_coverage"].value == 1.0
    for metric in ("mae", "rmse", "mape", "r2"):
        assert (measured[metric].value, measured[metric].status) == (None, Status.ERROR)
        reason = "1 of 3 labelled rows have an infinite prediction or target"
        assert measured[metric].detail == {"reason": reason}


def test_f08_an_infinite_prediction_without_a_label_spoils_nothing() -> None:
    assert regress([1.0, None], [1.5, float("inf")])["mae"].value == 0.5


def test_f09_errors_too_large_for_a_float64_are_absent() -> None:
    measured = regress([1e308, -1e308], [-1e308, 1e308])
    assert measured["rmse"].value is None
    assert measured["rmse"].detail["reason"] == "too large for a float64"


def test_f15_one_row_has_errors_but_no_coefficient_of_determination() -> None:
    measured = regress([2.0], [3.0])
    assert measured["mae"].value == 1.0
    assert measured["r2"].detail["reason"] == "1 rows are too few"


# --- judgment -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("bound", "status", "threshold"),
    [
        ({"min": 0.5}, "ok", 0.5),
        ({"min": 0.6}, "failed", 0.6),
        ({"max": 0.5}, "ok", 0.5),
        ({"max": 0.4}, "failed", 0.4),
        ({"min": 0.1, "max": 0.4}, "failed", 0.4),
        ({"min": 0.1, "max": 0.9}, "ok", 0.1),
    ],
)
def test_a_metric_passes_within_its_bounds_and_on_them(
    bound: dict[str, float], status: str, threshold: float
) -> None:
    measured = regress([1.0, 2.0], [1.5, 2.5], PerformanceCheck(min_labels=1, mae=bound))["mae"]
    assert (measured.value, measured.status, measured.threshold) == (0.5, status, threshold)
    assert {k: v for k, v in measured.detail.items() if k in bound} == bound


def test_a_bound_on_a_metric_of_the_other_task_is_skipped_aloud() -> None:
    spec = PerformanceCheck(min_labels=1, accuracy={"min": 0.5})
    skipped = regress([1.0, 2.0], [1.0, 2.0], spec)["accuracy"]
    assert (skipped.status, skipped.detail) == ("skipped", {"reason": "no metric of regression"})


def test_measurements_bear_their_segment() -> None:
    measured = classify(["a", "b"], ["a", "b"], segment="region=north")
    assert {m.segment for m in measured.values()} == {"region=north"}


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        LabelledRows(task="regression", target=pa.array([1.0]), prediction=pa.array([1.0, 2.0]))
