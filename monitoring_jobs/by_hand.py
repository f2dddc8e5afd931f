"""The jobs as a person starts them: failures recorded, reports carried along, places named."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring_jobs.console import Progress
from monitoring_jobs.errors import InvalidSettings, MonitoringError, StoreRefused
from monitoring_jobs.evaluate import evaluate
from monitoring_jobs.publish import SINKS, publish, publish_failure
from monitoring_jobs.results import Evaluation
from monitoring_jobs.windows import Window

if TYPE_CHECKING:
    from monitoring_jobs.settings import Settings
    from monitoring_jobs.spec import MonitorSpec

# What a file that a person edited, or a program of another kind wrote, may raise while it is read.
_MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def require_store(settings: Settings) -> None:
    """Refuse a report store that cannot be one before the work is done; no server is asked.

    Raises:
        InvalidSettings: The setting is no place where a store can be.
        MissingDependency: The store's driver is not installed.
    """
    from monitoring_jobs.reports.store import ReportStore

    try:
        ReportStore.open(settings.report_store)
    except StoreRefused as exc:
        raise InvalidSettings(exc.what, exc.cure) from exc


def require_stores(settings: Settings) -> None:
    """Refuse settings of the results database and the report store that can never work.

    Raises:
        InvalidSettings: There is no database, or one of the two is no place where a store can be.
        MissingDependency: The report store's driver is not installed.
    """
    from monitoring_jobs.database.connection import place_of

    place_of(settings.require_database_url())
    require_store(settings)


def require_sinks(names: Sequence[str] | None) -> None:
    """Refuse a sink that does not exist.

    Raises:
        InvalidSettings: The first unknown name.
    """
    for name in names or ():
        if name not in SINKS:
            raise InvalidSettings(f"unknown sink {name!r}", f"known are {', '.join(SINKS)}")


def read_evaluation(folder: str) -> Evaluation:
    """Return the evaluation in a folder or below a URL.

    Raises:
        StoreRefused: It is not there, malformed, or names sinks that do not exist.
        MonitoringError: The place cannot be read.
    """
    from monitoring_jobs.reports.store import read_folder

    try:
        evaluation = read_folder(folder)
        require_sinks(evaluation.sinks)
    except InvalidSettings as exc:
        raise StoreRefused(exc.what, exc.cure) from exc
    except _MALFORMED as exc:
        raise StoreRefused("evaluation.json is malformed", "evaluate that window again") from exc
    return evaluation


def shown(folder: str) -> str:
    """Return a folder or URL as it may be shown: a URL without credentials and query."""
    from monitoring_jobs.settings import without_password

    return without_password(folder) if "://" in folder else folder


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
    # By the windows' names: an evaluation that cannot be read must not hide those that can.
    newest = {
        monitor: max(windows, key=lambda window: (window.end, window.start))
        for monitor in store.monitors()
        if (windows := store.windows(monitor))
    }
    return [store.location(monitor, window) for monitor, window in newest.items()]


def places(
    evaluation: Evaluation, settings: Settings, out: Path | None = None
) -> list[tuple[str, str]]:
    """Return what was written and where: label and location."""
    from monitoring_jobs.reports.store import ReportStore

    if out:
        folder = str(out)
    else:
        store = ReportStore.open(settings.report_store)
        folder = store.location(evaluation.monitor, evaluation.window)
    report = [("report", f"{folder}/{evaluation.report}")] if evaluation.report else []
    return [*report, ("numbers", f"{folder}/evaluation.json")]
