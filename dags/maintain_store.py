"""Keep the stores in shape: partitions, retention, gauges of removed monitors, orphan reports.

Nothing is deleted by age unless a retention is given, here or by `MONITORING_RETENTION_DAYS` and
`MONITORING_REPORT_RETENTION_DAYS`. Gauges of monitors that no longer have a file are removed; while
any monitor file is broken, they are left alone.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from _connections import settings_from_connections
from _forms import MaintenanceForm
from _params import maintenance_params
from _shared import guarded, monitors_folder, small_json, task_defaults
from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task

log = logging.getLogger(__name__)


@task(
    execution_timeout=timedelta(hours=1),
    multiple_outputs=False,
    doc_md="Makes partitions ahead, and removes what is past its retention or belongs to nobody.",
)
def maintain() -> dict[str, Any]:
    """Maintain once; return what was done."""
    from monitoring_jobs.maintain import maintain as run_maintenance
    from monitoring_jobs.monitor_files import known_monitors

    with guarded():
        form = MaintenanceForm.read(get_current_context()["params"])
        log.info("maintaining: %s", form, extra={"action": "maintain"})
        settings, known = settings_from_connections(), known_monitors(monitors_folder())
        summary = run_maintenance(settings, now=datetime.now(UTC), monitors=known, **form.ages())
    return small_json(summary)


with DAG(
    "maintain_store",
    schedule=CronTriggerTimetable(
        os.environ.get("MONITORING_MAINTAIN_SCHEDULE", "30 3 * * *"), timezone="UTC"
    ),
    catchup=False,
    max_active_runs=1,  # two at once would only wait for each other's locks
    is_paused_upon_creation=False,
    default_args=task_defaults(),
    params=maintenance_params(),
    dag_display_name="Maintain the stores",
    doc_md=__doc__,
    tags=["monitoring"],
):
    maintain()
