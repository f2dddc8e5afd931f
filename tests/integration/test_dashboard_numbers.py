"""The numbers that dashboards draw: drift beside its limit, quality, performance, predictions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from monitoring_jobs.results import Measurement, RowCounts, Status
from tests.fixtures.dashboard_results import Board
from tests.fixtures.evaluations import day, drift, quality

OK, WARNING, FAILED = Status.OK, Status.WARNING, Status.FAILED
SCARCE, SKIPPED = Status.INSUFFICIENT_DATA, Status.SKIPPED


@pytest.mark.parametrize(
    ("method", "score", "threshold", "excess"),
    [
        ("psi", 0.1, 0.1, 1),
        ("psi", 0.3, 0.1, 3),
        ("psi", 0.0, 0.1, 0),
        ("psi", 0.0, 0.0, 1),
        ("psi", 0.2, 0.0, 1000),
        ("psi", 1e308, 1e-308, 1000),
        ("psi", 1e-308, 1e308, 0),
        ("ks", 0.05, 0.05, 1),
        ("ks", 0.0025, 0.05, 2),
        ("ks", 1.0, 0.05, 0),
        ("ks", 0.0, 0.05, math.log(1e-300) / math.log(0.05)),
        ("ks", 0.0, 0.0, 1),
        ("ks", 0.03, 0.0, math.log(0.03) / math.log(1e-300)),
        ("ks", 1.0, 1.0, 1),
        ("ks", 0.5, 1.0, 1000),
        ("ks", 0.5, 7.0, 1000),
    ],
)
def test_excess_is_one_at_the_threshold_and_more_when_worse(
    board: Board, method: str, score: float, threshold: float, excess: float
) -> None:
    monitor = f"excess {method} {score} {threshold}"
    board.write(monitor, 0, OK, drift("x", method, score, threshold, drifted=False))
    [(found,)] = board.select("column_drift", monitor, "excess")
    assert found == pytest.approx(excess, abs=1e-5)


def test_a_column_that_was_not_judged_has_no_excess(board: Board) -> None:
    judged = drift("x", "psi", 0.3, 0.1, drifted=True)
    detail = {key: value for key, value in judged.detail.items() if key != "drifted"}
    board.write(
        "unjudged",
        0,
        WARNING,
        judged,
        replace(judged, column="few", status=SCARCE, detail=detail),
        replace(judged, column="none", status=SCARCE, value=None, detail=detail),
        replace(judged, column="answer", detail={**judged.detail, "role": "prediction"}),
        Measurement(check="drift", metric="drifted_share", value=1.0, status=FAILED),
    )
    found = board.select("column_drift", "unjudged", "column_name", "drifted", "excess", "role")
    assert sorted(found) == [
        ("answer", True, pytest.approx(3), "prediction"),
        ("few", None, None, None),
        ("none", None, None, None),
        ("x", True, pytest.approx(3), None),
    ]


def shares(column: str, segment: str = "") -> list[Measurement]:
    """Return all that is told of a numerical column; one value in five is missing."""
    values: dict[str, Any] = {
        "missing_count": 20,
        "missing_share": 0.2,
        "distinct": 70,
        "outlier_count": 8,
        "outlier_share": 0.1,
        "out_of_range_share": 0.05,
        "mean": 3.5,
    }
    found = [
        replace(quality(metric, value, column), segment=segment) for metric, value in values.items()
    ]
    found[1] = replace(found[1], threshold=0.1, status=FAILED)
    return found


def test_the_quality_of_a_column_stands_side_by_side(board: Board) -> None:
    labels = [
        quality("missing_count", 0, "region"),
        quality("missing_share", 0.0, "region"),
        replace(quality("new_category_share", None, "region"), status=SCARCE),
    ]
    board.write("columns", 0, FAILED, *shares("alcohol"), *shares("alcohol", "a=b"), *labels)
    columns = (
        "column_name",
        "segment",
        "missing_count",
        "missing_share",
        "missing_limit",
        "completeness",
        "outlier_count",
        "outlier_share",
        "out_of_range_share",
        "new_category_share",
        "distinct_values",
        "mean",
        "status",
    )
    numbers = (20, 0.2, 0.1, 0.8, 8, 0.1, 0.05, None, 70, 3.5, "failed")
    assert sorted(board.select("column_quality", "columns", *columns)) == [
        ("alcohol", "", *numbers),
        ("alcohol", "a=b", *numbers),
        ("region", "", 0, 0, None, 1, None, None, None, None, None, None, "ok"),
    ]
    assert len(board.select("column_quality", "columns", "model_name")) == 3


def test_the_quality_of_a_window_sums_up_its_columns(board: Board) -> None:
    board.write(
        "windows",
        0,
        FAILED,
        quality("rows", 100),
        replace(quality("data_quality_score", 0.9), threshold=0.5),
        quality("duplicate_share", 0.01),
        *shares("a"),
        *shares("b"),
        quality("missing_count", 0, "c"),
        quality("missing_share", 0.0, "c"),
        replace(quality("rows", 40), segment="a=b", status=SCARCE),
    )
    columns = (
        "segment",
        "rows",
        "data_quality_score",
        "score_limit",
        "duplicate_share",
        "completeness",
        "missing_values",
        "outliers",
        "status",
    )
    assert sorted(board.select("window_quality", "windows", *columns)) == [
        ("", 100, 0.9, 0.5, 0.01, pytest.approx(1 - 0.4 / 3), 40, 16, "failed"),
        ("a=b", 40, None, None, None, None, None, None, "insufficient_data"),
    ]


def test_a_window_without_anything_missing_is_complete(board: Board) -> None:
    board.write("complete", 0, OK, quality("missing_share", 0.0, "a"), quality("rows", 9))
    assert board.select("window_quality", "complete", "completeness", "status") == [(1, "ok")]


def test_the_worst_measurement_of_any_column_is_the_windows_status(board: Board) -> None:
    few: dict[str, Any] = {"segment": "a=b", "status": SCARCE}
    board.write(
        "worst_of_all",
        0,
        FAILED,
        quality("missing_share", 0.0, "a"),
        replace(quality("new_category_share", 0.5, "a"), threshold=0.1, status=FAILED),
        replace(quality("missing_share", 0.0, "a"), **few),
        replace(quality("outlier_share", 0.0, "a"), **few),
    )
    assert sorted(board.select("window_quality", "worst_of_all", "segment", "status")) == [
        ("", "failed"),
        ("a=b", "insufficient_data"),
    ]


def performed(metric: str, value: float | None, **more: Any) -> Measurement:
    values = {"check": "performance", "metric": metric, "value": value, "status": OK, **more}
    return Measurement(**values)


def test_performance_stands_beside_the_labels_that_had_come(board: Board) -> None:
    few: dict[str, Any] = {"segment": "a=b"}
    board.write(
        "performed",
        0,
        FAILED,
        performed("label_coverage", 0.8, threshold=0.5, detail={"bound": "min"}),
        performed("accuracy", 0.7, threshold=0.9, status=FAILED, detail={"bound": "min"}),
        performed("log_loss", 0.3, threshold=0.5, detail={"bound": "max"}),
        performed("f1", 0.6),
        performed("label_coverage", 0.1, **few),
        performed("accuracy", None, status=SCARCE, detail={"reason": "no labels"}, **few),
    )
    columns = ("segment", "metric", "value", "threshold", "bound", "status", "label_coverage")
    assert sorted(board.select("performance", "performed", *columns)) == [
        ("", "accuracy", 0.7, 0.9, "min", "failed", 0.8),
        ("", "f1", 0.6, None, None, "ok", 0.8),
        ("", "label_coverage", 0.8, 0.5, "min", "ok", 0.8),
        ("", "log_loss", 0.3, 0.5, "max", "ok", 0.8),
        ("a=b", "accuracy", None, None, None, "insufficient_data", 0.1),
        ("a=b", "label_coverage", 0.1, None, None, "ok", 0.1),
    ]


def test_results_of_before_bounds_were_told_have_one_all_the_same(board: Board) -> None:
    """Such a measurement names the ends of its range, and no label coverage may be there."""
    board.write(
        "before",
        0,
        OK,
        performed("rmse", 0.7, threshold=2, detail={"min": None, "max": 2.0}),
        performed("accuracy", 0.7, threshold=0.5, detail={"min": 0.5, "max": 0.9}),
        performed("prediction_coverage", 1, threshold=1),
    )
    assert sorted(board.select("performance", "before", "metric", "bound", "label_coverage")) == [
        ("accuracy", "min", None),
        ("prediction_coverage", "min", None),
        ("rmse", "max", None),
    ]


def test_predictions_are_rows_that_hold_one(board: Board) -> None:
    role = {"role": "prediction"}
    board.write(
        "predicted",
        0,
        OK,
        quality("missing_count", 25, "score", **role),
        quality("mean", 0.4, "score", **role),
        quality("missing_count", 3, "alcohol"),
        replace(quality("mean", 0.9, "score", **role), segment="a=b"),
        rows=RowCounts(current=500, reference=900),
    )
    board.write("predicted", 1, OK, quality("missing_count", 3, "alcohol"))
    columns = ("window_start", "rows", "predictions", "missing_predictions", "mean_prediction")
    assert sorted(board.select("prediction_volume", "predicted", *columns)) == [
        (day(0).start, 500, 475, 25, 0.4),
        (day(1).start, 500, None, None, None),
    ]
