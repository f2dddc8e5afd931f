"""Judge the last complete window of a model and publish the evaluation.

One Dag per monitor file. Trigger it with a start and an end to judge any other window, or backfill
it: a rerun replaces what an earlier run wrote, and only the newest window reaches the gauges.
"""

from __future__ import annotations

from _assets import outlets_of
from _broken_monitors import broken_dag
from _deadlines import deadline_of
from _descriptions import TASKS, monitor_texts
from _first_run import past_windows
from _links import links
from _monitor_files import files_to_build
from _monitor_tasks import LateRowsSensor, evaluation, publishing
from _params import monitor_params
from _shared import MONITOR_DAG, monitors_folder, on_failure, task_defaults
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronDataIntervalTimetable, TriggerRule

from monitoring_jobs.spec import MonitorSpec

PAGES = links()


def monitor_dag(dag_id: str, path: str, spec: MonitorSpec) -> DAG:
    """Build the Dag of a monitor: wait, evaluate, publish, and fail if any of it failed."""
    with DAG(
        dag_id,
        schedule=CronDataIntervalTimetable(spec.schedule, timezone=spec.timezone),
        default_args=task_defaults(spec.name, path, owner=spec.owner),
        params=monitor_params(spec),
        deadline=deadline_of(spec),
        **monitor_texts(spec, PAGES),
        **MONITOR_DAG,
    ) as dag:
        first, evaluated = evaluation(path, spec.split, on_failure(spec.name, path, attempt=True))
        if spec.patience.count:
            LateRowsSensor(path=path, delay=spec.patience.nominal) >> first
        sinks = [publishing("write_postgres", "postgres", evaluated, outlets=outlets_of(spec.name))]
        if spec.publish.pushgateway:
            # A database that is down must not leave the gauges stale as well.
            rule = TriggerRule.ALL_DONE_MIN_ONE_SUCCESS
            push = publishing("push_metrics", "pushgateway", evaluated, trigger_rule=rule)
            sinks.append(sinks[0] >> push)
        for sink, task_id in (("webhook", "send_webhook"), ("mlflow", "log_to_mlflow")):
            if getattr(spec.publish, sink):
                sinks.append(publishing(task_id, sink, evaluated))
        published = EmptyOperator(task_id="published", doc_md=TASKS["published"])
        sinks >> published >> past_windows(dag_id, path, spec)
    return dag


for file, name in files_to_build(monitors_folder()):
    spec = file.spec
    globals()[name] = monitor_dag(name, str(file.path), spec) if spec else broken_dag(name, file)
