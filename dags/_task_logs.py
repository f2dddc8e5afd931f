"""Logs of tasks that run without a scheduler, in the files where Airflow's UI looks for them.

``dag.test`` writes what its tasks log to the standard output of the process alone.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from traceback import format_exception
from typing import Any, TextIO

import structlog
from airflow.listeners import hookimpl

_PLACE = "dag_id={0.dag_id}/run_id={0.run_id}/task_id={0.task_id}/{1}attempt={0.try_number}.log"
_FOLDS = ("::group::", "::endgroup::")


@contextmanager
def task_logs() -> Iterator[None]:
    """Copy what each task logs to its file, as JSON lines, for as long as this is open."""
    from airflow.sdk.listener import get_listener_manager

    copy, listeners = _Copy(), get_listener_manager()
    chains = _chains()
    for chain in chains:
        chain.insert(-1, copy.note)  # before the last: that one makes text of the entry
    listeners.add_listener(copy)
    try:
        yield
    finally:
        copy.close()
        listeners.pm.unregister(copy)
        for chain in chains:
            chain.remove(copy.note)


def _chains() -> list[list[Any]]:
    """Return what the entries of structlog and of the standard library go through.

    Loggers that exist already hold on to these lists: they are changed in place.
    """
    chains = [structlog.get_config()["processors"]]
    for handler in logging.getLogger().handlers:
        if isinstance(formatter := handler.formatter, structlog.stdlib.ProcessorFormatter):
            formatter.processors = list(formatter.processors)
            chains.append(formatter.processors)
    return chains


class _Copy:
    """The log file of the task that is running."""

    def __init__(self) -> None:
        self._file: TextIO | None = None

    @hookimpl
    def on_task_instance_running(self, task_instance: Any) -> None:
        from airflow.sdk.log import init_log_file

        index = task_instance.map_index
        mapped = f"map_index={index}/" if index is not None and index >= 0 else ""
        self.close()
        self._file = init_log_file(_PLACE.format(task_instance, mapped)).open("a", encoding="utf-8")

    @hookimpl
    def on_task_instance_success(self) -> None:
        self.close()

    @hookimpl
    def on_task_instance_failed(self) -> None:
        self.close()

    @hookimpl
    def on_task_instance_skipped(self) -> None:
        self.close()

    def note(self, _logger: Any, _method: str, entry: MutableMapping[str, Any]) -> Any:
        """Write an entry to the file, and hand it on unchanged."""
        # Folds of the UI; the first of a task is opened before Airflow tells that it runs.
        if self._file is not None and not str(entry.get("event")).startswith(_FOLDS):
            shown = {key: value for key, value in entry.items() if key != "exc_info"}
            if error := _as_exception(entry.get("exc_info")):
                shown["event"] = "".join([f"{shown['event']}\n", *format_exception(error)])
            self._file.write(json.dumps(shown, default=str) + "\n")
        return entry

    def close(self) -> None:
        """Note nothing more until the next task runs."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _as_exception(given: Any) -> BaseException | None:
    """Return the exception of an entry, which may name it in three ways."""
    if isinstance(given, tuple):
        given = given[1]
    elif given is True:
        given = sys.exc_info()[1]
    return given if isinstance(given, BaseException) else None
