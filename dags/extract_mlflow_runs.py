"""Copy the runs and the registry of MLflow into Postgres, and push the `mlflow_*` gauges.

Incremental: each run reads what changed since the last one, with an overlap. Trigger it with `full`
to compare everything, or with `since` to read again from an instant on. Every run that succeeds is
an event of the asset `x-monitoring://mlflow/extraction`.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from _assets import EXTRACTION, announce_extraction
from _connections import settings_from_connections
from _forms import ExtractionForm
from _params import extraction_params
from _shared import guarded, small_json, task_defaults
from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task

from monitoring_jobs.extract import extract_runs

log = logging.getLogger(__name__)


@task(
    execution_timeout=timedelta(hours=2),
    multiple_outputs=False,
    outlets=[EXTRACTION],
    doc_md="Reads MLflow, writes Postgres in one transaction, then pushes the gauges.",
)
def extract() -> dict[str, Any]:
    """Extract once; return how much was read."""
    context, now = get_current_context(), datetime.now(UTC)
    with guarded():
        form = ExtractionForm.read(context["params"], now=now)
        log.info("extracting %s", form, extra={"action": "extract"})
        settings = settings_from_connections()
        summary = extract_runs(settings, since=form.since, full=form.full, now=now)
        announce_extraction(context, summary)
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
    params=extraction_params(),
    dag_display_name="Extract MLflow runs",
    doc_md=__doc__,
    tags=["monitoring"],
):
    extract()
