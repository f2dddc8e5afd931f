"""What Airflow calls when a task has failed for good, so that somebody hears of it.

It is called in the process of the task, or by the Dag processor where that was killed. Airflow ends
the process 20 seconds after the task.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from _failures import concerns_asker_only
from _notices import Notice, anybody, in_words, one_line, places, tell
from _orders import window_of
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from monitoring_jobs.errors import MonitoringError
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.spec import MonitorSpec
from monitoring_jobs.windows import Window

log = logging.getLogger(__name__)

_LONGEST = 500  # letters of an error; a monitor file may have a hundred problems


def notifiers(path: str | None = None) -> list[Callable[[Context], None]]:
    """Return the callbacks for the final failure of a task; none where nobody is to hear of it.

    Args:
        path: The monitor file; without one the notice names the Dag only.

    Raises:
        InvalidSettings: The environment names what cannot be notified.
    """
    if not anybody():
        return []

    def notify(context: Context) -> None:
        if not concerns_asker_only(context):
            tell(_failure(context, path))

    return [notify]


def _failure(context: Context, path: str | None) -> Notice:
    ti, run = context["ti"], context["dag_run"]
    spec, window = _judged(context, path)
    name = f"monitor {spec.name}" if spec else f"Dag {run.dag_id}"
    number = "" if ti.map_index in (None, -1) else f" [{ti.map_index}]"
    words = in_words(window)
    return Notice(
        subject=f"[monitoring] {spec.name if spec else run.dag_id}: {ti.task_id} failed"
        + (f", {words}" if words else ""),
        summary=f"The task {ti.task_id}{number} of {name} has failed and is not tried again.",
        facts={
            "Error": _told(context.get("exception")),
            "Window": words,
            **places(run.dag_id, run.run_id, spec.name if spec else None, window),
            "Log": getattr(ti, "log_url", "") or "",
            "Owner": spec.owner if spec else "",
        },
        owner=spec.owner if spec else "",
    )


def _judged(context: Context, path: str | None) -> tuple[MonitorSpec | None, Window | None]:
    """Return monitor and window of a run, as far as they can be told."""
    spec = None
    try:
        if path is not None:
            spec = load_monitor(path)
            return spec, window_of(context, spec)
    except MonitoringError as exc:
        log.warning("a notice without a window: %s", exc, extra={"action": "notice_incomplete"})
    return spec, None


def _told(raised: object) -> str:
    """Return an error that was raised for people; of any other only the type, it may hold data."""
    if isinstance(raised, MonitoringError | AirflowFailException):
        text = one_line(str(raised))
    else:
        name = type(raised).__name__ if isinstance(raised, BaseException) else "the task ended"
        text = f"{name}; the task's log has more"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
