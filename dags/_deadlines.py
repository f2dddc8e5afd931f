"""An evaluation that is late: Airflow's deadline, and what is done when it passes.

The deadline counts from when the run was queued. For a scheduled run that is the window's end, to
the second, whatever the clocks or the calendar do between its start and its end; the logical date,
a window's start, would need the length of a day of 25 hours or a month of 28 days to count from.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from _connections import settings_from_connections
from _notices import Notice, in_words, places, tell
from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference

from monitoring_jobs.publish import publish_failure
from monitoring_jobs.results import DagRunRef
from monitoring_jobs.spec import MonitorSpec
from monitoring_jobs.windows import Duration, Window, utc_text

log = logging.getLogger(__name__)

CALLBACK = "_monitoring_deadlines.evaluation_is_late"  # in plugins/
# A run that has failed has told so, and one that has succeeded is done.
_OPEN = ("queued", "running")


def deadline_of(spec: MonitorSpec) -> DeadlineAlert | None:
    """Return the deadline of a monitor's runs; None where the file names none."""
    if spec.deadline is None:
        return None
    keys = {"name", "owner", "deadline", "window", "timezone"}
    known = {"dags": str(Path(__file__).parent), "monitor": spec.model_dump(include=keys)}
    return DeadlineAlert(
        name=f"{spec.deadline} after the window's end",
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=Duration.parse(spec.deadline).nominal,
        callback=AsyncCallback(CALLBACK, kwargs=known),
    )


def report_late(monitor: Mapping[str, Any], context: Mapping[str, Any]) -> None:
    """Make a missed deadline visible: in the log, at the Pushgateway, to those who are notified.

    Only scheduled runs have somebody waiting for them. Airflow gives backfills and manual runs
    deadlines as well; they are let pass.

    Args:
        monitor: Keys of the monitor file: ``name owner deadline window timezone``.
        context: ``dag_run`` as the REST API shows it, and ``deadline`` with its time.

    Raises:
        MonitoringError: The gateway could not be told; the others have been notified nevertheless.
    """
    run = context["dag_run"]
    if run["run_type"] != "scheduled" or run["state"] not in _OPEN:
        log.info(
            "deadline of run %s passed; nothing to say, it is %s and %s",
            run["dag_run_id"],
            run["run_type"],
            run["state"],
            extra={"action": "deadline_ignored"},
        )
        return
    window, due = _window(monitor, run), _instant(context["deadline"]["deadline_time"])
    log.error(
        "evaluation of %s for %s is late: it was due %s",
        monitor["name"],
        window,
        utc_text(due.replace(microsecond=0)),
        extra={"action": "evaluation_late", "monitor": monitor["name"]},
    )
    ref = DagRunRef(dag_id=run["dag_id"], run_id=run["dag_run_id"])
    try:
        settings = settings_from_connections()
        publish_failure(monitor["name"], settings, at=datetime.now(UTC), dag_run=ref)
    finally:
        tell(_notice(monitor, window, due, run))


def _notice(
    monitor: Mapping[str, Any], window: Window, due: datetime, run: Mapping[str, Any]
) -> Notice:
    name = monitor["name"]
    return Notice(
        subject=f"[monitoring] {name}: evaluation is late, {in_words(window)}",
        summary=f"The evaluation of monitor {name} is not done {monitor['deadline']} after the end "
        f"of its window; its run is {run['state']}.",
        facts={
            "Window": in_words(window),
            "Due": f"{due:%Y-%m-%d %H:%M} UTC",
            **places(run["dag_id"], run["dag_run_id"], name),
            "Owner": monitor["owner"],
        },
        owner=monitor["owner"],
    )


def _window(monitor: Mapping[str, Any], run: Mapping[str, Any]) -> Window:
    start, end = (_instant(run[f"data_interval_{name}"]) for name in ("start", "end"))
    if monitor["window"]:
        start = Duration.parse(monitor["window"]).before(end, ZoneInfo(monitor["timezone"]))
    return Window(start, end)


def _instant(given: str | datetime) -> datetime:
    """Return an instant of what Airflow keeps of a run: as text, or as its own encoding has it."""
    instant = datetime.fromisoformat(given) if isinstance(given, str) else given
    return instant.astimezone(UTC)
