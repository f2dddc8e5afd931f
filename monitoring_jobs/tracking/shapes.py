"""From the objects and the JSON of MLflow to our values; they go no further."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from monitoring_jobs.mlflow_entities import (
    DatasetInput,
    Experiment,
    Kind,
    Metric,
    ModelVersion,
    RegisteredModel,
    Run,
)

# MLflow writes an infinity as the largest double, give or take what a database makes of it.
_INFINITE = 1.797e308
_NUMERICAL = {"integer", "long", "float", "double"}
_CATEGORICAL = {"boolean", "string"}


def kinds(inputs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Kind]]:
    """Yield the features among a signature's inputs; dates, bytes and nested ones are none."""
    for column in inputs:
        name, kind = column.get("name"), column["type"]
        if kind == "tensor":
            spec = column["tensor-spec"]
            if spec["shape"] not in ([-1], [-1, 1]):
                continue
            kind = "double" if spec["dtype"].startswith(("float", "int", "uint")) else "string"
        if name is None:
            continue
        if kind in _NUMERICAL:
            yield name, "numerical"
        elif kind in _CATEGORICAL:
            yield name, "categorical"


@lru_cache(maxsize=1024)  # the metrics of a run are often logged at one instant
def _instant(milliseconds: int | str | None) -> datetime | None:
    """Epoch milliseconds as UTC; None for none, and for what no calendar holds."""
    if milliseconds is None or int(milliseconds) <= 0:
        return None
    try:
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _finite(value: float) -> float | None:
    return value if -_INFINITE < value < _INFINITE else None


def experiment(found: Any) -> Experiment:
    """Take over an experiment."""
    return Experiment(
        experiment_id=found.experiment_id,
        name=found.name,
        lifecycle_stage=found.lifecycle_stage,
        artifact_location=found.artifact_location,
        created_at=_instant(found.creation_time),
        updated_at=_instant(found.last_update_time),
        tags=dict(found.tags),
    )


def run(found: Mapping[str, Any]) -> Run:
    """Take over a run with its latest metrics, from the JSON of MLflow's REST interface.

    Absent there is what has its default, as in protobuf: an empty text, or zero.
    """
    info, data = found["info"], found.get("data") or {}
    inputs = found.get("inputs") or {}
    return Run(
        run_id=info["run_id"],
        experiment_id=info["experiment_id"],
        status=info["status"],
        lifecycle_stage=info["lifecycle_stage"],
        name=info.get("run_name", ""),
        user_id=info.get("user_id", ""),
        started_at=_instant(info.get("start_time")),
        ended_at=_instant(info.get("end_time")),
        artifact_uri=info.get("artifact_uri", ""),
        metrics=tuple([_metric(metric) for metric in data.get("metrics") or ()]),
        params=_texts(data.get("params")),
        tags=_texts(data.get("tags")),
        datasets=tuple([_dataset(entry) for entry in inputs.get("dataset_inputs") or ()]),
    )


def _metric(found: Mapping[str, Any]) -> Metric:
    return Metric(
        name=found["key"],
        # NaN is a text there.
        value=_finite(float(found.get("value", 0.0))),
        step=int(found.get("step", 0)),
        logged_at=_instant(found.get("timestamp")),
    )


def _texts(found: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    return {entry["key"]: entry.get("value", "") for entry in found or ()}


def _dataset(found: Mapping[str, Any]) -> DatasetInput:
    dataset = found["dataset"]
    return DatasetInput(
        name=dataset["name"],
        digest=dataset["digest"],
        context=_texts(found.get("tags")).get("mlflow.data.context", ""),
        source_type=dataset.get("source_type", ""),
        source=dataset.get("source", ""),
    )


def registered_model(found: Any) -> RegisteredModel:
    """Take over a registered model."""
    return RegisteredModel(
        name=found.name,
        description=found.description or None,
        created_at=_instant(found.creation_timestamp),
        updated_at=_instant(found.last_updated_timestamp),
        tags=dict(found.tags),
        aliases={alias: str(version) for alias, version in found.aliases.items()},
    )


def model_version(found: Any, alias: str | None = None) -> ModelVersion:
    """Take over a version, with the alias that it was found by."""
    return ModelVersion(
        name=found.name,
        version=str(found.version),
        alias=alias,
        run_id=found.run_id or None,
        source=found.source,
        status=found.status,
        stage=found.current_stage or None,
        description=found.description or None,
        created_at=_instant(found.creation_timestamp),
        updated_at=_instant(found.last_updated_timestamp),
        tags=dict(found.tags),
    )
