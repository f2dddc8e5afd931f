"""What Prometheus gets to see of an evaluation: names as in the earlier systems, few labels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from monitoring_jobs.results import Evaluation, Measurement, Status
from monitoring_jobs.sinks.registry import Registry, registry_of

MAX_COLUMN_SERIES = 2000

_UNPRINTABLE = re.compile("[\0\ud800-\udfff]")
_LONGEST_LABEL = 200
_UNJUDGED = (Status.INSUFFICIENT_DATA, Status.SKIPPED, Status.ERROR)

# (check, metric) -> name and meaning of the gauge.
_OF_DATASET: Mapping[tuple[str, str], tuple[str, str]] = {
    ("performance", "accuracy"): ("model_accuracy", "Share of labeled rows predicted right"),
    ("performance", "precision"): ("model_precision", "Precision"),
    ("performance", "recall"): ("model_recall", "Recall"),
    ("performance", "f1"): ("model_f1_score", "F1 score"),
    ("performance", "roc_auc"): ("model_roc_auc", "Area under the ROC curve"),
    ("performance", "log_loss"): ("model_log_loss", "Log loss"),
    ("performance", "mae"): ("model_mae", "Mean absolute error"),
    ("performance", "rmse"): ("model_rmse", "Root mean squared error"),
    ("performance", "mape"): ("model_mape", "Mean absolute percentage error"),
    ("performance", "r2"): ("model_r2", "Coefficient of determination"),
    ("performance", "label_coverage"): ("model_label_coverage", "Share of rows with a label"),
    ("drift", "drifted_columns"): ("drift_columns_count", "Number of drifted columns"),
    ("drift", "drifted_share"): ("drift_columns_share", "Share of judged columns that drifted"),
    ("quality", "data_quality_score"): ("data_quality_score", "Data quality from 0 to 1"),
}
_OF_COLUMN: Mapping[tuple[str, str], tuple[str, str, str]] = {
    ("quality", "missing_count"): ("missing_values_count", "column", "Missing values"),
    ("quality", "outlier_count"): (
        "outliers_count",
        "column",
        "Values beyond the fences of the reference",
    ),
    ("quality", "missing_share"): (
        "evidently_missing_values_ratio",
        "feature",
        "Share of values that are missing",
    ),
}
# Between neighbors, as numpy does: a place in the sorted values is the share of all but one.
_QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
_MODEL = ("monitor", "model_name", "model_version")


def evaluation_registry(
    evaluation: Evaluation, succeeded_at: datetime, *, max_series: int = MAX_COLUMN_SERIES
) -> Registry:
    """Return the complete set of series of one evaluation.

    Segments are left to Postgres. Where the series of single columns would be more than
    ``max_series``, all of them are left out and ``monitoring_series_left_out`` says how many.

    Args:
        evaluation: What was measured.
        succeeded_at: When it is published, for the staleness alert.
        max_series: Most series that columns may have.
    """
    families = _Families(evaluation)
    _add_columns(families, evaluation.measurements)
    columns = families.series
    if columns > max_series:
        families = _Families(evaluation)
    _add_dataset(families, evaluation.measurements)
    _add_predictions(families, evaluation)
    _add_job(families, evaluation, succeeded_at)
    families.add(
        "monitoring_series_left_out",
        "Series of single columns that were too many to push",
        columns if columns > max_series else 0,
    )
    return registry_of(families)


def failure_registry(monitor: str, failed_at: datetime) -> Registry:
    """Return the one series that a failed evaluation leaves."""
    family = GaugeMetricFamily(
        "monitoring_last_failure_timestamp_seconds",
        "When an evaluation of the monitor failed last",
        labels=["monitor"],
    )
    family.add_metric([_label(monitor)], failed_at.timestamp())
    return registry_of([family])


class _Families:
    """Gauges by name, every series with the labels of the model; one series per set of labels."""

    def __init__(self, evaluation: Evaluation) -> None:
        model = evaluation.model
        self._model = [_label(evaluation.monitor), _label(model.name), _label(model.version)]
        self._families: dict[str, Metric] = {}
        self._seen: set[tuple[str, ...]] = set()

    @property
    def series(self) -> int:
        return len(self._seen)

    def add(self, name: str, meaning: str, value: float, **labels: str) -> None:
        values = [*self._model, *(_label(text) for text in labels.values())]
        if (name, *values) in self._seen:
            return  # two columns whose names differ in unprintable characters only
        self._seen.add((name, *values))
        family = self._families.setdefault(
            name, GaugeMetricFamily(name, meaning, labels=[*_MODEL, *labels])
        )
        family.add_sample(name, dict(zip([*_MODEL, *labels], values, strict=True)), value)

    def add_histogram(
        self, name: str, meaning: str, buckets: Sequence[tuple[str, float]], total: float
    ) -> None:
        family = HistogramMetricFamily(name, meaning, labels=list(_MODEL))
        family.add_metric(self._model, buckets=buckets, sum_value=total)
        self._families[name] = family

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._families.values())


def _add_columns(families: _Families, measurements: Sequence[Measurement]) -> None:
    for m in measurements:
        if not m.column or m.segment or m.value is None:
            continue
        if m.check == "drift":
            _add_drift(families, m, m.value)
        elif (m.check, m.metric) in _OF_COLUMN:
            name, label, meaning = _OF_COLUMN[m.check, m.metric]
            families.add(name, meaning, m.value, **{label: m.column})
            if m.metric == "missing_share":
                families.add(
                    "data_completeness",
                    "Share of values that are present",
                    1 - m.value,
                    column=m.column,
                )


def _add_drift(families: _Families, m: Measurement, score: float) -> None:
    # A score of too few rows is noise: the status says so, and no gauge pretends otherwise.
    if m.status in _UNJUDGED:
        return
    families.add(
        "data_drift_detected",
        "1 where the column drifted",
        float(bool(m.detail.get("drifted"))),
        feature=m.column,
    )
    families.add(
        "data_drift_score",
        "Drift score; a p-value where the method is a test",
        score,
        feature=m.column,
        method=m.metric,
    )
    if m.detail.get("p_value"):
        families.add("data_drift_pvalue", "p-value of the drift test", score, feature=m.column)


def _add_dataset(families: _Families, measurements: Sequence[Measurement]) -> None:
    for m in measurements:
        if m.column or m.segment or m.value is None or m.status in _UNJUDGED:
            continue
        if (m.check, m.metric) in _OF_DATASET:
            families.add(*_OF_DATASET[m.check, m.metric], m.value)
        if (m.check, m.metric) == ("drift", "drifted_share"):
            families.add("evidently_drift_score", "Share of judged columns that drifted", m.value)
            families.add(
                "evidently_data_drift_detected",
                "1 where the dataset drifted",
                float(m.threshold is not None and m.value >= m.threshold),
            )


def _add_predictions(families: _Families, evaluation: Evaluation) -> None:
    rows = evaluation.rows.current
    families.add("daily_predictions_total", "Predictions in the window", rows)
    families.add("model_predictions_total", "Predictions in the window", rows)
    # Checks mark the measurements of the prediction's column, whatever its name is.
    found = {
        m.metric: m.value
        for m in evaluation.measurements
        if m.check == "quality"
        and not m.segment
        and m.detail.get("role") == "prediction"
        and m.value is not None
    }
    if "missing_count" in found:
        missing = found["missing_count"]
        families.add("prediction_success_total", "Rows with a prediction", rows - missing)
        families.add("prediction_failure_total", "Rows without a prediction", missing)
        families.add(
            "model_prediction_errors_total", "Failed predictions", missing, error_type="missing"
        )
    if "mean" in found:
        families.add("model_prediction_value", "Mean prediction of the window", found["mean"])
        count = rows - found.get("missing_count", 0) - found.get("infinite_count", 0)
        families.add_histogram(
            "prediction_value_distribution",
            "Predictions of the window, with those quantiles as buckets that are exactly known",
            _buckets(found, count),
            found["mean"] * count,
        )


def _buckets(found: Mapping[str, float], count: float) -> list[tuple[str, float]]:
    """Return the cumulative counts that the measurements tell exactly.

    All values lie at or below the maximum. How many lie at or below a quantile is only known where
    no two values are equal: else any number of them may share the quantile's value. The minimum
    is left out, as is a bound that several quantiles share.
    """
    bounds: dict[float, float] = {}
    if found.get("distinct") == count:
        places = {name: int(share * (count - 1)) + 1 for name, share in _QUANTILES.items()}
        values = [found[name] for name in ("min", *_QUANTILES, "max") if name in found]
        bounds = {
            found[name]: place
            for name, place in places.items()
            if name in found and values.count(found[name]) == 1
        }
    if "max" in found:
        bounds[found["max"]] = count
    return [(repr(bound), bounds[bound]) for bound in sorted(bounds)] + [("+Inf", count)]


def _add_job(families: _Families, evaluation: Evaluation, succeeded_at: datetime) -> None:
    families.add(
        "monitoring_last_success_timestamp_seconds",
        "When an evaluation of the monitor was published last",
        succeeded_at.timestamp(),
    )
    families.add(
        "monitoring_window_end_timestamp_seconds",
        "End of the newest window judged",
        evaluation.window.end.timestamp(),
    )
    families.add(
        "monitoring_evaluation_duration_seconds",
        "Wall time of the evaluation",
        evaluation.duration_seconds,
    )
    families.add(
        "monitoring_peak_memory_bytes",
        "Peak memory of the evaluation",
        evaluation.peak_memory_bytes,
    )
    counts = evaluation.rows
    for dataset, rows in (
        ("current", counts.current),
        ("reference", counts.reference),
        ("sampled", counts.sampled),
    ):
        families.add("monitoring_rows", "Rows of a dataset", rows, dataset=dataset)
    for status in Status:
        families.add(
            "monitoring_status",
            "1 for the verdict of the newest window, 0 for the others",
            float(status is evaluation.status),
            status=str(status),
        )


def _label(text: str | None) -> str:
    """Return a value that Prometheus takes; a long one ends in a hash, so that it stays unique."""
    clean = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text or "")
    if len(clean) <= _LONGEST_LABEL:
        return clean
    digest = hashlib.blake2b(clean.encode(), digest_size=4).hexdigest()
    return f"{clean[: _LONGEST_LABEL - 9]}~{digest}"
