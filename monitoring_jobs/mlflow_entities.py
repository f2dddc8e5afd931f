"""What MLflow knows about experiments, runs and models, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["numerical", "categorical"]

# MLflow's words for how a run ended.
ENDED = ("FINISHED", "FAILED", "KILLED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A folder of runs; ``lifecycle_stage`` is ``active`` or ``deleted``."""

    experiment_id: str
    name: str
    lifecycle_stage: str
    artifact_location: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """The latest value of a metric; None where MLflow holds NaN or an infinity."""

    name: str
    value: float | None
    step: int
    logged_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInput:
    """A dataset that a run says it has read."""

    name: str
    digest: str
    context: str = ""
    source_type: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run with all that it logged, series of metrics cut to their latest value.

    Attributes:
        started_at: UTC.
        ended_at: UTC; None while the run has not ended, or where its end was never told.
    """

    run_id: str
    experiment_id: str
    status: str
    lifecycle_stage: str
    name: str | None = None
    user_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    artifact_uri: str | None = None
    metrics: tuple[Metric, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[DatasetInput, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """A name in the registry; ``aliases`` maps alias to version."""

    name: str
    description: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A version of a registered model; ``alias`` is the one that it was resolved by, if any."""

    name: str
    version: str
    alias: str | None = None
    run_id: str | None = None
    source: str | None = None
    status: str | None = None
    stage: str | None = None
    description: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signature:
    """The features that a model asks for, in its own order, with the kind of each."""

    inputs: Mapping[str, Kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRun:
    """A run that gauges speak of: the newest of an experiment, or the one behind an alias.

    Attributes:
        model_name: Empty, like version and alias, for the newest run of an experiment.
        duration_seconds: How long the training took, where both ends are known.
        metrics: Latest finite values by name.
    """

    experiment: str
    model_name: str = ""
    model_version: str = ""
    alias: str = ""
    duration_seconds: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingState:
    """What the gauges of an extraction say.

    Attributes:
        observed_at: When MLflow was asked, UTC.
        runs: Those behind aliases first, then the newest of each experiment, the newest first.
        finished: (experiment, status) to the number of runs that ended so.
        experiments: Active ones.
        experiments_created: All ever seen, deleted ones included.
        versions: (model, version, alias); the alias is empty for a model that has none.
    """

    observed_at: datetime
    runs: tuple[SubjectRun, ...] = ()
    finished: Mapping[tuple[str, str], int] = field(default_factory=dict)
    experiments: int = 0
    experiments_created: int = 0
    versions: tuple[tuple[str, str, str], ...] = ()
