"""Extract: what MLflow knows about experiments, runs and models, as tables and gauges."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitoring_jobs.errors import (
    InvalidSettings,
    MonitoringError,
    TrackingRefused,
    TrackingUnavailable,
)
from monitoring_jobs.mlflow_entities import UNFINISHED
from monitoring_jobs.windows import as_utc, utc_text

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from monitoring_jobs.mlflow_entities import Run, TrackingState
    from monitoring_jobs.settings import Settings
    from monitoring_jobs.sinks.mlflow_tables import MlflowTables, Progress
    from monitoring_jobs.tracking import Tracking

log = logging.getLogger(__name__)

JOB = "extract"
HEALTH_JOB = "extract_health"

# A run's end is the word of the machine that trained, which may be late to tell and tell it wrong.
OVERLAP = timedelta(hours=1)
# Late tags, renames and deletions move nothing that a search could filter by.
FULL_SCAN_EVERY = timedelta(days=7)
# Another extraction may hold the lock for as long as MLflow takes to answer.
_WAIT_SECONDS = 1800
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

Report = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionSummary:
    """What an extraction read and did.

    Attributes:
        tracking_server: Address, free of credentials.
        since: Runs that ended from here on were read; None for all.
        until: Runs that ended before were read.
        full: Whether all runs were read and compared.
        experiments: Read, deleted ones included; so are runs.
        runs: Read and written, or found to be written already.
        metrics: Of those runs, the latest value of each.
        models: Registered models read.
        versions: Model versions read.
        changed: Rows written or removed in Postgres.
        skipped: Runs that were known and that MLflow no longer has.
        seconds: Wall time.
    """

    tracking_server: str
    since: datetime | None
    until: datetime
    full: bool
    experiments: int
    runs: int
    metrics: int
    models: int
    versions: int
    changed: int
    skipped: int
    seconds: float

    def __str__(self) -> str:
        scope = "all" if self.since is None else f"since {utc_text(self.since)}"
        return (
            f"read {self.runs} runs ({scope}) with {self.metrics} metrics, "
            f"{self.experiments} experiments, {self.models} models and {self.versions} versions "
            f"of {self.tracking_server}: {self.changed} rows changed, "
            f"{self.skipped} runs are gone, {self.seconds:.1f} s"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self) | {
            "since": utc_text(self.since) if self.since else None,
            "until": utc_text(self.until),
        }


def extract_runs(
    settings: Settings,
    *,
    since: datetime | None = None,
    full: bool = False,
    now: datetime | None = None,
    progress: Report | None = None,
) -> ExtractionSummary:
    """Copy MLflow's state to Postgres in one transaction, then push the gauges.

    Read are the runs that ended since the last extraction (with an overlap), those that have not
    ended, and those that had not when they were read last; everything else is read as a whole. The
    first extraction, and one a week, reads all runs and so finds deletions and late edits.

    Args:
        settings: Needs the tracking server and the database.
        since: Read runs that ended from here on, should that be earlier than the last extraction.
        full: Read and compare all runs.
        now: Runs that ended at this instant or later are left to the next extraction.
        progress: Told how many runs have been read, and of how many where that is known.

    Raises:
        InvalidSettings: The server or the database is not configured, or the database holds the
            state of another server.
        TrackingUnavailable: MLflow does not answer; try again.
        TrackingRefused: MLflow refuses.
        DatabaseUnavailable: Postgres does not answer; try again.
        DatabaseRefused: Postgres refuses.
        GatewayUnavailable: All is written but the gauges; try again.
        GatewayRejected: All is written; the gateway refuses the gauges.
    """
    # MLflow counts in milliseconds: both sides of every comparison shall.
    until = _EPOCH + _MILLISECOND * _milliseconds(as_utc(now or datetime.now(UTC)))
    if settings.mlflow_tracking_uri is None:
        raise InvalidSettings(
            "no MLflow server is configured",
            "set MLFLOW_TRACKING_URI or the Airflow connection monitoring_mlflow",
        )
    extraction = _Extraction(settings, settings.mlflow_tracking_uri, until, progress)
    try:
        summary, state = extraction.write(since=as_utc(since) if since else None, full=full)
    except MonitoringError as exc:
        up = not isinstance(exc, (TrackingUnavailable, TrackingRefused))
        with contextlib.suppress(MonitoringError):  # the first error is the one that matters
            _push_health(settings, up=up, failed_at=until)
        raise
    log.info(
        "extracted %d runs of %s",
        summary.runs,
        summary.tracking_server,
        extra={"action": "extracted", **summary.as_dict()},
    )
    _push_state(settings, state)
    _push_health(settings, up=True)
    return summary


class _Extraction:
    """One pass over a tracking server."""

    def __init__(
        self, settings: Settings, uri: str, until: datetime, progress: Report | None
    ) -> None:
        from monitoring_jobs.tracking import Tracking

        self._url = settings.require_database_url()
        self._tracking: Tracking = Tracking(uri)
        self._until = until
        self._progress = progress
        self._experiment_ids: list[str] = []
        self._seen: set[str] = set()
        self._counts = dict.fromkeys(("experiments", "runs", "metrics", "models", "versions"), 0)

    def write(
        self, *, since: datetime | None, full: bool
    ) -> tuple[ExtractionSummary, TrackingState]:
        from monitoring_jobs.database import require_current_schema, transaction
        from monitoring_jobs.sinks.mlflow_tables import MlflowTables

        began = time.monotonic()
        server = self._tracking.server
        with transaction(
            self._url,
            statement_timeout_seconds=_WAIT_SECONDS,
            lock_timeout_seconds=_WAIT_SECONDS,
            idle_timeout_seconds=_WAIT_SECONDS,
        ) as connection:
            require_current_schema(connection)
            tables = MlflowTables(connection)
            reached = tables.begin(server)
            start, everything = _range(reached, self._until, since, full=full)
            self._read_experiments(tables, newcomer=reached.is_newcomer)
            self._read(tables, start, everything=everything)
            observed = max(self._until, reached.last_observation or self._until)
            merged = tables.merge(everything=everything, at=observed)
            tables.save_progress(server, self._until, everything=everything)
            state = tables.state(observed)
        summary = ExtractionSummary(
            tracking_server=server,
            since=start,
            until=self._until,
            full=everything,
            **self._counts,
            changed=merged.changed,
            skipped=merged.gone,
            seconds=round(time.monotonic() - began, 3),
        )
        return summary, state

    def _read_experiments(self, tables: MlflowTables, *, newcomer: bool) -> None:
        for experiments in self._tracking.experiments():
            tables.add_experiments(experiments)
            self._experiment_ids += [experiment.experiment_id for experiment in experiments]
        self._counts["experiments"] = len(self._experiment_ids)
        # All that the other server has, and this one lacks, would be taken for deleted.
        if newcomer and tables.are_of_another_server():
            raise InvalidSettings(
                f"{self._tracking.server} knows none of the experiments in this database",
                "use a database per MLflow server, or check MLFLOW_TRACKING_URI",
            )

    def _read(self, tables: MlflowTables, start: datetime | None, *, everything: bool) -> None:
        experiment_ids = self._experiment_ids
        for condition in _conditions(start, self._until):
            self._take(tables, self._tracking.runs(experiment_ids, where=condition))
        present = set(experiment_ids)
        unseen = [
            (run_id, experiment_id)
            for run_id, experiment_id in tables.unseen_runs(everything=everything)
            if experiment_id in present
        ]
        self._take(tables, self._tracking.runs_by_id(unseen))
        for models in self._tracking.registered_models():
            tables.add_models(models)
            self._counts["models"] += len(models)
        for versions in self._tracking.model_versions():
            tables.add_versions(versions)
            self._counts["versions"] += len(versions)

    def _take(self, tables: MlflowTables, pages: Iterator[list[Run]]) -> None:
        for page in pages:
            # A page may repeat what an earlier search or page has shown.
            fresh = {run.run_id: run for run in page if run.run_id not in self._seen}
            self._seen.update(fresh)
            tables.add_seen(fresh)
            due = [run for run in fresh.values() if self._is_due(run)]
            tables.add_runs(due)
            self._counts["runs"] += len(due)
            self._counts["metrics"] += sum(len(run.metrics) for run in due)
            if self._progress:
                self._progress(self._counts["runs"], None)

    def _is_due(self, run: Run) -> bool:
        return all(end is None or end < self._until for end in (run.started_at, run.ended_at))


def _range(
    reached: Progress, until: datetime, since: datetime | None, *, full: bool
) -> tuple[datetime | None, bool]:
    """Return from when on runs are read, None for all, and whether that is everything."""
    if full or (reached.watermark is None and since is None):
        return None, True
    if reached.watermark is None:
        return since, False
    scanned = reached.full_scan_at
    if since is None and (scanned is None or until - scanned >= FULL_SCAN_EVERY):
        return None, True
    # A later `since` would leave a gap behind the watermark that nothing ever fills.
    start = min(reached.watermark, until) - OVERLAP
    return (min(start, since) if since else start), False


def _conditions(start: datetime | None, until: datetime) -> list[str]:
    """Return MLflow's filters, which together find each run that is due; it has no OR."""
    if start is None:
        return [""]
    started = f"attributes.start_time < {_milliseconds(until)}"
    ended = f"attributes.end_time >= {_milliseconds(start)}"
    return [
        f"{ended} AND attributes.end_time < {_milliseconds(until)}",
        *(f"attributes.status = '{status}' AND {started}" for status in UNFINISHED),
    ]


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MILLISECOND


def _push_state(settings: Settings, state: TrackingState) -> None:
    if settings.pushgateway_url is None and settings.textfile is None:
        return
    from monitoring_jobs.sinks.mlflow_gauges import state_registry

    _push(settings, state_registry(state), JOB)


def _push_health(settings: Settings, *, up: bool, failed_at: datetime | None = None) -> None:
    if settings.pushgateway_url is None and settings.textfile is None:
        return
    from monitoring_jobs.sinks.mlflow_gauges import health_registry

    _push(settings, health_registry(up=up, failed_at=failed_at), HEALTH_JOB)


def _push(settings: Settings, registry: CollectorRegistry, job: str) -> None:
    from monitoring_jobs.sinks.pushgateway import push_registry, write_textfile

    if settings.pushgateway_url is not None:
        push_registry(registry, url=settings.pushgateway_url.get_secret_value(), job=job)
    elif settings.textfile is not None:
        # A hyphen, where the files of monitors have a dot: no monitor's name collides with it.
        path = settings.textfile
        write_textfile(registry, path.with_name(f"{path.stem}-{job}.prom"))
