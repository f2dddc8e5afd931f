"""Plan a retraining when the newest window of a monitor has failed.

An example, not loaded from here (see `.airflowignore`): copy it into the Dags folder, name your
monitor, let `retrain` start what trains your model, and unpause it. It is scheduled on the asset
that a monitor emits when its verdict is `failed` and its window is the newest: a backfill over a
bad month, a draft, or a warning starts nothing.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from _connections import settings_from_connections
from _shared import RETRIES, guarded
from airflow.sdk import DAG, Asset, get_current_context, task

MONITOR = "wine_quality"
ALERT = Asset(f"x-monitoring://{MONITOR}/alert")

log = logging.getLogger(__name__)


@task(execution_timeout=timedelta(minutes=10), multiple_outputs=False)
def plan() -> dict[str, Any]:
    """Read the event and the evaluation that it names; return what to train, and why."""
    from monitoring_jobs.evaluation_ids import parse_evaluation_id
    from monitoring_jobs.reports.store import ReportStore

    # Several alerts may have come together: the last one speaks of the newest window.
    alert = get_current_context()["triggering_asset_events"][ALERT][-1].extra
    with guarded():
        store = ReportStore.open(settings_from_connections().report_store)
        evaluation = store.get(*parse_evaluation_id(alert["evaluation"]))
    failed = [m for m in evaluation.measurements if str(m.status) in ("failed", "error")]
    return {
        "model": evaluation.model.name or evaluation.monitor,
        "replaces_version": evaluation.model.version,
        "train_on_rows_until": alert["end"],
        "because": sorted({f"{m.check}: {m.metric} {m.column}".strip() for m in failed})[:20],
        "drifted": alert["first_drifted"],
    }


@task(execution_timeout=timedelta(hours=6), multiple_outputs=False)
def retrain(what: dict[str, Any]) -> None:
    """Start the training: here goes your own code, or a TriggerDagRunOperator in its place."""
    log.info("would train %s on rows until %s", what["model"], what["train_on_rows_until"])


with DAG(
    "retrain_on_alert",
    dag_display_name=f"Retrain on alert of {MONITOR}",
    schedule=ALERT,
    catchup=False,
    max_active_runs=1,
    default_args=dict(RETRIES),
    doc_md=__doc__,
    tags=["monitoring", "example"],
):
    retrain(plan())
