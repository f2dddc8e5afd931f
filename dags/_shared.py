"""What all Dags share: Airflow's runs and errors in the words of the jobs, and back."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from _connections import environment_from_connections, settings_from_connections
from airflow.sdk import Context, Param
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from monitoring_jobs.errors import (
    EmptyWindow,
    InvalidSettings,
    MonitoringError,
    StaleAttempt,
    TerminalError,
)
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.publish import publish_failure
from monitoring_jobs.spec import MonitorSpec
from monitoring_jobs.windows import Request, Window, resolve

log = logging.getLogger(__name__)

# A service that is down is asked again after 1, 2, 4, 8 minutes: a restart is outlived, a real
# outage is red within half an hour. Errors that stay are never retried, see guarded().
RETRIES: Mapping[str, Any] = {
    "retries": 4,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=15),
}
# Runs of one monitor are independent: keyed by window, fenced by attempt, newest window only at the
# gauges. Four at once keep a backfill brisk and memory bounded (about MONITORING_MEMORY_MB each);
# `airflow backfill create` has a limit of its own, --max-active-runs.
MONITOR_DAG: Mapping[str, Any] = {
    "catchup": False,
    "max_active_runs": 4,
    "is_paused_upon_creation": False,
}


def instant_param(title: str, help_text: str, section: str | None = None) -> Param:
    """Return a date and time for the trigger form, empty by default."""
    return Param(
        None,
        type=["null", "string"],
        format="date-time",
        title=title,
        description=help_text,
        section=section,
    )


def days_param(what: str, variable: str) -> Param:
    """Return a number of days for the trigger form; its default comes from the environment."""
    given = os.environ.get(variable)
    if given and not given.isdecimal():
        raise InvalidSettings(f"{variable}: {given!r} is no number of days", "write 30, or nothing")
    return Param(
        int(given) if given else None,
        type=["null", "integer"],
        minimum=1,
        description=f"Days after which {what} are removed; empty keeps all.",
    )


def days(count: int | None) -> timedelta | None:
    """Return so many days, where there are any."""
    return None if count is None else timedelta(days=count)


WINDOW_PARAMS: Mapping[str, Param] = {
    "start": instant_param("Start", "Rows from this instant on are judged.", "Window"),
    "end": instant_param(
        "End", "Rows before this instant are judged. Empty: the run's own period.", "Window"
    ),
}


def monitors_folder() -> Path:
    """Return the folder of monitor files: MONITORING_MONITORS, else ``monitors`` beside the Dags.

    Raises:
        InvalidSettings: The variable names no folder; monitors must not vanish without a word.
    """
    named = os.environ.get("MONITORING_MONITORS")
    if not named:
        return Path(__file__).resolve().parent / "monitors"
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise InvalidSettings(f"MONITORING_MONITORS: {folder} is no folder", "create or correct it")
    return folder


def small_json(summary: Any) -> dict[str, Any]:
    """Return a job's summary, a dataclass, as what XCom may carry."""
    fields = dataclasses.asdict(summary)
    return {k: v if isinstance(v, int | float | None) else str(v) for k, v in fields.items()}


@contextmanager
def guarded() -> Iterator[None]:
    """Tell Airflow by the kind of an error what to do about it.

    A transient error is left as it is: the task is retried. A terminal one fails the task at once.
    An attempt that a newer one has overtaken has nothing left to do: it is skipped.
    """
    try:
        with environment_from_connections():
            yield
    except StaleAttempt as exc:
        log.warning("stale attempt: %s", exc, extra={"action": "stale_attempt"})
        raise AirflowSkipException(str(exc)) from exc
    except TerminalError as exc:
        raise AirflowFailException(str(exc)) from exc


def window_of(context: Context, spec: MonitorSpec) -> Window:
    """Resolve the window of a run and write it to the log.

    Raises:
        EmptyWindow: The trigger form gave one end only, ends out of order, or no instant.
    """
    params, run = context.get("params", {}), context.get("dag_run")
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    request = Request(
        start=instant("start", params.get("start")),
        end=instant("end", params.get("end")),
        partition=context.get("partition_date"),
        interval=(start, end) if start is not None and end is not None else None,
        run_after=run.run_after if run is not None else None,
    )
    window = resolve(request, spec.boundaries, length=spec.length, delay=spec.patience)
    log.info("window %s of monitor %s", window, spec.name, extra={"action": "window"})
    return window


def instant(name: str, text: str | None) -> datetime | None:
    """Read an instant from the trigger form.

    Raises:
        EmptyWindow: It is not ISO 8601 or has no time zone.
    """
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as exc:
        raise EmptyWindow(f"param {name}: {text!r} is no instant", "write ISO 8601") from exc
    if parsed.tzinfo is None:
        raise EmptyWindow(f"param {name}: {text!r} has no time zone", "add Z or an offset")
    return parsed


def task_defaults(monitor: str | None = None, *, owner: str = "") -> dict[str, Any]:
    """Return what all tasks of a Dag share: owner, retries, and who hears of a failure."""
    callback = {"on_failure_callback": report_failure(monitor)} if monitor else {}
    return {**RETRIES, **callback, "owner": owner or "monitoring"}


def failed_siblings(context: Context) -> list[str]:
    """Return the tasks of this run that have failed so far."""
    ti = context["ti"]
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    return sorted(task_id for task_id, state in states.items() if state == "failed")


def report_failure(monitor: str, path: str | None = None) -> Callable[[Context], None]:
    """Return a callback that makes the final failure of a monitor's task visible outside Airflow.

    Args:
        monitor: Name of the monitor.
        path: The monitor file, for tasks whose failure leaves the window without an evaluation;
            they get an attempt row that says why.
    """

    def on_failure(context: Context) -> None:
        window, error = (None, None) if path is None else _what_failed(context, path)
        with environment_from_connections():
            settings = settings_from_connections()
            publish_failure(monitor, settings, at=datetime.now(UTC), window=window, error=error)

    return on_failure


def _what_failed(context: Context, path: str) -> tuple[Window | None, MonitoringError]:
    """Return the window that was to be judged, where it can be told, and why it was not."""
    error = _cause(context.get("exception"))
    try:
        return window_of(context, load_monitor(path)), error
    except MonitoringError as exc:
        log.warning("no window for an attempt row: %s", exc, extra={"action": "no_attempt_row"})
        return None, error


def _cause(raised: object) -> MonitoringError:
    """Return what to tell of an error; a foreign one may hold secrets or data, so only its type."""
    if isinstance(raised, AirflowException) and isinstance(raised.__cause__, MonitoringError):
        return raised.__cause__
    if isinstance(raised, MonitoringError):
        return raised
    name = type(raised).__name__ if isinstance(raised, BaseException) else "task ended"
    return MonitoringError(f"{name} in the job evaluate", "the task's log has more")
