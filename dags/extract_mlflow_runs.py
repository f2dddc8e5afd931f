"""Copy the runs and the registry of MLflow into Postgres, and push the `mlflow_*` gauges.

Incremental: each run reads what changed since the last one, with an overlap. Trigger it with `full`
to compare everything, or with `since` to read again from an instant on.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from _connections import settings_from_connections
from _shared import guarded, instant, instant_param, small_json, task_defaults
from airflow.sdk import DAG, CronTriggerTimetable, Param, get_current_context, task

from monitoring_jobs.extract import extract_runs


@task(execution_timeout=timedelta(hours=2), multiple_outputs=False)
def extract() -> dict[str, Any]:
    """Extract once; return how much was read."""
    params = get_current_context()["params"]
    with guarded():
        summary = extract_runs(
            settings_from_connections(),
            since=instant("since", params["since"]),
            full=params["full"],
            now=datetime.now(UTC),
        )
    return small_json(summary)


with DAG(
    "extract_mlflow_runs",
    schedule=CronTriggerTimetable(
        os.environ.get("MONITORING_EXTRACT_SCHEDULE", "@hourly"), timezone="UTC"
    ),
    catchup=False,
    max_active_runs=1,  # the watermark moves in one transaction; a second run could only wait
    is_paused_upon_creation=False,
    default_args=task_defaults(),
    params={
        "since": instant_param("Read from", "Runs that ended from this instant on are read again."),
        "full": Param(default=False, type="boolean", description="Compare everything."),
    },
    doc_md=__doc__,
    tags=["monitoring"],
):
    extract()
