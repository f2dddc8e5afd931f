"""The job evaluate: a monitor and a window in; an evaluation and a report in the store."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import resource
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring_jobs.errors import MissingDependency, TransientError
from monitoring_jobs.opening import ask_mlflow, opened
from monitoring_jobs.results import (
    DagRunRef,
    Evaluation,
    Measurement,
    ModelRef,
    RowCounts,
    Status,
    verdict,
)
from monitoring_jobs.split import Join, basis_of
from monitoring_jobs.windows import Window, utc_text

if TYPE_CHECKING:
    from monitoring_jobs.comparison import Comparison
    from monitoring_jobs.features import Features
    from monitoring_jobs.settings import Settings
    from monitoring_jobs.spec import MonitorSpec

log = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]
_ALERTS = frozenset({Status.WARNING, Status.FAILED, Status.ERROR})


def evaluate(  # noqa: PLR0913 - keywords, each of which a caller gives by itself
    spec: MonitorSpec,
    window: Window,
    settings: Settings,
    *,
    out: Path | None = None,
    report: bool | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
    join: int | None = None,
    dag_run: DagRunRef | None = None,
) -> Evaluation:
    """Judge one window of a monitor and keep the evaluation.

    Args:
        spec: The monitor.
        window: The rows to judge.
        settings: Where the report store, the cache and MLflow are.
        out: Write ``evaluation.json`` and ``report.html`` to this folder instead of the store.
        report: Whether to render the HTML report; None leaves it to the monitor file.
        now: When the attempt begins; a later attempt replaces an earlier one.
        progress: Called with columns done, columns in all, and the column's name.
        join: Take the columns' measurements from so many parts, which ``evaluate_part`` has kept,
            instead of measuring them. The evaluation is the same.
        dag_run: The Airflow Dag run that asks, to be found again from its results.

    Returns:
        The evaluation as it was stored.

    Raises:
        TransientError: A service did not answer; try again.
        TerminalError: The monitor, its data or its reference cannot be used, or parts are missing
            or were computed from something else.
    """
    began, clock = now or datetime.now(UTC), time.perf_counter()
    _require_renderer(spec, asked=report)
    log.info(
        "evaluating %s on %s", spec.name, window, extra={"action": "evaluate", "monitor": spec.name}
    )
    model = ask_mlflow(spec, settings)
    with opened(spec, window, settings, model) as comparison:
        parts = None
        if join is not None:
            basis = basis_of(comparison, model.ref, window, join)
            parts = Join.begin(settings, window, basis, out)
            if (done := parts.done_already()) is not None:
                return done
        evaluation = _judge(comparison, window, model.ref, began, parts=parts, progress=progress)
        html = None
        if _wants_report(spec, evaluation, asked=report):
            evaluation, html = _render(comparison, evaluation)
    evaluation = replace(
        evaluation,
        duration_seconds=round(time.perf_counter() - clock, 3),
        peak_memory_bytes=_peak_memory(),
        dag_run=dag_run,
    )
    stored = _keep(evaluation, html, settings, out)
    if parts is not None:
        parts.finish()
    return stored


def _judge(
    comparison: Comparison,
    window: Window,
    model: ModelRef,
    began: datetime,
    *,
    parts: Join | None,
    progress: Progress | None,
) -> Evaluation:
    from monitoring_jobs import __version__
    from monitoring_jobs.measure import conclude, measure

    spec = comparison.spec
    if parts is None:
        attempt, measurements = uuid.uuid4().hex, measure(comparison, progress)
    else:
        attempt, measurements = parts.basis.new_attempt(), conclude(comparison, parts.columns())
    return Evaluation(
        monitor=spec.name,
        model=model,
        window=window,
        status=verdict(measurements),
        rows=RowCounts(current=comparison.current.rows, reference=comparison.reference.rows),
        reference_id=comparison.reference.identity,
        spec_hash=spec.spec_hash,
        code_version=__version__,
        attempt=attempt,
        computed_at=began,
        measurements=tuple(measurements),
        owner=spec.owner,
        sinks=_sinks(spec),
        due_at=spec.due_after(window),
    )


# --- the report -----------------------------------------------------------------------------------
def _require_renderer(spec: MonitorSpec, *, asked: bool | None) -> None:
    """Miss Evidently before the work, not after it."""
    wanted = spec.report.when != "never" if asked is None else asked
    if wanted and importlib.util.find_spec("evidently") is None:
        raise MissingDependency(
            "reports need evidently, which is not installed",
            "install monitoring-jobs[reports], or say report: {when: never} in the monitor file",
        )


def _wants_report(spec: MonitorSpec, evaluation: Evaluation, *, asked: bool | None) -> bool:
    if evaluation.rows.current == 0 or asked is False:
        return False
    if asked:
        return True
    when = spec.report.when
    return when == "always" or (when == "on_alert" and evaluation.status in _ALERTS)


def _render(comparison: Comparison, evaluation: Evaluation) -> tuple[Evaluation, str | None]:
    """Render the report over a sample; a report that fails costs no measurement."""
    from monitoring_jobs.reports.rendering import render
    from monitoring_jobs.reports.sample import DrawnRows

    spec, features = comparison.spec, comparison.features
    try:
        current, reference = (
            DrawnRows(side, spec.report.rows, _seed(evaluation))
            for side in (comparison.current, comparison.reference)
        )
        drawn = replace(evaluation, rows=replace(evaluation.rows, sampled=current.num_rows))
        return drawn, render(
            drawn,
            current,
            reference,
            numerical=_of_kind(features, "numerical"),
            categorical=_of_kind(features, "categorical"),
            task=spec.task,
            prediction=spec.columns.prediction,
            target=spec.columns.target,
            positive_label=spec.columns.positive_label,
        )
    except TransientError:
        raise
    except Exception as exc:  # the report's boundary: a drawing must not cost the numbers
        log.exception("the report of %s failed", spec.name, extra={"action": "report_failed"})
        failed = Measurement(
            check="report",
            metric="rendered",
            value=0,
            status=Status.ERROR,
            detail={"reason": f"{type(exc).__name__} while rendering; the task's log has more"},
        )
        measurements = (*evaluation.measurements, failed)
        return replace(evaluation, measurements=measurements, status=verdict(measurements)), None


def _of_kind(features: Features, kind: str) -> list[str]:
    return [name for name, own in features.all.items() if own == kind]


def _seed(evaluation: Evaluation) -> int:
    """Return the sample's seed: the same for every attempt at one monitor and window."""
    key = f"{evaluation.monitor}|{evaluation.window}"
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big")


# --- keeping --------------------------------------------------------------------------------------
def _keep(
    evaluation: Evaluation, html: str | None, settings: Settings, out: Path | None
) -> Evaluation:
    from monitoring_jobs.reports.store import ReportStore, write_folder

    if out is not None:
        stored = write_folder(out, evaluation, html)
    else:
        stored = ReportStore.open(settings.report_store).put(evaluation, html)
    log.info(
        "%s on %s to %s is %s: %d rows, %d measurements",
        stored.monitor,
        utc_text(stored.window.start),
        utc_text(stored.window.end),
        stored.status,
        stored.rows.current,
        len(stored.measurements),
        extra={"action": "evaluated", "monitor": stored.monitor, "status": str(stored.status)},
    )
    return stored


def _sinks(spec: MonitorSpec) -> tuple[str, ...]:
    asked = (
        ("pushgateway", spec.publish.pushgateway),
        ("webhook", spec.publish.webhook),
        ("mlflow", spec.publish.mlflow),
    )
    return ("postgres", *(name for name, wanted in asked if wanted))


def _peak_memory() -> int:
    """Return the peak resident memory of this process, bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
