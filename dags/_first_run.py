"""A monitor's first run is told how many past windows to judge: it starts the last, and so on back.

Each run starts the one before it once it has published. All at once would be simpler, but queued
runs count against max_active_runs: the scheduler would make no run for today before they are done.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from _connections import settings_from_connections
from _descriptions import TASKS
from _forms import MonitorForm
from _orders import say_first, window_of
from _shared import guarded
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Context, XComArg, get_current_context, literal, task

from monitoring_jobs.evaluation_ids import window_id
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import MonitorSpec
from monitoring_jobs.windows import Window, preceding, utc_text

# How many windows are left stands in the run's id: its conf is what the trigger form asks for.
_RUN_ID = re.compile(r"first_run__\d{8}T\S+Z__(\d{1,4})_more")
_LIMIT = timedelta(minutes=5)


def past_windows(dag_id: str, path: str, spec: MonitorSpec) -> list[XComArg]:
    """Return the task that plans the run of the window before, where the file asks for any."""
    if not spec.backfill_on_first_run:
        return []
    plan = plan_past_windows(literal(path))
    TriggerDagRunOperator.partial(
        task_id="fill_past_windows",
        trigger_dag_id=dag_id,
        logical_date=None,  # two runs may not share one, and these have their window from conf
        skip_when_already_exists=True,
        execution_timeout=_LIMIT,
        doc_md=TASKS["fill_past_windows"],
        map_index_template="{{ task.conf['start'] }} to {{ task.conf['end'] }}",
    ).expand_kwargs(plan)
    return [plan]


@task(execution_timeout=_LIMIT, multiple_outputs=False, doc_md=TASKS["plan_past_windows"])
def plan_past_windows(path: str) -> list[dict[str, Any]]:
    """Return what starts the run of the window before this one, where that is to be judged too."""
    with guarded():
        return planned(get_current_context(), load_monitor(path))


def planned(context: Context, spec: MonitorSpec) -> list[dict[str, Any]]:
    """Return what TriggerDagRunOperator is to be told: of one run, or of none."""
    window = window_of(context, spec)
    say_first(spec.name, window, {}, draft=False)
    count = _left(context, spec, window, settings_from_connections(spec))
    if count == 0:
        return []
    return [_run_of(preceding(window, spec.boundaries, spec.length), count - 1)]


def _left(context: Context, spec: MonitorSpec, window: Window, settings: Settings) -> int:
    """Return how many windows before this one are to be judged."""
    run = context["dag_run"]
    started = _RUN_ID.fullmatch(run.run_id)
    if started:
        return min(int(started[1]), spec.backfill_on_first_run)
    form = MonitorForm.read(context["params"])
    asks = form.start is not None or form.reference is not None or form.draft
    if run.run_type not in ("scheduled", "manual") or asks:
        return 0
    return 0 if _judged_before(window, spec.name, settings) else spec.backfill_on_first_run


def _judged_before(window: Window, monitor: str, settings: Settings) -> bool:
    from monitoring_jobs.reports.store import ReportStore

    stored = ReportStore.open(settings.report_store).windows(monitor)
    return any(earlier.end < window.end for earlier in stored)


def _run_of(window: Window, left: int) -> dict[str, Any]:
    """Return the run of a window; its id is the same however often it is asked for."""
    start, end = utc_text(window.start), utc_text(window.end)
    return {
        "trigger_run_id": f"first_run__{window_id(window)}__{left}_more",
        "conf": {"start": start, "end": end},
        "run_after": end,  # where the grid places it: before the runs of later windows
    }
