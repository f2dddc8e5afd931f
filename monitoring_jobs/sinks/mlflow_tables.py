"""MLflow's state in Postgres: pages by COPY into temporary tables, merged where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitoring_jobs.database import copy_rows, queries
from monitoring_jobs.mlflow_entities import (
    Experiment,
    ModelVersion,
    RegisteredModel,
    Run,
    SubjectRun,
    TrackingState,
)

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

_EXPERIMENT = (
    *("experiment_id", "name", "lifecycle_stage", "artifact_location"),
    *("created_at", "updated_at", "tags"),
)
_RUN = (
    *("run_id", "experiment_id", "name", "status", "lifecycle_stage", "user_id"),
    *("started_at", "ended_at", "artifact_uri"),
)
_METRIC = ("run_id", "name", "value", "step", "logged_at")
_TEXT = ("run_id", "name", "value")
_DATASET = ("run_id", "name", "digest", "context", "source_type", "source")
_MODEL = ("name", "description", "created_at", "updated_at", "tags")
_VERSION = (
    *("model_name", "version", "run_id", "status", "stage", "source", "description"),
    *("created_at", "updated_at", "tags"),
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far earlier extractions have come; all None before the first.

    Attributes:
        watermark: Runs of this server that ended before have been read.
        full_scan_at: When all of its runs were compared last.
        last_observation: Newest watermark over all servers.
    """

    watermark: datetime | None = None
    full_scan_at: datetime | None = None
    last_observation: datetime | None = None

    @property
    def is_newcomer(self) -> bool:
        """Whether only other addresses have been extracted into this database."""
        return self.watermark is None and self.last_observation is not None


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did to the tables: rows written or removed, and runs that are gone for good."""

    changed: int
    gone: int


class MlflowTables:
    """The tables ``mlflow_*`` within one transaction, which belongs to the caller."""

    def __init__(self, connection: Connection) -> None:
        self._cursor = connection.cursor()
        self._queries = queries("mlflow")

    def begin(self, server: str) -> Progress:
        """Wait for any other extraction, make room for what comes in, and tell how far it got."""
        self._run("lock")
        self._run("create_incoming")
        self._run("progress", server=server)
        row = self._cursor.fetchone()
        return Progress(*row) if row else Progress()

    # --- what comes in ----------------------------------------------------------------------------
    def add_experiments(self, found: Sequence[Experiment]) -> None:
        """Take in a page of experiments."""
        self._copy("experiment", _EXPERIMENT, (_values(entry, _EXPERIMENT) for entry in found))

    def add_seen(self, run_ids: Iterable[str]) -> None:
        """Note that MLflow still has these runs."""
        self._copy("seen", ("run_id",), ((run_id,) for run_id in run_ids))

    def add_runs(self, runs: Sequence[Run]) -> None:
        """Take in a page of runs; a run may be taken in once."""
        self._copy("run", _RUN, (_values(run, _RUN) for run in runs))
        self._copy(
            "run_metric",
            _METRIC,
            (
                (run.run_id, metric.name, metric.value, metric.step, metric.logged_at)
                for run in runs
                for metric in run.metrics
            ),
        )
        for table in ("param", "tag"):
            self._copy(
                f"run_{table}",
                _TEXT,
                (
                    (run.run_id, name, value or "")
                    for run in runs
                    for name, value in getattr(run, f"{table}s").items()
                ),
            )
        self._copy(
            "run_dataset",
            _DATASET,
            ((run.run_id, *_values(d, _DATASET[1:])) for run in runs for d in run.datasets),
        )

    def add_models(self, found: Sequence[RegisteredModel]) -> None:
        """Take in a page of registered models with their aliases."""
        self._copy("registered_model", _MODEL, (_values(model, _MODEL) for model in found))
        self._copy(
            "alias",
            ("model_name", "alias", "version"),
            (
                (model.name, alias, version)
                for model in found
                for alias, version in model.aliases.items()
            ),
        )

    def add_versions(self, found: Sequence[ModelVersion]) -> None:
        """Take in a page of model versions."""
        rows = ((version.name, *_values(version, _VERSION[1:])) for version in found)
        self._copy("model_version", _VERSION, rows)

    def are_of_another_server(self) -> bool:
        """Whether experiments are known, and none of those that came in is one of them.

        A server that moved to a new address brings its experiments along.
        """
        [(foreign,)] = self._rows("are_of_another_server")
        return bool(foreign)

    # --- what becomes of it -----------------------------------------------------------------------
    def unseen_runs(self, *, everything: bool) -> list[tuple[str, str]]:
        """Return (run id, experiment id) of runs that no search has found.

        Args:
            everything: All known runs, instead of those that had not ended.
        """
        self._run("unseen_runs", everything=everything)
        return self._cursor.fetchall()

    def merge(self, *, everything: bool, at: datetime) -> Merged:
        """Bring the tables to what came in.

        Args:
            everything: All runs came in: one that is still unseen is gone.
            at: When aliases were looked at.
        """
        self._run("index_incoming")
        gone = self._run("mark_gone_runs", everything=everything)
        changed = gone + sum(map(self._run, _MERGES))
        for step in ("drop_aliases", "close_aliases", "open_aliases"):
            changed += self._run(step, at=at)
        return Merged(changed, gone)

    def save_progress(self, server: str, watermark: datetime, *, everything: bool) -> None:
        """Note that all runs which ended before ``watermark`` have been read."""
        self._run(
            "save_progress",
            server=server,
            watermark=watermark,
            full_scan_at=watermark if everything else None,
        )

    def state(self, at: datetime) -> TrackingState:
        """Return what the gauges are to say."""
        names = ("experiment", "model_name", "model_version", "alias", "duration_seconds")
        runs = tuple(
            SubjectRun(**dict(zip((*names, "metrics"), row, strict=True)))
            for row in self._rows("gauge_runs")
        )
        [(active, created)] = self._rows("gauge_experiments")
        return TrackingState(
            observed_at=at,
            runs=runs,
            finished={(name, status): n for name, status, n in self._rows("gauge_finished")},
            experiments=active,
            experiments_created=created,
            versions=tuple(self._rows("gauge_versions")),
        )

    def _run(self, name: str, **parameters: Any) -> int:
        self._cursor.execute(self._queries[name], parameters or None)
        return self._cursor.rowcount

    def _rows(self, name: str) -> list[tuple[Any, ...]]:
        self._run(name)
        return self._cursor.fetchall()

    def _copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        copy_rows(self._cursor, f"incoming_{table}", columns, rows)


_MERGES = (
    *("merge_experiments", "mark_gone_experiments"),
    *("merge_runs", "forget_metrics", "merge_metrics", "forget_params", "merge_params"),
    *("forget_tags", "merge_tags", "forget_datasets", "merge_datasets"),
    *("merge_registered_models", "forget_registered_models"),
    *("merge_model_versions", "forget_model_versions"),
)


def _values(entity: object, names: Sequence[str]) -> tuple[object, ...]:
    return tuple(getattr(entity, name) for name in names)
