"""Extract: what MLflow knows about experiments, runs and models, as tables and gauges."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from monitoring_jobs.errors import (
    InvalidSettings,
    MonitoringError,
    TrackingRefused,
    TrackingUnavailable,
)
from monitoring_jobs.mlflow_entities import ENDED
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
# The server takes most of the time: a second thread keeps it at work while the first reads its
# answer (docs/decisions/0010-extraction-and-publish-speed.md).
_READERS = 2
_SLICES = 8
# Another extraction may hold the lock for as long as MLflow takes to answer.
_WAIT_SECONDS = 1800
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

Report = Callable[[int, int | None], None]
Write = Callable[[], None]
T = TypeVar("T")


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
    if state is not None:
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
        self._has_gauges = _has_gauges(settings)
        self._until = until
        self._progress = progress
        self._experiment_ids: list[str] = []
        self._seen: set[str] = set()
        self._counts = dict.fromkeys(("experiments", "runs", "metrics", "models", "versions"), 0)

    def write(
        self, *, since: datetime | None, full: bool
    ) -> tuple[ExtractionSummary, TrackingState | None]:
        """Return what was done, and what gauges are to say where there are any."""
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
            state = tables.state(observed) if self._has_gauges else None
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
        from monitoring_jobs.tracking import fetch_ahead

        with fetch_ahead(self._sources(tables, start), threads=_READERS) as pages:
            for write_page in pages:
                write_page()
        present = set(self._experiment_ids)
        unseen = [
            (run_id, experiment_id)
            for run_id, experiment_id in tables.unseen_runs(everything=everything)
            if experiment_id in present
        ]
        for page in self._tracking.runs_by_id(unseen):
            self._take(tables, page)

    def _sources(self, tables: MlflowTables, start: datetime | None) -> list[Iterator[Write]]:
        """Return what can be read at once: for each page, what writes it."""
        conditions = _conditions(start, self._until)
        slices = _slices(self._experiment_ids, start)
        return [self._registry(tables), *(self._runs(tables, ids, conditions) for ids in slices)]

    def _runs(
        self, tables: MlflowTables, experiment_ids: Sequence[str], conditions: Sequence[str]
    ) -> Iterator[Write]:
        for condition in conditions:
            for page in self._tracking.runs(experiment_ids, where=condition):
                yield partial(self._take, tables, page)

    def _registry(self, tables: MlflowTables) -> Iterator[Write]:
        """Models come before versions, so that what an alias means is there."""
        for models in self._tracking.registered_models():
            yield partial(self._count, "models", tables.add_models, models)
        for versions in self._tracking.model_versions():
            yield partial(self._count, "versions", tables.add_versions, versions)

    def _count(self, what: str, add: Callable[[list[T]], None], page: list[T]) -> None:
        add(page)
        self._counts[what] += len(page)

    def _take(self, tables: MlflowTables, page: Iterable[Run]) -> None:
        # A page may repeat what an earlier search or page has shown.
        fresh = {run.run_id: run for run in page if run.run_id not in self._seen}
        self._seen.update(fresh)
        tables.add_seen(fresh)
        due = [run for run in fresh.values() if self._is_due(run)]
        tables.add_runs(due)
        self._counts["runs"] += len(due)
        self._counts["metrics"] += sum(len(run.metrics) for run in due)
        if self._progress and due:
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


def _slices(experiment_ids: Sequence[str], start: datetime | None) -> Iterator[Sequence[str]]:
    """Cut a full search into parts that threads read side by side; a small one is one request."""
    from monitoring_jobs.tracking import EXPERIMENTS_PER_SEARCH

    size = EXPERIMENTS_PER_SEARCH
    if start is None:
        size = min(size, max(1, len(experiment_ids) // _SLICES))
    return (experiment_ids[at : at + size] for at in range(0, len(experiment_ids), size))


def _conditions(start: datetime | None, until: datetime) -> list[str]:
    """Return MLflow's filters, which together find each run that is due; it has no OR.

    Those that have not ended come first: a run that ends between the two searches is found twice,
    and not missed.
    """
    if start is None:
        return [""]
    before = f"< {_milliseconds(until)}"
    unfinished = " AND ".join(f"attributes.status != '{status}'" for status in ENDED)
    return [
        f"{unfinished} AND attributes.start_time {before}",
        f"attributes.end_time >= {_milliseconds(start)} AND attributes.end_time {before}",
    ]


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MILLISECOND


def _has_gauges(settings: Settings) -> bool:
    return settings.pushgateway_url is not None or settings.textfile is not None


def _push_state(settings: Settings, state: TrackingState) -> None:
    from monitoring_jobs.sinks.mlflow_gauges import state_registry

    _push(settings, state_registry(state), JOB)


def _push_health(settings: Settings, *, up: bool, failed_at: datetime | None = None) -> None:
    if not _has_gauges(settings):
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
