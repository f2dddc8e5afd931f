"""What Prometheus gets to see of an evaluation: names as in the earlier systems, few labels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from monitoring_jobs.metrics import MAX_COLUMN_SERIES, MODEL, PUSHED, Bound
from monitoring_jobs.results import Evaluation, Measurement, Status
from monitoring_jobs.sinks.registry import (
    Family,
    Registry,
    family_of,
    histogram_of,
    registry_of,
)

_UNPRINTABLE = re.compile("[\0\ud800-\udfff]")
_LONGEST_LABEL = 200
# A number of too few rows is noise: the status says so, and no gauge pretends otherwise.
_UNJUDGED = (Status.INSUFFICIENT_DATA, Status.SKIPPED, Status.ERROR)

# (check, metric) of a measurement -> name of its gauge.
_OF_DATASET: Mapping[tuple[str, str], str] = {
    ("performance", "accuracy"): "model_accuracy",
    ("performance", "precision"): "model_precision",
    ("performance", "recall"): "model_recall",
    ("performance", "f1"): "model_f1_score",
    ("performance", "roc_auc"): "model_roc_auc",
    ("performance", "log_loss"): "model_log_loss",
    ("performance", "mae"): "model_mae",
    ("performance", "rmse"): "model_rmse",
    ("performance", "mape"): "model_mape",
    ("performance", "r2"): "model_r2",
    ("performance", "label_coverage"): "model_label_coverage",
    ("drift", "drifted_columns"): "drift_columns_count",
    ("drift", "drifted_share"): "drift_columns_share",
    ("quality", "data_quality_score"): "data_quality_score",
}
# The column is the gauge's last label.
_OF_COLUMN: Mapping[tuple[str, str], str] = {
    ("quality", "missing_count"): "missing_values_count",
    ("quality", "missing_share"): "evidently_missing_values_ratio",
    ("quality", "outlier_count"): "outliers_count",
}


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
    judged = _judged(evaluation)
    families = _Families(evaluation)
    _add_columns(families, judged)
    columns = families.series
    if columns > max_series:
        families = _Families(evaluation)
    _add_dataset(families, judged)
    _add_predictions(families, judged, evaluation.rows.current)
    _add_verdict(families, evaluation)
    _add_job(families, evaluation, succeeded_at)
    families.add("monitoring_series_left_out", columns if columns > max_series else 0)
    return registry_of(families)


def failure_registry(monitor: str, failed_at: datetime) -> Registry:
    """Return the one series that a failed evaluation leaves."""
    name = "monitoring_last_failure_timestamp_seconds"
    return registry_of([family_of(name, [((_label(monitor),), failed_at.timestamp())])])


class _Families:
    """Families by name, every series with the labels of the model; one series per set of labels."""

    def __init__(self, evaluation: Evaluation) -> None:
        model = evaluation.model
        texts = (evaluation.monitor, model.name, model.version)
        self._model = dict(zip(MODEL, map(_label, texts), strict=True))
        self._families: dict[str, Family] = {}
        self._seen: set[tuple[str, ...]] = set()

    @property
    def series(self) -> int:
        return len(self._seen)

    def add(self, name: str, value: float, **own: str) -> None:
        labels = self._model | {
            label: _label(own[label]) for label in PUSHED[name].labels if label not in self._model
        }
        key = (name, *labels.values())
        if key in self._seen:
            return  # two columns whose names differ in unprintable characters only
        self._seen.add(key)
        if name not in self._families:
            self._families[name] = family_of(name)
        self._families[name].add_sample(name, labels, value)

    def add_limited(self, name: str, m: Measurement, value: float, **own: str) -> None:
        """Add a value and what the monitor file allows for it."""
        self.add(name, value, **own)
        for bound, limit in _limits(name, m):
            self.add("monitoring_threshold", limit, metric=name, bound=bound, feature=m.column)

    def add_histogram(self, name: str, buckets: Sequence[tuple[str, float]], total: float) -> None:
        self._families[name] = histogram_of(name, [*self._model.values()], buckets, total)

    def __iter__(self) -> Iterator[Family]:
        return iter(self._families.values())


def _judged(evaluation: Evaluation) -> list[tuple[Measurement, float]]:
    """Return what was judged on the whole window, with its number."""
    return [
        (m, m.value)
        for m in evaluation.measurements
        if m.value is not None and not m.segment and m.status not in _UNJUDGED
    ]


def _limits(name: str, m: Measurement) -> Iterator[tuple[str, float]]:
    """Yield the bounds of what is allowed; none where the monitor file sets none."""
    limit = PUSHED[name].limit
    if limit is None or m.threshold is None:
        return
    if limit.bound is Bound.METHOD:
        yield Bound.MIN if m.detail.get("p_value") else Bound.MAX, m.threshold
    elif limit.bound is Bound.EITHER:
        # The threshold is the end that the value was held against; the file may set the other too.
        for bound in (Bound.MIN, Bound.MAX):
            end = m.threshold if m.detail.get("bound") == bound else m.detail.get(bound)
            if isinstance(end, int | float):
                yield bound, end
    else:
        yield limit.bound, m.threshold


def _add_columns(families: _Families, judged: Sequence[tuple[Measurement, float]]) -> None:
    for m, value in judged:
        name = _OF_COLUMN.get((m.check, m.metric))
        if m.column and m.check == "drift":
            _add_drift(families, m, value)
        elif m.column and name is not None:
            families.add_limited(name, m, value, **{PUSHED[name].labels[-1]: m.column})
            if m.metric == "missing_share":
                families.add("data_completeness", 1 - value, column=m.column)


def _add_drift(families: _Families, m: Measurement, score: float) -> None:
    drifted = float(bool(m.detail.get("drifted")))
    families.add("data_drift_detected", drifted, feature=m.column)
    families.add_limited("data_drift_score", m, score, feature=m.column, method=m.metric)
    if m.detail.get("p_value"):
        families.add("data_drift_pvalue", score, feature=m.column)


def _add_dataset(families: _Families, judged: Sequence[tuple[Measurement, float]]) -> None:
    for m, value in judged:
        name = _OF_DATASET.get((m.check, m.metric))
        if m.column or name is None:
            continue
        families.add_limited(name, m, value)
        if name == "drift_columns_share":
            drifted = float(m.threshold is not None and value >= m.threshold)
            families.add("evidently_drift_score", value)
            families.add("evidently_data_drift_detected", drifted)


def _add_predictions(
    families: _Families, judged: Sequence[tuple[Measurement, float]], rows: int
) -> None:
    families.add("daily_predictions_total", rows)
    families.add("model_predictions_total", rows)
    # Checks mark the measurements of the prediction's column, whatever its name is.
    predictions = [
        (m, value)
        for m, value in judged
        if m.check == "quality" and m.detail.get("role") == "prediction"
    ]
    found = {m.metric: value for m, value in predictions}
    if "missing_count" in found:
        missing = found["missing_count"]
        families.add("prediction_success_total", rows - missing)
        families.add("prediction_failure_total", missing)
        families.add("model_prediction_errors_total", missing, error_type="missing")
    if "mean" in found:
        families.add("model_prediction_value", found["mean"])
        count = rows - found.get("missing_count", 0) - found.get("infinite_count", 0)
        families.add_histogram(
            "prediction_value_distribution", _buckets(predictions, count), found["mean"] * count
        )


def _buckets(
    predictions: Sequence[tuple[Measurement, float]], count: float
) -> list[tuple[str, float]]:
    """Return the cumulative counts up to each quantile and the greatest value, which are exact."""
    bounds: dict[float, float] = {}
    for m, bound in predictions:
        counted = count if m.metric == "max" else m.detail.get("at_or_below")
        if isinstance(counted, int | float):
            bounds[bound] = counted
    return [(repr(bound), bounds[bound]) for bound in sorted(bounds)] + [("+Inf", count)]


def _add_verdict(families: _Families, evaluation: Evaluation) -> None:
    for status in Status:
        is_it = float(status is evaluation.status)
        families.add("monitoring_status", is_it, status=str(status))
    end = evaluation.window.end.timestamp()
    families.add("monitoring_window_end_timestamp_seconds", end)
    if evaluation.due_at is not None:
        families.add("monitoring_next_due_timestamp_seconds", evaluation.due_at.timestamp())
    families.add("monitoring_info", 1, owner=evaluation.owner)


def _add_job(families: _Families, evaluation: Evaluation, succeeded_at: datetime) -> None:
    families.add("monitoring_last_success_timestamp_seconds", succeeded_at.timestamp())
    families.add("monitoring_evaluation_duration_seconds", evaluation.duration_seconds)
    families.add("monitoring_peak_memory_bytes", evaluation.peak_memory_bytes)
    rows = evaluation.rows
    families.add("monitoring_rows", rows.current, dataset="current")
    families.add("monitoring_rows", rows.reference, dataset="reference")
    families.add("monitoring_rows", rows.sampled, dataset="sampled")


def _label(text: str | None) -> str:
    """Return a value that Prometheus takes; a long one ends in a hash, so that it stays unique."""
    clean = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text or "")
    if len(clean) <= _LONGEST_LABEL:
        return clean
    digest = hashlib.blake2b(clean.encode(), digest_size=4).hexdigest()
    return f"{clean[: _LONGEST_LABEL - 9]}~{digest}"
