"""MLflow's state in Postgres: pages by COPY into temporary tables, merged where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitoring_jobs.database import clean_text, copy_rows, queries
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
        self._added = 0
        self._has_known_runs = False

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
        """Take in a page of runs; a run may be taken in once.

        Runs of which the tables hold nothing need no merge: they are written where they belong.
        """
        self._run("plan_by_indexes")
        self._run("known_runs", run_ids=[clean_text(run.run_id) for run in runs])
        known = {run_id for (run_id,) in self._cursor.fetchall()}
        self._run("plan_as_usual")
        self._has_known_runs |= bool(known)
        self._copy_runs("incoming", [run for run in runs if clean_text(run.run_id) in known])
        self._added += self._copy_runs(
            "mlflow", [run for run in runs if clean_text(run.run_id) not in known]
        )

    def _copy_runs(self, prefix: str, runs: Sequence[Run]) -> int:
        """Write runs into one family of tables and return the number of rows."""
        if not runs:
            return 0
        kinds: tuple[tuple[str, Sequence[str], Iterable[Sequence[object]]], ...] = (
            ("run", _RUN, (_values(run, _RUN) for run in runs)),
            ("run_metric", _METRIC, _metrics(runs)),
            ("run_param", _TEXT, _texts((run.run_id, run.params) for run in runs)),
            ("run_tag", _TEXT, _texts((run.run_id, run.tags) for run in runs)),
            ("run_dataset", _DATASET, _datasets(runs)),
        )
        return sum(
            copy_rows(self._cursor, f"{prefix}_{table}", columns, rows)
            for table, columns, rows in kinds
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
        gone = self._run("mark_gone_runs", everything=everything)
        changed = self._added + gone + sum(map(self._run, _MERGES))
        if self._has_known_runs:
            self._run("index_incoming")
            changed += sum(map(self._run, _MERGES_OF_RUNS))
            self._run("plan_by_indexes")
            changed += sum(map(self._run, _FORGETS_OF_RUNS))
            self._run("plan_as_usual")
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


_MERGES_OF_RUNS = ("merge_runs", "merge_metrics", "merge_params", "merge_tags", "merge_datasets")
_FORGETS_OF_RUNS = ("forget_metrics", "forget_params", "forget_tags", "forget_datasets")
_MERGES = (
    *("merge_experiments", "mark_gone_experiments"),
    *("merge_registered_models", "forget_registered_models"),
    *("merge_model_versions", "forget_model_versions"),
)


def _values(entity: object, names: Sequence[str]) -> tuple[object, ...]:
    return tuple(getattr(entity, name) for name in names)


def _metrics(runs: Iterable[Run]) -> Iterator[tuple[object, ...]]:
    for run in runs:
        for metric in run.metrics:
            yield run.run_id, metric.name, metric.value, metric.step, metric.logged_at


def _texts(found: Iterable[tuple[str, Mapping[str, str]]]) -> Iterator[tuple[str, str, str]]:
    for run_id, texts in found:
        for name, value in texts.items():
            yield run_id, name, value or ""


def _datasets(runs: Iterable[Run]) -> Iterator[tuple[object, ...]]:
    """Yield the datasets of each run, one that it names twice only once."""
    for run in runs:
        rows = {(d.name, d.digest, d.context): _values(d, _DATASET[1:]) for d in run.datasets}
        for row in rows.values():
            yield run.run_id, *row
