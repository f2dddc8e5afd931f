"""Judge the last complete window of a model and publish the evaluation.

One Dag per monitor file. Trigger it with a start and an end to judge any other window, or backfill
it: a rerun replaces what an earlier run wrote, and only the newest window reaches the gauges.
"""

from __future__ import annotations

from _broken_monitors import broken_dag, dag_ids
from _monitor_tasks import LateRowsSensor, evaluation, publish_to
from _shared import MONITOR_DAG, WINDOW_PARAMS, monitors_folder, report_failure, task_defaults
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronDataIntervalTimetable, TriggerRule

from monitoring_jobs.monitor_files import load_folder
from monitoring_jobs.spec import MonitorSpec


def monitor_dag(dag_id: str, path: str, spec: MonitorSpec) -> DAG:
    """Build the Dag of a monitor: wait, evaluate, publish, and fail if any of it failed."""
    with DAG(
        dag_id,
        description=spec.description,
        schedule=CronDataIntervalTimetable(spec.schedule, timezone=spec.timezone),
        default_args=task_defaults(spec.name, owner=spec.owner),
        params=WINDOW_PARAMS,
        doc_md=__doc__,
        tags=["monitoring", "monitor"],
        **MONITOR_DAG,
    ) as dag:
        failure = report_failure(spec.name, path)
        first, evaluated = evaluation(path, spec.split, failure)
        if spec.patience.count:
            delay = spec.patience.nominal
            LateRowsSensor(task_id="wait_for_late_rows", path=path, delay=delay) >> first
        sinks = [publish_to.override(task_id="write_postgres")("postgres", evaluated)]
        if spec.publish.pushgateway:
            # A database that is down must not leave the gauges stale as well.
            rule = TriggerRule.ALL_DONE_MIN_ONE_SUCCESS
            push = publish_to.override(task_id="push_metrics", trigger_rule=rule)
            sinks.append(sinks[0] >> push("pushgateway", evaluated))
        for sink, task_id in (("webhook", "send_webhook"), ("mlflow", "log_to_mlflow")):
            if getattr(spec.publish, sink):
                sinks.append(publish_to.override(task_id=task_id)(sink, evaluated))
        sinks >> EmptyOperator(task_id="published")
    return dag


for monitor, name in dag_ids(load_folder(monitors_folder())):
    if monitor.spec is None:
        globals()[name] = broken_dag(name, monitor)
    else:
        globals()[name] = monitor_dag(name, str(monitor.path), monitor.spec)
