"""The gauges of an extraction, under the names of the earlier systems."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from monitoring_jobs.metrics import MAX_METRIC_SERIES
from monitoring_jobs.mlflow_entities import SubjectRun, TrackingState
from monitoring_jobs.sinks.registry import Family, Registry, family_of, registry_of


def state_registry(state: TrackingState, *, max_series: int = MAX_METRIC_SERIES) -> Registry:
    """Return the complete set of series of a successful extraction.

    Runs behind aliases come before those of experiments, newest first; where their metrics would
    be more than ``max_series``, the runs that come last are left out and
    ``mlflow_series_left_out`` says how many series that were.
    """
    kept, left_out = _within(state.runs, max_series)
    return registry_of(
        [
            *_of_runs(kept),
            family_of("mlflow_runs_finished_total", state.finished.items()),
            _single("mlflow_experiments", state.experiments),
            _single("mlflow_experiment_created_total", state.experiments_created),
            family_of("model_version_info", ((version, 1) for version in state.versions)),
            _single("mlflow_series_left_out", left_out),
            _single("mlflow_last_extraction_timestamp_seconds", state.observed_at.timestamp()),
        ]
    )


def health_registry(*, up: bool, failed_at: datetime | None = None) -> Registry:
    """Return the series that every extraction leaves, also one that failed.

    They are a group of their own, so that a failure leaves the others as they are.

    Args:
        up: Whether the tracking server answered as it should.
        failed_at: When the extraction failed; None for one that did not.
    """
    families = [_single("mlflow_up", up)]
    if failed_at is not None:
        failure = "mlflow_last_extraction_failure_timestamp_seconds"
        families.append(_single(failure, failed_at.timestamp()))
    return registry_of(families)


def _single(name: str, value: float) -> Family:
    return family_of(name, [((), value)])


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


def _of_runs(runs: Sequence[SubjectRun]) -> tuple[Family, Family]:
    subjects = [
        (run, (run.experiment, run.model_name, run.model_version, run.alias)) for run in runs
    ]
    metrics = (
        ((*subject, name), value)
        for run, subject in subjects
        for name, value in run.metrics.items()
    )
    durations = (
        (subject, run.duration_seconds)
        for run, subject in subjects
        if run.duration_seconds is not None
    )
    return family_of("mlflow_metric", metrics), family_of("mlflow_run_duration_seconds", durations)
