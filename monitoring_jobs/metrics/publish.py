"""Every metric that the job publish pushes, per monitor."""

from __future__ import annotations

from typing import Any

from monitoring_jobs.metrics.metric import Bound, Group, Kind, Limit, Metric, Source

# On every series that speaks of a model.
MODEL = ("monitor", "model_name", "model_version")
# Every column of a window has several series: a gateway must not hold them without bound.
MAX_COLUMN_SERIES = 2000

_SHARE = "ratio, 0 to 1"
_FLAG = "1 or 0"
_SECONDS = "seconds"
_INSTANT = "seconds since 1970, UTC"
_TARGET = "unit of the target"


def _of_model(
    name: str, unit: str, meaning: str, formula: str, *labels: str, **more: Any
) -> Metric:
    return Metric(
        name=name, labels=(*MODEL, *labels), unit=unit, meaning=meaning, formula=formula, **more
    )


def _scored(metric: str, name: str, unit: str, meaning: str, formula: str) -> Metric:
    limit = Limit(Bound.EITHER, f"checks.performance.{metric}")
    return _of_model(name, unit, meaning, formula, limit=limit)


_PERFORMANCE = (
    _scored(
        "accuracy",
        "model_accuracy",
        _SHARE,
        "Share of labeled rows predicted right",
        "right predictions / rows with a prediction and a label",
    ),
    _scored(
        "precision",
        "model_precision",
        _SHARE,
        "Precision of the positive class, or the mean over more than two classes",
        "true positives / (true positives + false positives)",
    ),
    _scored(
        "recall",
        "model_recall",
        _SHARE,
        "Recall of the positive class, or the mean over more than two classes",
        "true positives / (true positives + false negatives)",
    ),
    _scored(
        "f1",
        "model_f1_score",
        _SHARE,
        "F1 score of the positive class, or the mean over more than two classes",
        "2 precision recall / (precision + recall)",
    ),
    _scored(
        "roc_auc",
        "model_roc_auc",
        _SHARE,
        "Area under the ROC curve, the mean of one against the rest for more than two classes",
        "share of pairs of a positive and a negative row that the probability ranks right",
    ),
    _scored(
        "log_loss",
        "model_log_loss",
        "nats",
        "Log loss",
        "mean of -ln(probability of the true class)",
    ),
    _scored("mae", "model_mae", _TARGET, "Mean absolute error", "mean of abs(prediction - label)"),
    _scored(
        "rmse",
        "model_rmse",
        _TARGET,
        "Root of the mean squared error",
        "sqrt(mean of (prediction - label)^2)",
    ),
    _scored(
        "mape",
        "model_mape",
        "ratio, from 0",
        "Mean absolute percentage error, as a ratio",
        "mean of abs((prediction - label) / label) where the label is not 0",
    ),
    _scored(
        "r2",
        "model_r2",
        "ratio, at most 1",
        "Coefficient of determination",
        "1 - sum of squared errors / sum of squares around the mean label",
    ),
    _scored(
        "label_coverage",
        "model_label_coverage",
        _SHARE,
        "Share of rows whose label has arrived",
        "rows with a label / rows of the window",
    ),
)

_DRIFT = (
    _of_model(
        "data_drift_detected",
        _FLAG,
        "1 where the feature drifted",
        "`data_drift_score` beyond its threshold, as the method compares",
        "feature",
    ),
    _of_model(
        "data_drift_score",
        "the method's",
        "Drift score of the feature, a p-value where the method is a test",
        "the method's, between reference and window",
        *("feature", "method"),
        limit=Limit(Bound.METHOD, "checks.drift"),
    ),
    _of_model(
        "data_drift_pvalue",
        _SHARE,
        "p-value of the drift test, absent where the method is a distance",
        "`data_drift_score` of a test",
        "feature",
    ),
    _of_model(
        "drift_columns_count",
        "features",
        "Number of drifted features",
        "features whose `data_drift_detected` is 1; columns of the prediction do not count",
    ),
    _of_model(
        "drift_columns_share",
        _SHARE,
        "Share of the judged features that drifted",
        "`drift_columns_count` / features that could be judged",
        limit=Limit(Bound.MAX, "checks.drift.share"),
    ),
    _of_model(
        "evidently_drift_score",
        _SHARE,
        "Drift score of the dataset: the share of the judged features that drifted",
        "`drift_columns_share`",
    ),
    _of_model(
        "evidently_data_drift_detected",
        _FLAG,
        "1 where the dataset drifted",
        "`drift_columns_share` at or above its threshold",
    ),
)

_QUALITY = (
    _of_model(
        "data_quality_score",
        _SHARE,
        "Mean share of values that can be used",
        "mean over columns of (1 - missing share) (1 - invalid share), times (1 - duplicate share)",
        limit=Limit(Bound.MIN, "checks.quality.score"),
    ),
    _of_model(
        "missing_values_count",
        "values",
        "Missing values of the column",
        "rows that are null or NaN",
        "column",
    ),
    _of_model(
        "data_completeness",
        _SHARE,
        "Share of the column's values that are present",
        "1 - `evidently_missing_values_ratio`",
        "column",
    ),
    _of_model(
        "evidently_missing_values_ratio",
        _SHARE,
        "Share of the column's values that are missing",
        "`missing_values_count` / rows of the window",
        "feature",
        limit=Limit(Bound.MAX, "checks.quality.missing_share"),
    ),
    _of_model(
        "outliers_count",
        "values",
        "Values of the column beyond the fences of the reference",
        "values below q25 - 1.5 IQR or above q75 + 1.5 IQR of the reference",
        "column",
    ),
)

_PREDICTIONS = (
    _of_model(
        "daily_predictions_total",
        "rows",
        "Predictions of the window",
        "rows of the window; a gauge in spite of its name",
    ),
    _of_model(
        "model_predictions_total",
        "rows",
        "Predictions of the window, under their other earlier name",
        "`daily_predictions_total`",
    ),
    _of_model(
        "prediction_success_total",
        "rows",
        "Rows of the window with a prediction",
        "rows - `prediction_failure_total`",
    ),
    _of_model(
        "prediction_failure_total",
        "rows",
        "Rows of the window without a prediction",
        "rows whose prediction is null or NaN",
    ),
    _of_model(
        "model_prediction_errors_total",
        "rows",
        "Failed predictions of the window by kind, so far those that are missing",
        "`prediction_failure_total`",
        "error_type",
    ),
    _of_model(
        "model_prediction_value",
        "unit of the prediction",
        "Mean prediction of the window, for numbers only",
        "mean of the finite predictions",
    ),
    _of_model(
        "prediction_value_distribution",
        "unit of the prediction",
        "Predictions of the window, counted up to their quantiles",
        "rows at or below the 5, 25, 50, 75 and 95 % quantiles and the greatest value",
        kind=Kind.HISTOGRAM,
    ),
)

_VERDICT = (
    _of_model(
        "monitoring_status",
        _FLAG,
        "1 for the verdict of the newest window, 0 for the others",
        "worst status of the measurements; every status has a series",
        "status",
    ),
    _of_model(
        "monitoring_threshold",
        "that of the metric in its label",
        "What the monitor file allows",
        "see *Thresholds*",
        *("metric", "bound", "feature"),
    ),
    _of_model(
        "monitoring_window_end_timestamp_seconds",
        _INSTANT,
        "End of the newest window judged",
        "first instant after the window",
    ),
    _of_model(
        "monitoring_next_due_timestamp_seconds",
        _INSTANT,
        "When the next window's evaluation should be there",
        "next end of a period in the schedule + `deadline`, else + `delay`",
    ),
    _of_model(
        "monitoring_info",
        "always 1",
        "Who answers for the monitor, to be joined to its other series",
        "`owner` of the monitor file",
        "owner",
    ),
)

_JOBS = (
    _of_model(
        "monitoring_last_success_timestamp_seconds",
        _INSTANT,
        "When an evaluation of the monitor was published last",
        "time of the push",
    ),
    Metric(
        name="monitoring_last_failure_timestamp_seconds",
        labels=("monitor",),
        unit=_INSTANT,
        meaning="When an evaluation of the monitor failed last",
        formula="time of the failure; the next success removes it",
    ),
    _of_model(
        "monitoring_evaluation_duration_seconds",
        _SECONDS,
        "Wall time of the evaluation",
        "report included",
    ),
    _of_model(
        "monitoring_peak_memory_bytes",
        "bytes",
        "Peak memory of the evaluation",
        "greatest resident memory of its process",
    ),
    _of_model(
        "monitoring_rows",
        "rows",
        "Rows of a dataset: current, reference, or sampled for the report",
        "rows read",
        "dataset",
    ),
    _of_model(
        "monitoring_series_left_out",
        "series",
        "Series of single columns that were too many to push",
        f"0, or all of them where they are more than {MAX_COLUMN_SERIES}",
    ),
)

GROUPS = (
    Group("Performance", Source.PUBLISH, _PERFORMANCE),
    Group("Drift", Source.PUBLISH, _DRIFT),
    Group("Quality", Source.PUBLISH, _QUALITY),
    Group("Predictions", Source.PUBLISH, _PREDICTIONS),
    Group("Verdict", Source.PUBLISH, _VERDICT),
    Group("Our own jobs", Source.PUBLISH, _JOBS),
)
