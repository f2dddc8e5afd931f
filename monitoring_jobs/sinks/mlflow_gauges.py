"""The gauges of an extraction, under the names of the earlier systems."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from monitoring_jobs.mlflow_entities import SubjectRun, TrackingState
from monitoring_jobs.sinks.registry import Registry, registry_of

# Metrics of MLflow are many and named by their users: a gateway must not hold them without bound.
MAX_METRIC_SERIES = 5000

_SUBJECT = ("experiment", "model_name", "model_version", "alias")


def state_registry(state: TrackingState, *, max_series: int = MAX_METRIC_SERIES) -> Registry:
    """Return the complete set of series of a successful extraction.

    Runs behind aliases come before those of experiments, newest first; where their metrics would
    be more than ``max_series``, the runs that come last are left out and
    ``mlflow_series_left_out`` says how many series that were.
    """
    kept, left_out = _within(state.runs, max_series)
    created = CounterMetricFamily(
        "mlflow_experiment_created", "Experiments ever seen, deleted ones included"
    )
    created.add_metric([], state.experiments_created)
    return registry_of(
        [
            *_of_runs(kept),
            _finished(state),
            _gauge("mlflow_experiments", "Active experiments", state.experiments),
            created,
            _versions(state),
            _gauge(
                "mlflow_series_left_out", "Series of metrics that were too many to push", left_out
            ),
            _gauge(
                "mlflow_last_extraction_timestamp_seconds",
                "When MLflow was extracted last",
                state.observed_at.timestamp(),
            ),
        ]
    )


def health_registry(*, up: bool, failed_at: datetime | None = None) -> Registry:
    """Return the series that every extraction leaves, also one that failed.

    They are a group of their own, so that a failure leaves the others as they are.

    Args:
        up: Whether the tracking server answered as it should.
        failed_at: When the extraction failed; None for one that did not.
    """
    families: list[Metric] = [_gauge("mlflow_up", "1 while the tracking server answers", up)]
    if failed_at is not None:
        families.append(
            _gauge(
                "mlflow_last_extraction_failure_timestamp_seconds",
                "When an extraction failed last",
                failed_at.timestamp(),
            )
        )
    return registry_of(families)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=float(value))


def _within(runs: Sequence[SubjectRun], most: int) -> tuple[list[SubjectRun], int]:
    kept: list[SubjectRun] = []
    series = left_out = 0
    for run in runs:
        if series + len(run.metrics) > most:
            left_out += len(run.metrics)
            continue
        series += len(run.metrics)
        kept.append(run)
    return kept, left_out


def _of_runs(runs: Sequence[SubjectRun]) -> tuple[Metric, Metric]:
    metrics = GaugeMetricFamily(
        "mlflow_metric",
        "Latest value of a logged metric, of an experiment's newest finished run or of an alias",
        labels=[*_SUBJECT, "metric"],
    )
    durations = GaugeMetricFamily(
        "mlflow_run_duration_seconds",
        "Training time, of an experiment's newest finished run or of an alias",
        labels=_SUBJECT,
    )
    for run in runs:
        subject = [run.experiment, run.model_name, run.model_version, run.alias]
        for name, value in run.metrics.items():
            metrics.add_metric([*subject, name], value)
        if run.duration_seconds is not None:
            durations.add_metric(subject, run.duration_seconds)
    return metrics, durations


def _finished(state: TrackingState) -> Metric:
    family = CounterMetricFamily(
        "mlflow_runs_finished", "Runs that ended, by how", labels=["experiment", "status"]
    )
    for labels, count in state.finished.items():
        family.add_metric(labels, count)
    return family


def _versions(state: TrackingState) -> Metric:
    family = GaugeMetricFamily(
        "model_version_info",
        "1 for the version that an alias means; without aliases, for the newest",
        labels=["model_name", "version", "alias"],
    )
    for labels in state.versions:
        family.add_metric(labels, 1)
    return family
