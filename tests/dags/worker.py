"""Airflow in a process of its own: its imports, warnings and environment stay out of pytest.

Reads one JSON request a line from standard input, writes one JSON answer a line; all that Airflow
logs meanwhile goes to a file, the part of each request comes back with its answer.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.dags import worker_assets

DAGS = Path(__file__).resolve().parents[2] / "dags"


def _bag() -> Any:
    from airflow.dag_processing.dagbag import BundleDagBag

    return BundleDagBag(dag_folder=str(DAGS), bundle_path=DAGS, bundle_name="dags-folder")


def load() -> dict[str, Any]:
    """Return every Dag's structure, the import errors, and warnings that our files caused."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bag = _bag()
        from airflow.serialization.serialized_objects import DagSerialization

        for dag in bag.dags.values():
            DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    ours = [str(item.message) for item in caught if str(DAGS) in item.filename]
    return {
        "import_errors": bag.import_errors,
        "warnings": [*ours, *(line for lines in bag.captured_warnings.values() for line in lines)],
        "dags": {dag.dag_id: _described(dag) for dag in bag.dags.values()},
    }


def _described(dag: Any) -> dict[str, Any]:
    return {
        "timetable": type(dag.timetable).__name__,
        "cron": dag.timetable.expression,
        "timezone": str(dag.timetable.timezone),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "paused": dag.is_paused_upon_creation,
        "tags": sorted(dag.tags),
        "display_name": dag.dag_display_name,
        "owner_links": dag.owner_links,
        "doc_md": dag.doc_md,
        "description": dag.description,
        "file": Path(dag.fileloc).name,
        "params": dag.params.dump(),
        "form": {name: dag.params.get_param(name).schema for name in dag.params},
        "help": {name: dag.params.get_param(name).description for name in dag.params},
        "tasks": {task.task_id: _described_task(task) for task in dag.tasks},
    }


def _described_task(task: Any) -> dict[str, Any]:
    callbacks = task.on_failure_callback  # a mapped task keeps what it was given, others a list
    return {
        "upstream": sorted(task.upstream_task_ids),
        "trigger_rule": task.trigger_rule.value,
        "retries": task.retries,
        "backoff": task.retry_exponential_backoff,
        "owner": task.owner,
        "limited": task.execution_timeout is not None or getattr(task, "timeout", None) is not None,
        "mode": getattr(task, "mode", None),
        "callbacks": 1 if callable(callbacks) else len(callbacks or ()),
        "doc_md": task.doc_md,
        "outlets": [getattr(outlet, "uri", outlet.name) for outlet in task.outlets],
    }


def run(
    dag_id: str,
    *,
    logical_date: str | None = None,
    run_after: str,
    conf: Mapping[str, Any] | None = None,
    retries: int = 0,
) -> dict[str, Any]:
    """Run a Dag; return the states of run and tasks, and all that Airflow keeps of them."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    dag = _bag().dags[dag_id]
    for task in dag.tasks:
        task.retries, task.retry_delay = retries, timedelta(0)
    dag_run = dag.test(
        logical_date=datetime.fromisoformat(logical_date) if logical_date else None,
        run_after=datetime.fromisoformat(run_after),
        run_conf=dict(conf) if conf else None,
    )
    with create_session() as session:
        # Runs of other Dags may bear the same id.
        ours = (XComModel.dag_id == dag_id, XComModel.run_id == dag_run.run_id)
        xcoms = session.scalars(select(XComModel).where(*ours)).all()
        rendered = session.scalars(
            select(RenderedTaskInstanceFields).where(
                RenderedTaskInstanceFields.dag_id == dag_id,
                RenderedTaskInstanceFields.run_id == dag_run.run_id,
            )
        ).all()
        return {
            "state": str(dag_run.state),
            "run_id": dag_run.run_id,
            "logical_date": str(dag_run.logical_date),
            "data_interval": [str(dag_run.data_interval_start), str(dag_run.data_interval_end)],
            "tasks": {ti.task_id: str(ti.state) for ti in dag_run.get_task_instances()},
            "mapped": _names_of_mapped(dag_run.get_task_instances()),
            "tries": {ti.task_id: ti.try_number for ti in dag_run.get_task_instances()},
            "xcoms": {f"{x.task_id}.{x.key}": x.value for x in xcoms},
            "rendered": [field.rendered_fields for field in rendered],
        }


def _names_of_mapped(instances: Any) -> dict[str, list[str]]:
    """Return by task what the interface shows of its mapped instances."""
    names: dict[str, list[str]] = {}
    for ti in sorted(instances, key=lambda ti: ti.map_index):
        if ti.map_index >= 0:
            names.setdefault(ti.task_id, []).append(str(ti.rendered_map_index))
    return names


def resolve_window(monitor: str, **context: Any) -> str:
    """Return the window that ``window_of`` makes of a context."""
    from _orders import window_of

    from monitoring_jobs.monitor_files import load_monitor

    return str(window_of(_context(context), load_monitor(monitor)))


def rows_are_in(monitor: str, delay_hours: float, **context: Any) -> bool:
    """Return whether the sensor of a monitor lets a run pass now."""
    from _monitor_tasks import LateRowsSensor

    delay = timedelta(hours=delay_hours)
    sensor = LateRowsSensor(path=monitor, delay=delay)
    return sensor.poke(_context(context))


def _context(context: dict[str, Any]) -> Any:
    from types import SimpleNamespace

    import pendulum

    times = ("data_interval_start", "data_interval_end", "partition_date")
    known = {name: pendulum.parse(context[name]) for name in times if context.get(name)}
    run = {"dag_id": "monitor__wine", "run_id": "by hand", "run_after": None}
    run["run_type"] = context.get("run_type", "scheduled")
    if context.get("run_after"):
        run["run_after"] = pendulum.parse(context["run_after"])
    known["dag_run"] = SimpleNamespace(**run)
    return known | {"params": context.get("params", {})}


def runs_of(dag_id: str) -> list[dict[str, Any]]:
    """Return the runs of a Dag that other runs have started, oldest first."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        started = select(DagRun).where(
            DagRun.dag_id == dag_id, DagRun.run_type == "operator_triggered"
        )
        return [
            {
                "run_id": run.run_id,
                "state": str(run.state),
                "conf": run.conf,
                "logical_date": run.logical_date,
                "run_after": run.run_after.isoformat(),
            }
            for run in session.scalars(started.order_by(DagRun.id))
        ]


def planned(
    monitor: str, *, run_id: str = "scheduled__x", run_type: str = "scheduled", **context: Any
) -> list[dict[str, Any]]:
    """Return what the task ``plan_past_windows`` returns in a run."""
    from types import SimpleNamespace

    from _first_run import planned as runs_planned

    from monitoring_jobs.monitor_files import load_monitor

    known = _context(context)
    known["dag_run"] = SimpleNamespace(run_id=run_id, run_type=run_type, run_after=None)
    return runs_planned(known, load_monitor(monitor))


def tell(
    subject: str, summary: str, facts: Mapping[str, str], owner: str = "", patience: float = 10.0
) -> None:
    """Send a notice to everybody whom the environment names."""
    from _notices import Notice
    from _notices import tell as tell_everybody

    notice = Notice(subject=subject, summary=summary, facts=facts, owner=owner)
    tell_everybody(notice, patience=patience)


def deadlines(dag_id: str) -> list[float]:
    """Return after how many seconds runs of a Dag are late, once it has been stored and read."""
    from airflow.serialization.serialized_objects import DagSerialization

    dag = _bag().dags[dag_id]
    DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    return [alert.interval.total_seconds() for alert in dag.deadline or ()]


def deadline_passed(dag_id: str, context: Mapping[str, Any]) -> None:
    """Do what Airflow's triggerer does when the deadline of a run has passed."""
    import asyncio

    from airflow.sdk._shared.module_loading import import_string

    (alert,) = _bag().dags[dag_id].deadline
    plugins = str(DAGS.parent / "plugins")
    sys.path.append(plugins)
    try:
        called = import_string(alert.callback.path)
        asyncio.run(called(**alert.callback.kwargs, context=context))
    finally:
        sys.path.remove(plugins)


def notifiers_without_slack() -> str:
    """Return the error where Slack is asked for and its provider is not installed."""
    from _notifiers import notifiers

    provider = "airflow.providers.slack"
    installed = {name: sys.modules.pop(name) for name in list(sys.modules) if provider in name}
    sys.modules[provider] = None  # type: ignore[assignment] - as a package that is not there
    try:
        notifiers()
    except Exception as exc:  # noqa: BLE001 - the error is the answer
        return f"{type(exc).__name__}: {exc}"
    finally:
        del sys.modules[provider]
        sys.modules.update(installed)
    return "none"


def settings(monitor: str | None = None) -> dict[str, Any]:
    """Return the settings and variables that a task of a monitor would work with."""
    from _connections import environment_from_connections, settings_from_connections

    from monitoring_jobs.monitor_files import load_monitor

    names = ("AWS_", "MLFLOW_", "GOOGLE_", "AZURE_")
    before = dict(os.environ)
    with environment_from_connections():
        found = settings_from_connections(load_monitor(monitor) if monitor else None)
        inside = {k: v for k, v in os.environ.items() if k.startswith(names)}
    return {
        "database_url": _revealed(found.database_url),
        "pushgateway_url": _revealed(found.pushgateway_url),
        "webhook_url": _revealed(found.webhook_url),
        "webhook_token": _revealed(found.webhook_token),
        "mlflow_tracking_uri": found.mlflow_tracking_uri,
        "connections": {name: _revealed(url) for name, url in found.connections.items()},
        "environment": inside,
        "restored": dict(os.environ) == before,
    }


def _revealed(secret: Any) -> str | None:
    return None if secret is None else secret.get_secret_value()


def outcome_of(error: str) -> str:
    """Return the name of what ``guarded`` makes of an error.

    ``SinksFailed:A,B`` and ``SinksRefused:A,B`` hold others.
    """
    from _shared import guarded

    from monitoring_jobs import errors

    name, _, inner = error.partition(":")
    if inner:
        held = {kind: getattr(errors, kind)("it failed") for kind in inner.split(",")}
        raised = getattr(errors, name)(held)
    else:
        raised = getattr(errors, name)("it failed", "mend it")
    try:
        with guarded():
            raise raised  # noqa: TRY301 - a job does so
    except Exception as exc:  # noqa: BLE001 - what it became is the answer
        return type(exc).__name__


def periods(cron: str, timezone: str, since: str, count: int) -> list[list[str]]:
    """Return the data intervals that Airflow's own timetable makes of a schedule."""
    import pendulum
    from airflow.timetables.interval import CronDataIntervalTimetable

    timetable = CronDataIntervalTimetable(cron, timezone)
    found, at = [], pendulum.parse(since)
    for _ in range(count):
        interval = timetable.infer_manual_data_interval(run_after=at)
        found.append(
            [interval.start.in_tz("UTC").isoformat(), interval.end.in_tz("UTC").isoformat()]
        )
        at = timetable._get_next(interval.end)
    return found


CALLS: Mapping[str, Callable[..., Any]] = worker_assets.CALLS | {
    function.__name__: function
    for function in (
        load,
        run,
        runs_of,
        planned,
        tell,
        notifiers_without_slack,
        deadlines,
        deadline_passed,
        resolve_window,
        rows_are_in,
        settings,
        outcome_of,
        periods,
    )
}


def serve(log: Path) -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with log.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.path.append(str(DAGS))
    as_json = functools.partial(json.dumps, default=str)
    for line in sys.stdin:
        request = json.loads(line)
        before, began = dict(os.environ), log.stat().st_size
        os.environ.update(request["env"])
        try:
            answer = {"result": CALLS[request["call"]](**request["arguments"])}
        except Exception:  # noqa: BLE001 - the test shows it
            answer = {"error": traceback.format_exc()}
        finally:
            os.environ.clear()
            os.environ.update(before)
        sys.stdout.flush()
        sys.stderr.flush()
        answer["log"] = log.read_bytes()[began:].decode("utf-8", "replace")
        print(as_json(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
