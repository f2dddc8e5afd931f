"""Every metric that the job extract pushes."""

from __future__ import annotations

from typing import Any

from monitoring_jobs.metrics.metric import Alias, Group, Kind, Metric, Source

# Metrics of MLflow are many and named by their users: a gateway must not hold them without bound.
MAX_METRIC_SERIES = 5000

_INSTANT = "seconds since 1970, UTC"
_SUBJECT = ("experiment", "model_name", "model_version", "alias")


def _metric(
    name: str, labels: tuple[str, ...], unit: str, meaning: str, formula: str, **more: Any
) -> Metric:
    return Metric(name=name, labels=labels, unit=unit, meaning=meaning, formula=formula, **more)


_STATE = (
    _metric(
        "mlflow_metric",
        (*_SUBJECT, "metric"),
        "that of the metric",
        "Latest value of a logged metric, of an experiment's newest finished run or of an alias",
        "any metric of `mlflow.log_metric`; model, version and alias are empty for an experiment",
        aliases=(
            Alias("mlflow_accuracy", 'sum without (metric) (mlflow_metric{metric="accuracy"})'),
            Alias("mlflow_loss", 'sum without (metric) (mlflow_metric{metric="loss"})'),
            Alias("mlflow_f1_score", 'sum without (metric) (mlflow_metric{metric="f1_score"})'),
        ),
    ),
    _metric(
        "mlflow_run_duration_seconds",
        _SUBJECT,
        "seconds",
        "Training time, of an experiment's newest finished run or of an alias",
        "end - start of the run",
    ),
    _metric(
        "mlflow_runs_finished_total",
        ("experiment", "status"),
        "runs",
        "Runs that ended, by how",
        "runs with the status FINISHED, FAILED or KILLED",
        kind=Kind.COUNTER,
    ),
    _metric(
        "mlflow_experiments",
        (),
        "experiments",
        "Active experiments",
        "experiments that are not deleted",
    ),
    _metric(
        "mlflow_experiment_created_total",
        (),
        "experiments",
        "Experiments ever seen",
        "deleted ones included",
        kind=Kind.COUNTER,
    ),
    _metric(
        "model_version_info",
        ("model_name", "version", "alias"),
        "always 1",
        "The version that an alias means; of a model without aliases, its newest",
        "from the registry",
    ),
    _metric(
        "mlflow_series_left_out",
        (),
        "series",
        "Series of logged metrics that were too many to push",
        f"those beyond {MAX_METRIC_SERIES}; runs behind aliases come first, then the newest",
    ),
    _metric(
        "mlflow_last_extraction_timestamp_seconds",
        (),
        _INSTANT,
        "When MLflow was extracted last",
        "when the server was asked",
    ),
)

_HEALTH = (
    _metric(
        "mlflow_up",
        (),
        "1 or 0",
        "1 while the tracking server answers",
        "whether the latest extraction could ask it",
    ),
    _metric(
        "mlflow_last_extraction_failure_timestamp_seconds",
        (),
        _INSTANT,
        "When an extraction failed last",
        "time of the failure; the next success removes it",
    ),
)

GROUPS = (
    Group("MLflow", Source.EXTRACT, _STATE),
    Group("Health of the extraction", Source.EXTRACT_HEALTH, _HEALTH),
)
