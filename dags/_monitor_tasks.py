"""The tasks of a monitor's Dag: each one call into the jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from _connections import settings_from_connections
from _shared import failed_siblings, guarded, window_of
from airflow.sdk import BaseSensorOperator, Context, get_current_context, literal, task

from monitoring_jobs.evaluate import evaluate
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.parts import ColumnGroup
from monitoring_jobs.publish import WRITTEN, publish, publish_failure
from monitoring_jobs.split import evaluate_part
from monitoring_jobs.windows import Window, utc_text


class LateRowsSensor(BaseSensorOperator):
    """Wait until a monitor's delay has passed since the end of the run's window.

    It frees its worker slot while it waits, and passes at once for a window that lies further back.
    """

    def __init__(self, *, path: str, delay: timedelta, **kwargs: Any) -> None:
        super().__init__(mode="reschedule", timeout=delay + timedelta(hours=1), **kwargs)
        self.path = path

    def poke(self, context: Context) -> bool:
        """Return whether the delay has passed."""
        with guarded():
            spec = load_monitor(self.path)
            return datetime.now(UTC) >= window_of(context, spec).end + spec.patience.nominal


@task(
    execution_timeout=timedelta(hours=2),
    multiple_outputs=False,
    map_index_template="columns {{ task.op_kwargs['number'] }} of {{ task.op_kwargs['count'] }}",
)
def evaluate_columns(path: str, *, number: int, count: int) -> dict[str, Any]:
    """Judge a group of columns of this run's window; return how many these are."""
    with guarded():
        spec = load_monitor(path)
        window = window_of(get_current_context(), spec)
        group = ColumnGroup(number, count)
        part = evaluate_part(spec, window, settings_from_connections(spec), group)
    return {"part": str(group), "columns": len(group.of(part.basis.columns))}


@task(task_id="evaluate", execution_timeout=timedelta(hours=2), multiple_outputs=False)
def evaluate_window(path: str, join: int | None = None) -> dict[str, Any]:
    """Judge the window of this run, or join its parts; return where it is, and its verdict."""
    with guarded():
        spec = load_monitor(path)
        window = window_of(get_current_context(), spec)
        evaluation = evaluate(spec, window, settings_from_connections(spec), join=join)
    return {
        "monitor": evaluation.monitor,
        "start": utc_text(evaluation.window.start),
        "end": utc_text(evaluation.window.end),
        "status": str(evaluation.status),
        "rows": evaluation.rows.current,
        "report": evaluation.report,
    }


def evaluation(path: str, count: int, on_failure: Callable[[Context], None]) -> tuple[Any, Any]:
    """Return the first and the last task of an evaluation: one and the same unless it is split."""
    if count == 1:
        whole = evaluate_window.override(on_failure_callback=on_failure)(literal(path))
        return whole, whole
    columns = evaluate_columns.override(on_failure_callback=on_failure).partial(
        path=literal(path), count=count
    )
    parts = columns.expand(number=list(range(1, count + 1)))
    joined = evaluate_window.override(on_failure_callback=on_failure)(literal(path), count)
    parts >> joined
    return parts, joined


@task(execution_timeout=timedelta(minutes=15), multiple_outputs=False)
def publish_to(sink: str, evaluated: Mapping[str, Any]) -> dict[str, str]:
    """Write the stored evaluation to one sink; return what happened."""
    from monitoring_jobs.reports.store import ReportStore

    with guarded():
        settings = settings_from_connections()
        monitor = evaluated["monitor"]
        start, end = (datetime.fromisoformat(evaluated[name]) for name in ("start", "end"))
        store = ReportStore.open(settings.report_store)
        evaluation = store.get(monitor, Window(start, end))
        html = store.report_html(monitor, evaluation.window) if sink == "mlflow" else None
        outcome = publish(evaluation, settings, sinks=[sink], report_html=html)
        pushed = sink == "pushgateway" and outcome.get(sink) == WRITTEN
        if pushed and failed_siblings(get_current_context()):
            # The push has replaced the whole group, and with it the failure of the sibling.
            publish_failure(monitor, settings, at=datetime.now(UTC))
    return outcome
