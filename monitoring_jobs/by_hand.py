"""The jobs as a person starts them: failures recorded, reports carried along, places named."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring_jobs.console import Progress
from monitoring_jobs.errors import MonitoringError
from monitoring_jobs.evaluate import evaluate
from monitoring_jobs.publish import publish, publish_failure
from monitoring_jobs.results import Evaluation
from monitoring_jobs.windows import Window

if TYPE_CHECKING:
    from monitoring_jobs.settings import Settings
    from monitoring_jobs.spec import MonitorSpec


def evaluate_or_record(
    spec: MonitorSpec,
    window: Window,
    settings: Settings,
    *,
    no_report: bool,
    report: Progress | None = None,
) -> Evaluation:
    """Evaluate a window into the report store; a failure is left visible in the sinks."""
    began = datetime.now(UTC)
    try:
        return evaluate(
            spec, window, settings, report=False if no_report else None, now=began, progress=report
        )
    except MonitoringError as exc:
        # What failed is the evaluation; that a sink is down too must not hide it.
        with contextlib.suppress(MonitoringError):
            publish_failure(spec.name, settings, at=began, window=window, error=exc)
        raise


def publish_with_report(
    evaluation: Evaluation,
    settings: Settings,
    *,
    sinks: Sequence[str] | None = None,
    folder: str | None = None,
) -> dict[str, str]:
    """Publish an evaluation of the report store, or of a folder, together with its report."""
    from monitoring_jobs.reports.store import ReportStore, read_report

    if folder is not None:
        html = read_report(folder, evaluation)
    else:
        store = ReportStore.open(settings.report_store)
        html = store.report_html(evaluation.monitor, evaluation.window)
    return publish(evaluation, settings, sinks=sinks, report_html=html)


def newest_folders(settings: Settings) -> list[str]:
    """Return where the newest evaluation of every monitor in the report store lies."""
    from monitoring_jobs.reports.store import ReportStore

    store = ReportStore.open(settings.report_store)
    newest = (store.latest(monitor) for monitor in store.monitors())
    return [store.location(e.monitor, e.window) for e in newest if e is not None]


def places(
    evaluation: Evaluation, settings: Settings, out: Path | None = None
) -> list[tuple[str, str]]:
    """Return what was written and where: label and location."""
    from monitoring_jobs.reports.store import ReportStore

    store = ReportStore.open(settings.report_store)
    folder = str(out) if out else store.location(evaluation.monitor, evaluation.window)
    report = [("report", f"{folder}/{evaluation.report}")] if evaluation.report else []
    return [*report, ("numbers", f"{folder}/evaluation.json")]
