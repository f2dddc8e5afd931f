"""The job publish: a stored evaluation in; Postgres, then the gauges, then the optional sinks."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitoring_jobs.errors import (
    InvalidSettings,
    MonitoringError,
    SinksFailed,
    SinksRefused,
    TerminalError,
)
from monitoring_jobs.results import DagRunRef, Evaluation
from monitoring_jobs.windows import Window

if TYPE_CHECKING:
    from monitoring_jobs.reports.store import ReportStore
    from monitoring_jobs.settings import Settings

log = logging.getLogger(__name__)

WRITTEN = "written"
NOT_NEWEST = "left alone: a newer window or attempt of this monitor exists"
NOT_ENDED = "left alone: the window has not ended"
NOT_CONFIGURED = "not configured"


def publish(
    evaluation: Evaluation,
    settings: Settings,
    *,
    sinks: Sequence[str] | None = None,
    report_html: str | None = None,
) -> dict[str, str]:
    """Write an evaluation to its sinks; one that fails keeps none of the others from being written.

    Args:
        evaluation: What ``evaluate`` returned, or the report store holds.
        settings: Where the sinks are.
        sinks: Names of the sinks to write; None takes those that the monitor file asked for.
        report_html: The report, for sinks that carry it.

    Returns:
        What happened, by sink.

    Raises:
        MonitoringError: What the sink raised, where one failed.
        SinksFailed: Several failed, at least one of them in a way that may pass.
        SinksRefused: Several failed, all of them for good.
    """
    names = tuple(evaluation.sinks if sinks is None else sinks)
    unknown = [name for name in names if name not in SINKS]
    if unknown:
        raise InvalidSettings(f"unknown sink {unknown[0]!r}", f"known are {', '.join(SINKS)}")
    outcomes: dict[str, str] = {}
    failures: dict[str, MonitoringError] = {}
    for name in names:
        with _collected(name, failures):
            outcomes[name] = SINKS[name](evaluation, settings, report_html)
            log.info(
                "%s of %s: %s",
                name,
                evaluation.monitor,
                outcomes[name],
                extra={"action": "published", "sink": name, "monitor": evaluation.monitor},
            )
    _raise_any(failures)
    return outcomes


def publish_failure(
    monitor: str,
    settings: Settings,
    *,
    at: datetime,
    window: Window | None = None,
    error: MonitoringError | None = None,
    dag_run: DagRunRef | None = None,
) -> None:
    """Make a failed evaluation visible: the failure's timestamp as a gauge, and an attempt row.

    A window before the newest that was judged leaves the gauges alone, as its success would: the
    failure would mute what is known of today, and no success of a backfill would ever end it.

    Args:
        monitor: Name of the monitor.
        settings: Where the sinks are.
        at: When it failed.
        window: What was to be judged; None where the run did not come that far.
        error: Why it failed; an attempt row is written only where window and error are known.
        dag_run: The Airflow Dag run that failed.

    Raises:
        MonitoringError: What a sink raised; the other one was told nevertheless.
    """
    from monitoring_jobs.sinks.pushgateway import gauge_sink

    failures: dict[str, MonitoringError] = {}
    gauges = gauge_sink(settings)
    if gauges is not None and not _is_history(monitor, window, settings, at):
        with _collected("pushgateway", failures):
            gauges.write_failure(monitor, at)
    if settings.database_url is not None and window is not None and error is not None:
        from monitoring_jobs.sinks.postgres import PostgresSink

        with _collected("postgres", failures):
            PostgresSink(settings.require_database_url()).record_error(
                monitor,
                window,
                attempt=uuid.uuid4().hex,
                computed_at=at,
                error=str(error),
                dag_run=dag_run,
            )
    _raise_any(failures)


def _is_history(monitor: str, window: Window | None, settings: Settings, at: datetime) -> bool:
    """Return whether a later window has been judged; a store that cannot tell hides no failure."""
    from monitoring_jobs.reports.store import ReportStore

    if window is None:
        return False
    try:
        newest = ReportStore.open(settings.report_store).latest(monitor, by=at)
    except MonitoringError:
        return False
    return newest is not None and newest.window.end > window.end


@contextmanager
def _collected(sink: str, failures: dict[str, MonitoringError]) -> Iterator[None]:
    """Keep the failure of one sink from the others."""
    try:
        yield
    except MonitoringError as exc:
        failures[sink] = exc


def _raise_any(failures: dict[str, MonitoringError]) -> None:
    if len(failures) == 1:
        raise next(iter(failures.values()))
    if failures and all(isinstance(error, TerminalError) for error in failures.values()):
        raise SinksRefused(failures)
    if failures:
        raise SinksFailed(failures)


# --- one function per sink ------------------------------------------------------------------------
def _to_postgres(evaluation: Evaluation, settings: Settings, _html: str | None) -> str:
    from monitoring_jobs.sinks.postgres import PostgresSink

    PostgresSink(settings.require_database_url(), settings.addresses).write(evaluation)
    return WRITTEN


def _to_gauges(evaluation: Evaluation, settings: Settings, _html: str | None) -> str:
    """Push the newest window only, so that a backfill never overwrites today's gauges.

    A window that has not ended is not the newest: it would keep its place against all that follow.
    """
    from monitoring_jobs.reports.store import ReportStore
    from monitoring_jobs.sinks.pushgateway import gauge_sink

    sink = gauge_sink(settings)
    if sink is None:
        return NOT_CONFIGURED
    store, now = ReportStore.open(settings.report_store), datetime.now(UTC)
    if evaluation.window.end > now:
        return NOT_ENDED
    if _newer(evaluation, store, now) is not None:
        return NOT_NEWEST
    sink.write(evaluation)
    # A newer one may have been stored, and pushed, between the look and the push.
    newer = _newer(evaluation, store, now)
    if newer is not None:
        sink.write(newer)
        return NOT_NEWEST
    return WRITTEN


def is_newest(evaluation: Evaluation, settings: Settings, *, now: datetime) -> bool:
    """Return whether this is what gauges and alerts speak of: the newest window that has ended.

    Args:
        evaluation: As the report store holds it.
        settings: Where the report store is.
        now: The present.
    """
    from monitoring_jobs.reports.store import ReportStore

    store = ReportStore.open(settings.report_store)
    return evaluation.window.end <= now and _newer(evaluation, store, now) is None


def _newer(evaluation: Evaluation, store: ReportStore, now: datetime) -> Evaluation | None:
    """Return the monitor's newest evaluation of a window that has ended, if it is another one."""
    newest = store.latest(evaluation.monitor, by=now)
    return newest if newest is not None and _rank(newest) > _rank(evaluation) else None


def _rank(evaluation: Evaluation) -> tuple[datetime, datetime, datetime]:
    """Return what makes one evaluation of a monitor newer than another: window, then attempt."""
    return evaluation.window.end, evaluation.window.start, evaluation.computed_at


def _to_webhook(evaluation: Evaluation, settings: Settings, _html: str | None) -> str:
    from monitoring_jobs.sinks.webhook import WebhookSink

    if settings.webhook_url is None:
        raise InvalidSettings("no webhook is configured", "set MONITORING_WEBHOOK_URL")
    token = settings.webhook_token.get_secret_value() if settings.webhook_token else None
    WebhookSink(settings.webhook_url.get_secret_value(), token).write(evaluation)
    return WRITTEN


def _to_mlflow(evaluation: Evaluation, settings: Settings, html: str | None) -> str:
    from monitoring_jobs.sinks.mlflow import MlflowSink
    from monitoring_jobs.tracking import Tracking

    if settings.mlflow_tracking_uri is None:
        raise InvalidSettings("no MLflow server is configured", "set MLFLOW_TRACKING_URI")
    if evaluation.model.name is None:
        raise TerminalError(
            f"monitor {evaluation.monitor!r} names no model to log its report to",
            "add model: to the monitor file, or publish: {mlflow: false}",
        )
    tracking = Tracking(settings.mlflow_tracking_uri)
    MlflowSink(tracking.log_evaluation).write(evaluation, html)
    return WRITTEN


Sink = Callable[[Evaluation, "Settings", str | None], str]
SINKS: Mapping[str, Sink] = {
    "postgres": _to_postgres,
    "pushgateway": _to_gauges,
    "webhook": _to_webhook,
    "mlflow": _to_mlflow,
}
