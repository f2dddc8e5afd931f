"""The job maintain: partitions ahead, retention, gauges of removed monitors, orphan reports."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial

from monitoring_jobs.errors import MonitoringError, SinksFailed
from monitoring_jobs.settings import Settings
from monitoring_jobs.windows import as_utc

log = logging.getLogger(__name__)

# An evaluation takes hours at most: a file that no evaluation names after a day has no writer.
ORPHAN_AGE = timedelta(days=1)
# A draft answers one person's question.
DRAFT_AGE = timedelta(days=30)
MONTHS_AHEAD = 3
# Whoever waits for a table's lock holds up all who come later: rather try again another day.
_LOCK_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceSummary:
    """What one maintenance did.

    Attributes:
        partitions_created: Monthly partitions that are new.
        partitions_dropped: Monthly partitions that were older than the retention.
        evaluations_deleted: Evaluations that were older than the retention.
        reports_deleted: Windows removed from the report store for the same reason.
        drafts_deleted: Unpublished evaluations that were a month old.
        orphans_removed: Files of the report store that no evaluation named.
        removed_monitors: Monitors without a file, whose gauges are gone now.
    """

    partitions_created: int = 0
    partitions_dropped: int = 0
    evaluations_deleted: int = 0
    reports_deleted: int = 0
    drafts_deleted: int = 0
    orphans_removed: int = 0
    removed_monitors: tuple[str, ...] = ()


Step = Callable[[MaintenanceSummary], MaintenanceSummary]


def maintain(
    settings: Settings,
    *,
    now: datetime,
    monitors: Collection[str] | None = None,
    retention: timedelta | None = None,
    report_retention: timedelta | None = None,
    months_ahead: int = MONTHS_AHEAD,
) -> MaintenanceSummary:
    """Maintain every store that is configured; a step that fails keeps none from being tried.

    Args:
        settings: Where the stores are. The writer's database URL suffices.
        now: The present.
        monitors: Names of all monitors that have a file, broken ones included; gauges of any other
            monitor are removed, and dashboards leave it out. None or empty removes none.
        retention: Age at which evaluations leave the database, in whole months (UTC): the windows
            of a month go together once the youngest that could be in it is older. None keeps all.
        report_retention: Age at which windows leave the report store. None keeps all.
        months_ahead: Months after the present one that get a partition.

    Raises:
        MonitoringError: What the step raised, where only one failed.
        SinksFailed: Several steps failed.
    """
    now = as_utc(now)
    steps: dict[str, Step] = {}
    if settings.database_url is not None:
        url = settings.require_database_url()
        if monitors:
            steps["monitors"] = partial(_note_removed, url, sorted(monitors))
        if retention is not None:
            steps["retention"] = partial(_forget, url, now - retention)
        steps["partitions"] = partial(_create_partitions, url, now, months_ahead)
    if monitors:
        steps["gauges"] = partial(_remove_gauges, settings, frozenset(monitors))
    if report_retention is not None:
        steps["reports"] = partial(_forget_reports, settings, now - report_retention)
    steps["orphans"] = partial(_sweep_orphans, settings, now)
    return _run(steps)


def _run(steps: dict[str, Step]) -> MaintenanceSummary:
    summary = MaintenanceSummary()
    failures: dict[str, MonitoringError] = {}
    for name, step in steps.items():
        try:
            summary = step(summary)
        except MonitoringError as exc:
            failures[name] = exc
    log.info("maintenance: %s", summary, extra={"action": "maintained"})
    if len(failures) == 1:
        raise next(iter(failures.values()))
    if failures:
        raise SinksFailed(failures)
    return summary


# --- the database ---------------------------------------------------------------------------------
def _forget(url: str, before: datetime, summary: MaintenanceSummary) -> MaintenanceSummary:
    from monitoring_jobs.database import queries, require_current_schema, transaction

    with (
        transaction(url, lock_timeout_seconds=_LOCK_SECONDS) as connection,
        connection.cursor() as cursor,
    ):
        require_current_schema(connection)
        cursor.execute(
            queries("maintain")["forget_windows_before"], {"month": _month(before.date())}
        )
        partitions, evaluations = cursor.fetchone() or (0, 0)
    return replace(summary, partitions_dropped=partitions, evaluations_deleted=evaluations)


def create_partitions(url: str, *, now: datetime, months_ahead: int = MONTHS_AHEAD) -> int:
    """Make the coming months' partitions, and those of months the default partition has caught.

    Args:
        url: The results database, as writer or owner.
        now: The present; its month gets one too.
        months_ahead: Months after it that get one.

    Returns:
        How many are new.

    Raises:
        MonitoringError: Postgres does not answer, is not migrated, or a table stayed locked.
    """
    from monitoring_jobs.database import queries, require_current_schema, transaction

    blocks = queries("maintain")
    with transaction(url) as connection, connection.cursor() as cursor:
        require_current_schema(connection)
        cursor.execute(blocks["months_without_partition"])
        months = {row[0] for row in cursor.fetchall()}
    months |= {_month(as_utc(now).date(), later) for later in range(months_ahead + 1)}
    created = 0
    for month in sorted(months):
        # A transaction each: writers wait for the move of one month at most.
        with (
            transaction(url, lock_timeout_seconds=_LOCK_SECONDS) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(blocks["create_partition"], {"month": month})
            row = cursor.fetchone()
            created += bool(row and row[0])
    return created


def _create_partitions(
    url: str, now: datetime, months_ahead: int, summary: MaintenanceSummary
) -> MaintenanceSummary:
    created = create_partitions(url, now=now, months_ahead=months_ahead)
    return replace(summary, partitions_created=created)


def _month(day: date, later: int = 0) -> date:
    months = day.year * 12 + day.month - 1 + later
    return date(months // 12, months % 12 + 1, 1)


def _note_removed(url: str, monitors: list[str], summary: MaintenanceSummary) -> MaintenanceSummary:
    from monitoring_jobs.database import queries, require_current_schema, transaction

    with transaction(url) as connection, connection.cursor() as cursor:
        require_current_schema(connection)
        for name in ("note_removed_monitors", "note_present_monitors"):
            cursor.execute(queries("maintain")[name], {"present": monitors})
    return summary


# --- the gauges -----------------------------------------------------------------------------------
def _remove_gauges(
    settings: Settings, monitors: frozenset[str], summary: MaintenanceSummary
) -> MaintenanceSummary:
    from monitoring_jobs.sinks.pushgateway import gauge_sink

    sink = gauge_sink(settings)
    if sink is None:
        return summary
    removed = sorted(_known_monitors(settings) - monitors)
    for monitor in removed:
        sink.delete(monitor)
    return replace(summary, removed_monitors=tuple(removed))


def _known_monitors(settings: Settings) -> set[str]:
    """Return the monitors that ever ran, as far as the stores remember."""
    from monitoring_jobs.reports.store import ReportStore

    known = set(ReportStore.open(settings.report_store).monitors())
    if settings.database_url is not None:
        from monitoring_jobs.database import queries, transaction

        url = settings.require_database_url()
        with transaction(url) as connection, connection.cursor() as cursor:
            cursor.execute(queries("maintain")["monitors"])
            known.update(row[0] for row in cursor.fetchall())
    return known


# --- the report store -----------------------------------------------------------------------------
def _forget_reports(
    settings: Settings, before: datetime, summary: MaintenanceSummary
) -> MaintenanceSummary:
    from monitoring_jobs.reports.store import ReportStore

    store = ReportStore.open(settings.report_store)
    deleted = 0
    for monitor in store.monitors():
        for window in store.windows(monitor):
            if window.end <= before:
                store.delete(monitor, window)
                deleted += 1
    return replace(summary, reports_deleted=deleted)


def _sweep_orphans(
    settings: Settings, now: datetime, summary: MaintenanceSummary
) -> MaintenanceSummary:
    from monitoring_jobs.reports.store import ReportStore, drafts

    swept = ReportStore.open(settings.report_store).sweep_orphans(ORPHAN_AGE, now)
    drafted = ReportStore.open(drafts(settings.report_store))
    swept += drafted.sweep_orphans(ORPHAN_AGE, now)
    deleted = drafted.delete_stored_before(now - DRAFT_AGE)
    return replace(summary, orphans_removed=swept, drafts_deleted=deleted)
