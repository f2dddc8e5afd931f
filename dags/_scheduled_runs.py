"""Runs of windows that lie in the past, made as the scheduler would have made them.

``dag.test`` makes manual runs, which the scheduler takes for its own: a manual run at a period's
boundary hides the scheduled run of the period that begins there, since a Dag has but one run per
logical date, and Airflow 3.3 then never goes past it. What runs without a scheduler therefore gets
the type, id, dates and data interval of a scheduled run. A scheduler that starts later goes on
after the newest of them, and a backfill over the same days finds them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from monitoring_jobs.windows import Window

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG


def run_as_scheduled(dag: DAG, window: Window) -> DagRun:
    """Run the Dag once for the period that ends with a window; return the finished run."""
    from airflow.serialization.encoders import coerce_to_core_timetable

    timetable = coerce_to_core_timetable(dag.timetable)
    interval = timetable.infer_manual_data_interval(run_after=window.end)
    # dag.test() imports it at each call, and offers no other way to say what a run is.
    with patch("airflow.models.dagrun.get_or_create_dagrun", _scheduled(interval)):
        return dag.test(logical_date=interval.start, run_after=interval.end)


def _scheduled(interval: Any) -> Any:
    """Return what stands in for Airflow's own ``get_or_create_dagrun``."""

    def create(*, dag: Any, session: Any, **_: Any) -> DagRun:
        from airflow.models.dagrun import DagRun
        from airflow.utils.state import DagRunState
        from airflow.utils.types import DagRunTriggeredByType, DagRunType
        from sqlalchemy import select

        same = (DagRun.dag_id == dag.dag_id, DagRun.logical_date == interval.start)
        if earlier := session.scalar(select(DagRun).where(*same)):
            session.delete(earlier)
            session.commit()
        run: DagRun = dag.create_dagrun(
            run_id=dag.timetable.generate_run_id(
                run_type=DagRunType.SCHEDULED, run_after=interval.end, data_interval=interval
            ),
            logical_date=interval.start,
            data_interval=interval,
            run_after=interval.end,
            run_type=DagRunType.SCHEDULED,
            triggered_by=DagRunTriggeredByType.TIMETABLE,
            state=DagRunState.RUNNING,
            start_date=datetime.now(UTC),  # a bar in the grid is as high as a run took
            session=session,
        )
        return run

    return create


def store_dags(bag: BundleDagBag, name: str) -> None:
    """Write the Dags of a bundle to the metadata database, one process at a time.

    ``dag.test`` does so too, before each run, but two processes that write the same rows for the
    first time break each other.
    """
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db

    with _one_at_a_time():
        DagBundlesManager().sync_bundles_to_db()
        sync_bag_to_db(bag, name, None)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    from airflow.configuration import AIRFLOW_HOME

    handle = os.open(Path(AIRFLOW_HOME) / ".store-dags.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
