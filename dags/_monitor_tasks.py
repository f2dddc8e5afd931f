"""The tasks of a monitor's Dag: each one call into the jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from _assets import announce
from _connections import settings_from_connections
from _descriptions import TASKS
from _forms import MonitorForm
from _links import with_report_link
from _orders import evaluated_window, order_of, say_first
from _shared import failed_siblings, guarded
from airflow.sdk import BaseSensorOperator, Context, get_current_context, literal, task
from airflow.sdk.exceptions import AirflowSkipException

from monitoring_jobs.evaluate import evaluate
from monitoring_jobs.parts import ColumnGroup
from monitoring_jobs.publish import WRITTEN, publish, publish_failure
from monitoring_jobs.split import evaluate_part
from monitoring_jobs.windows import utc_text


class LateRowsSensor(BaseSensorOperator):
    """Wait until a monitor's delay has passed since the end of the run's window.

    It frees its worker slot while it waits, and passes at once for a window that lies further back.
    """

    def __init__(self, *, path: str, delay: timedelta, **kwargs: Any) -> None:
        super().__init__(
            task_id="wait_for_late_rows",
            doc_md=TASKS["wait_for_late_rows"],
            mode="reschedule",
            timeout=delay + timedelta(hours=1),
            **kwargs,
        )
        self.path = path

    def poke(self, context: Context) -> bool:
        """Return whether the delay has passed."""
        with guarded():
            order = order_of(context, self.path)
            return datetime.now(UTC) >= order.window.end + order.spec.patience.nominal


@task(
    execution_timeout=timedelta(hours=2),
    multiple_outputs=False,
    map_index_template="columns {{ task.op_kwargs['number'] }} of {{ task.op_kwargs['count'] }}",
    doc_md=TASKS["evaluate_columns"],
)
def evaluate_columns(path: str, *, number: int, count: int) -> dict[str, Any]:
    """Judge a group of columns of this run's window; return how many these are."""
    with guarded():
        order, group = order_of(get_current_context(), path), ColumnGroup(number, count)
        part = evaluate_part(order.spec, order.window, order.settings(), group)
    return {"part": str(group), "columns": len(group.of(part.basis.columns))}


@task(
    task_id="evaluate",
    execution_timeout=timedelta(hours=2),
    multiple_outputs=False,
    doc_md=TASKS["evaluate"],
)
def evaluate_window(path: str, join: int | None = None) -> dict[str, Any]:
    """Judge the window of this run, or join its parts; return where it is, and its verdict."""
    with guarded():
        order = order_of(get_current_context(), path)
        evaluation = evaluate(
            order.spec, order.window, order.settings(), join=join, dag_run=order.dag_run
        )
    return {
        "id": evaluation.id,
        "monitor": evaluation.monitor,
        "start": utc_text(evaluation.window.start),
        "end": utc_text(evaluation.window.end),
        "status": str(evaluation.status),
        "rows": evaluation.rows.current,
        "report": evaluation.report,
        "draft": order.draft,
    }


def evaluation(
    path: str, count: int, on_failure: list[Callable[[Context], None]]
) -> tuple[Any, Any]:
    """Return the first and the last task of an evaluation: one and the same unless it is split."""
    judge = evaluate_window.override(on_failure_callback=on_failure)
    if count == 1:
        whole = with_report_link(judge(literal(path)))
        return whole, whole
    columns = evaluate_columns.override(on_failure_callback=on_failure).partial(
        path=literal(path), count=count
    )
    parts = columns.expand(number=list(range(1, count + 1)))
    joined = with_report_link(judge(literal(path), count))
    parts >> joined
    return parts, joined


def publishing(task_id: str, sink: str, evaluated: Any, **options: Any) -> Any:
    """Return the task that writes an evaluation to one sink."""
    publish = publish_to.override(task_id=task_id, doc_md=TASKS[task_id], **options)
    return publish(sink, evaluated)


@task(execution_timeout=timedelta(minutes=15), multiple_outputs=False)
def publish_to(sink: str, evaluated: Mapping[str, Any]) -> dict[str, str]:
    """Write the stored evaluation to one sink; return what happened."""
    from monitoring_jobs.reports.store import ReportStore

    context, monitor, window = (
        get_current_context(),
        evaluated["monitor"],
        evaluated_window(evaluated),
    )
    with guarded():
        form = MonitorForm.read(context["params"])
        replaced = {"reference": "another" if form.reference else None}
        say_first(monitor, window, replaced, draft=form.draft)
        if form.draft:
            raise AirflowSkipException("a draft is not published")
        settings = settings_from_connections()
        store = ReportStore.open(settings.report_store)
        evaluation = store.get(monitor, window)
        html = store.report_html(monitor, window) if sink == "mlflow" else None
        outcome = publish(evaluation, settings, sinks=[sink], report_html=html)
        if sink == "postgres":
            announce(context, evaluation, settings)
        pushed = sink == "pushgateway" and outcome.get(sink) == WRITTEN
        if pushed and failed_siblings(context):
            # The push has replaced the whole group, and with it the failure of the sibling.
            publish_failure(monitor, settings, at=datetime.now(UTC))
    return outcome
