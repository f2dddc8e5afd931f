"""What all Dags share: Airflow's runs and errors in the words of the jobs, and back."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from _connections import environment_from_connections
from _failures import report_failure
from _notifiers import notifiers
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from monitoring_jobs.errors import InvalidSettings, StaleAttempt, TerminalError

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
        # The traceback that Airflow prints is longer than the log's page; the reason comes first.
        log.error("%s", exc, extra={"action": "failed_for_good"})  # noqa: TRY400
        raise AirflowFailException(str(exc)) from exc


def task_defaults(
    monitor: str | None = None, path: str | None = None, *, owner: str = ""
) -> dict[str, Any]:
    """Return what all tasks of a Dag share: owner, retries, and who hears of a failure."""
    callbacks = on_failure(monitor, path)
    return {**RETRIES, "on_failure_callback": callbacks, "owner": owner or "monitoring"}


def on_failure(
    monitor: str | None = None, path: str | None = None, *, attempt: bool = False
) -> list[Callable[[Context], None]]:
    """Return what Airflow calls once a task has failed for good; none of it hinders the others.

    Args:
        monitor: Name of the monitor, whose failure is shown outside Airflow; its gauge comes first,
            for Airflow ends the process 20 seconds after the task.
        path: The monitor file.
        attempt: Whether the failure leaves the window without an evaluation.
    """
    shown = [report_failure(monitor, path if attempt else None)] if monitor else []
    return [*shown, *notifiers(path)]


def failed_siblings(context: Context) -> list[str]:
    """Return the tasks of this run that have failed so far."""
    ti = context["ti"]
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    return sorted(task_id for task_id, state in states.items() if state == "failed")
