"""The job evaluate: a monitor and a window in; an evaluation and a report in the store."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import resource
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring_jobs.errors import InvalidSettings, MissingDependency, TransientError
from monitoring_jobs.results import (
    Evaluation,
    Measurement,
    ModelRef,
    RowCounts,
    Status,
    verdict,
)
from monitoring_jobs.windows import Window, utc_text

if TYPE_CHECKING:
    from monitoring_jobs.features import Features
    from monitoring_jobs.measure import Comparison
    from monitoring_jobs.settings import Settings
    from monitoring_jobs.spec import MonitorSpec

log = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]
Download = Callable[[str, Path], Path]
_ALERTS = frozenset({Status.WARNING, Status.FAILED, Status.ERROR})


def evaluate(
    spec: MonitorSpec,
    window: Window,
    settings: Settings,
    *,
    out: Path | None = None,
    report: bool | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
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

    Returns:
        The evaluation as it was stored.

    Raises:
        TransientError: A service did not answer; try again.
        TerminalError: The monitor, its data or its reference cannot be used.
    """
    began, clock = now or datetime.now(UTC), time.perf_counter()
    _require_renderer(spec, asked=report)
    log.info(
        "evaluating %s on %s", spec.name, window, extra={"action": "evaluate", "monitor": spec.name}
    )
    model = _ask_mlflow(spec, settings)
    with _opened(spec, window, settings, model) as comparison:
        measurements = tuple(comparison.measure(progress))
        evaluation = Evaluation(
            monitor=spec.name,
            model=model.ref,
            window=window,
            status=verdict(measurements),
            rows=RowCounts(current=comparison.current.rows, reference=comparison.reference.rows),
            reference_id=comparison.reference.identity,
            spec_hash=spec.spec_hash,
            code_version=_code_version(),
            attempt=uuid.uuid4().hex,
            computed_at=began,
            measurements=measurements,
            owner=spec.owner,
            sinks=_sinks(spec),
        )
        html = None
        if _wants_report(spec, evaluation, asked=report):
            evaluation, html = _render(comparison, evaluation)
    evaluation = replace(
        evaluation,
        duration_seconds=round(time.perf_counter() - clock, 3),
        peak_memory_bytes=_peak_memory(),
    )
    return _keep(evaluation, html, settings, out)


@contextmanager
def _opened(
    spec: MonitorSpec, window: Window, settings: Settings, model: _Model
) -> Iterator[Comparison]:
    """Open the window's data and the reference, and close both however it ends."""
    from monitoring_jobs.data.reference import ReferenceCache
    from monitoring_jobs.data.sources import open_dataset, open_reference, reads_csv
    from monitoring_jobs.features import choose_features, label_columns
    from monitoring_jobs.measure import Comparison

    # CSV stores no types, so that only the file can say which digits are labels.
    labels = label_columns(spec) if reads_csv(spec) else set()
    with (
        open_dataset(
            spec.data, window, folder=spec.folder, settings=settings, labels=labels
        ) as current,
        open_reference(
            spec, window, settings=settings, download=model.download, labels=labels
        ) as reference,
    ):
        kinds = {name: str(kind) for name, kind in reference.columns.items()}
        yield Comparison(
            spec,
            choose_features(spec, kinds, model.signature),
            current,
            reference,
            reference_cache=ReferenceCache(settings.cache_dir, _cache_bytes(spec, settings)),
            settings=settings,
        )


def _cache_bytes(spec: MonitorSpec, settings: Settings) -> int:
    """Return how much of a reference to keep: nothing of one that no other window shares."""
    from monitoring_jobs.spec import TrailingSource

    moves = isinstance(spec.reference, TrailingSource)
    return 0 if moves else settings.cache_mb * 2**20


# --- MLflow ---------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Model:
    """What MLflow knows of the monitored model; mostly empty where it is not asked."""

    ref: ModelRef
    signature: dict[str, str] | None = None
    download: Download | None = None


def _ask_mlflow(spec: MonitorSpec, settings: Settings) -> _Model:
    from monitoring_jobs.spec import ArtifactSource

    model, reference = spec.model, spec.reference
    declared = bool(spec.columns.numerical or spec.columns.categorical)
    artifact = reference if isinstance(reference, ArtifactSource) else None
    if settings.mlflow_tracking_uri is None:
        if artifact is not None:
            raise InvalidSettings(
                f"monitor {spec.name!r} takes its reference from MLflow, which is not configured",
                "set MLFLOW_TRACKING_URI or the Airflow connection monitoring_mlflow",
            )
        if model is None:
            return _Model(ModelRef())
        if not declared:
            raise InvalidSettings(
                f"monitor {spec.name!r} takes its features from MLflow, which is not configured",
                "set MLFLOW_TRACKING_URI, or list them under columns",
            )
        return _Model(ModelRef(name=model.name, version=model.version, alias=model.alias))
    if model is None and artifact is None:
        return _Model(ModelRef())

    from monitoring_jobs.tracking import Tracking

    tracking = Tracking(settings.mlflow_tracking_uri)
    version = tracking.resolve(model) if model else None
    signature = tracking.signature(version) if version and not declared else None
    run_id = (artifact and artifact.run_id) or (version.run_id if version else None)

    def download(path: str, folder: Path) -> Path:
        return tracking.download(run_id or "", path, folder)

    ref = (
        ModelRef(name=version.name, version=version.version, alias=version.alias)
        if version
        else ModelRef()
    )
    return _Model(ref, dict(signature.inputs) if signature else None, download)


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
    from monitoring_jobs.reports.evidently import render

    spec, features = comparison.spec, comparison.features
    labels = (spec.columns.prediction, spec.columns.target)
    wanted = [*features.all, *(name for name in labels if name and name not in features.all)]
    try:
        current, reference = (
            side.sample(
                [name for name in wanted if name in side.columns],
                spec.report.rows,
                _seed(evaluation),
            )
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


def _code_version() -> str:
    from monitoring_jobs import __version__

    return __version__


def _peak_memory() -> int:
    """Return the peak resident memory of this process, bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
