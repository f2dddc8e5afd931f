"""What a task's final failure means, and how it is shown outside Airflow."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from _connections import environment_from_connections, settings_from_connections
from _forms import draft_asked
from _orders import dag_run_of, window_of
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException

from monitoring_jobs.errors import InvalidParam, MonitoringError
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.publish import publish_failure
from monitoring_jobs.windows import Window

log = logging.getLogger(__name__)


def concerns_asker_only(context: Context) -> bool:
    """Return whether nobody but the person who triggered a run is to hear of its failure.

    A draft that fails, or a form that cannot be obeyed, says nothing about the monitor.
    """
    about_the_form = isinstance(_raised(context.get("exception")), InvalidParam)
    return about_the_form or draft_asked(context.get("params", {}))


def report_failure(monitor: str, path: str | None = None) -> Callable[[Context], None]:
    """Return a callback that makes the final failure of a monitor's task visible outside Airflow.

    Args:
        monitor: Name of the monitor.
        path: The monitor file, for tasks whose failure leaves the window without an evaluation;
            they get an attempt row that says why.
    """

    def on_failure(context: Context) -> None:
        if concerns_asker_only(context):
            return
        window, error = (None, None) if path is None else _what_failed(context, path)
        with environment_from_connections():
            publish_failure(
                monitor,
                settings_from_connections(),
                at=datetime.now(UTC),
                window=window,
                error=error,
                dag_run=dag_run_of(context),
            )

    return on_failure


def _what_failed(context: Context, path: str) -> tuple[Window | None, MonitoringError]:
    """Return the window that was to be judged, where it can be told, and why it was not."""
    error = _cause(context.get("exception"))
    try:
        return window_of(context, load_monitor(path)), error
    except MonitoringError as exc:
        log.warning("no window for an attempt row: %s", exc, extra={"action": "no_attempt_row"})
        return None, error


def _raised(raised: object) -> object:
    """Return the error of ours that Airflow was told of in its own words, else what was raised."""
    is_ours = isinstance(raised, AirflowException) and isinstance(raised.__cause__, MonitoringError)
    return raised.__cause__ if is_ours else raised


def _cause(raised: object) -> MonitoringError:
    """Return what to tell of an error; a foreign one may hold secrets or data, so only its type."""
    raised = _raised(raised)
    if isinstance(raised, MonitoringError):
        return raised
    name = type(raised).__name__ if isinstance(raised, BaseException) else "task ended"
    return MonitoringError(f"{name} in the job evaluate", "the task's log has more")
