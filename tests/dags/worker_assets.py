"""What tests ask of Airflow about assets, examples and buttons; called in the worker's process."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

DAGS = Path(__file__).resolve().parents[2] / "dags"


_last_event = 0


def asset_events() -> list[dict[str, Any]]:
    """Return the events of assets since the last call."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    global _last_event  # noqa: PLW0603 - the process serves one test at a time
    with create_session() as session:
        new = select(AssetEvent).where(AssetEvent.id > _last_event).order_by(AssetEvent.id)
        events = session.scalars(new).all()
        _last_event = max([event.id for event in events], default=_last_event)
        return [
            {"uri": e.uri, "name": e.name, "task": e.source_task_id, "extra": e.extra}
            for e in events
        ]


def load_example(name: str) -> dict[str, Any]:
    """Load an example as if it stood in the Dags folder, and unpause its Dag as a person would."""
    from airflow.models.dag import DagModel
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.session import create_session

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bag = _example(name)
        dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(bag.dags[name]))
    _make_known(bag)
    with create_session() as session:
        session.get(DagModel, name).is_paused = False
    ours = [str(item.message) for item in caught if str(DAGS) in item.filename]
    return {
        "import_errors": bag.import_errors,
        "warnings": [*ours, *(line for lines in bag.captured_warnings.values() for line in lines)],
        "docs": {task.task_id: task.doc_md for task in dag.tasks},
        "assets": [key.uri for key, _ in dag.timetable.asset_condition.iter_assets()],
    }


def run_by_assets(name: str) -> dict[str, Any] | None:
    """Let the scheduler make the run for which an example waits, and run it; None without one."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.models.xcom import XComModel
    from airflow.sdk.definitions.dag import _run_task
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.session import create_session
    from sqlalchemy import select

    dag = _example(name).dags[name]
    with create_session() as session:
        runner = SchedulerJobRunner(job=Job())
        runner._create_dag_runs_asset_triggered(
            dag_models=[session.get(DagModel, name)], session=session
        )
        session.commit()
        run = session.scalar(
            select(DagRun).where(DagRun.dag_id == name, DagRun.state.in_(("queued", "running")))
        )
        if run is None:
            return None
        consumed = len(run.consumed_asset_events)
        run.dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
        run.state = "running"
        while run.state == "running":
            schedulable, _ = run.update_state(session=session)
            for ti in schedulable:
                ti.try_number, ti.state = ti.try_number + 1, "scheduled"
            session.commit()
            for ti in schedulable:
                _run_task(ti=ti, task=dag.task_dict[ti.task_id])
            session.expire_all()
        xcoms = session.scalars(select(XComModel).where(XComModel.run_id == run.run_id)).all()
        return {
            "state": str(run.state),
            "type": str(run.run_type),
            "events": consumed,
            "xcoms": {f"{x.task_id}.{x.key}": x.value for x in xcoms},
        }


def _example(name: str) -> Any:
    from airflow.dag_processing.dagbag import BundleDagBag

    return BundleDagBag(
        dag_folder=str(DAGS / "examples" / f"{name}.py"),
        bundle_path=DAGS,
        bundle_name="dags-folder",
    )


def _make_known(bag: Any) -> None:
    """Write Dags to the metadata database, as the dag-processor does."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)


def trigger(dag_id: str, conf: Mapping[str, Any]) -> dict[str, Any]:
    """Trigger a Dag as the command line and REST do; return the conf of the run that waits."""
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunTriggeredByType

    bag = BundleDagBag(dag_folder=str(DAGS), bundle_path=DAGS, bundle_name="dags-folder")
    _make_known(bag)
    run = trigger_dag(dag_id, triggered_by=DagRunTriggeredByType.CLI, conf=dict(conf))
    with create_session() as session:
        session.delete(session.get(DagRun, run.id))
    return dict(run.conf)


def extra_links(dag_id: str) -> dict[str, dict[str, str]]:
    """Return the buttons of a Dag's tasks as the web server knows them: after serialization."""
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.serialization.serialized_objects import DagSerialization

    # As the API server has it: a scheduler, which a run in this process is too, leaves links out.
    DagSerialization._load_operator_extra_links = True
    bag = BundleDagBag(dag_folder=str(DAGS), bundle_path=DAGS, bundle_name="dags-folder")
    dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(bag.dags[dag_id]))
    return {
        task.task_id: {link.name: link.xcom_key for link in task.operator_extra_links}
        for task in dag.tasks
    }


CALLS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (asset_events, load_example, run_by_assets, trigger, extra_links)
}
