"""The textfile for node_exporter, where there is no Pushgateway."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from monitoring_jobs.errors import GatewayRejected, GatewayUnavailable, MonitoringError
from monitoring_jobs.results import Evaluation
from monitoring_jobs.sinks.gauges import evaluation_registry, failure_registry
from monitoring_jobs.sinks.registry import Registry, exposition
from monitoring_jobs.whole_file import whole_file

_MONITOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class TextfileSink:
    """Writes the series that a Pushgateway would get, one file per monitor."""

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = _utc_now) -> None:
        """Take the configured file; a monitor's own is ``<stem>.<monitor>.prom`` beside it."""
        self._path = path
        self._clock = clock

    def write(self, evaluation: Evaluation) -> None:
        """Replace the file of the evaluation's monitor, and forget its last failure.

        Raises:
            GatewayUnavailable: The file cannot be written at the moment.
            GatewayRejected: The file may not be written.
        """
        registry = evaluation_registry(evaluation, self._clock())
        write_textfile(registry, self._file(evaluation.monitor))
        _remove(self._file(evaluation.monitor, failure=True))

    def write_failure(self, monitor: str, at: datetime) -> None:
        """Write when a monitor failed, beside its other series.

        Raises:
            GatewayUnavailable: As ``write``.
            GatewayRejected: As ``write``.
        """
        write_textfile(failure_registry(monitor, at), self._file(monitor, failure=True))

    def delete(self, monitor: str) -> None:
        """Remove the files of a monitor; absent ones are no error.

        Raises:
            GatewayUnavailable: As ``write``.
            GatewayRejected: As ``write``.
        """
        _remove(self._file(monitor))
        _remove(self._file(monitor, failure=True))

    def _file(self, monitor: str, *, failure: bool = False) -> Path:
        if not _MONITOR.fullmatch(monitor):
            raise GatewayRejected("textfile: that is not the name of a monitor", "check the name")
        stem = f"{self._path.stem}-failure" if failure else self._path.stem
        return self._path.with_name(f"{stem}.{monitor}.prom")


def write_textfile(registry: Registry, path: Path) -> None:
    """Write a registry as a file that node_exporter sees whole or not at all.

    Raises:
        GatewayUnavailable: The file cannot be written at the moment.
        GatewayRejected: The file may not be written.
    """
    # The collector reads *.prom only, so it never sees the temporary file.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(exposition(registry))
    except OSError as exc:
        raise _error(path, exc) from exc


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        raise _error(path, exc) from exc


def _error(path: Path, exc: OSError) -> MonitoringError:
    what = f"textfile {path}: {exc.strerror or type(exc).__name__}"
    if isinstance(exc, PermissionError | NotADirectoryError | IsADirectoryError | FileExistsError):
        return GatewayRejected(what, "set MONITORING_TEXTFILE to a file that may be written")
    return GatewayUnavailable(what, "check that the disk is not full, then publish again")
