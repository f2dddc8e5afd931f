"""The report store: written, read back, deleted again; room left on a local disk."""

from __future__ import annotations

import errno
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring_jobs.doctor.circumstances import Circumstances
from monitoring_jobs.doctor.findings import Chart, Finding, Findings
from monitoring_jobs.errors import MonitoringError
from monitoring_jobs.settings import without_login

if TYPE_CHECKING:
    from monitoring_jobs.reports.files import Files

# No monitor's name begins with an underscore.
_FOLDER = "_doctor"
# The size of an evaluation of some dozen columns: what is full has no room for it.
_CONTENT = b"written by monitoring-jobs doctor, and to be deleted\n" * 2000
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LOW_SHARE, _LOW_BYTES = 0.05, 2**30
_FREE = "free space, or shorten MONITORING_REPORT_RETENTION_DAYS and run monitoring-jobs maintain"


def examine_report_store(case: Circumstances) -> Findings:
    """Yield how the report store is; what is written there is deleted again."""
    from monitoring_jobs.reports.places import open_files

    chart = Chart("report store")
    files = open_files(case.settings.report_store, patient=False)
    place = Path(files.location("")) if _is_local(case.settings.report_store) else None
    new = place is not None and not place.exists()
    try:
        yield _round_trip(chart, files)
    except MonitoringError as exc:
        yield _trouble(chart, exc)
        return
    if place is not None:
        yield _room(chart, place)
        if new:
            with suppress(OSError):  # somebody may have begun to use it
                place.rmdir()


def _round_trip(chart: Chart, files: Files) -> Finding:
    from monitoring_jobs.reports.object_files import ObjectFiles

    if isinstance(files, ObjectFiles):
        files.require_bucket()
    name = f"{_FOLDER}/{uuid.uuid4().hex}.txt"
    files.write(name, _CONTENT)
    try:
        read = files.read(name)
    finally:
        files.remove(name)
        files.prune(_FOLDER)
    if read != _CONTENT:
        return chart.failed(
            "round trip",
            f"{without_login(files.location(''))} gives back something else than was written",
            "look for a cache or proxy between here and the storage",
        )
    return chart.ok(
        "round trip", f"{without_login(files.location(''))}: written, read back, deleted"
    )


def _trouble(chart: Chart, exc: MonitoringError) -> Finding:
    cause = exc.__cause__
    if isinstance(cause, OSError) and cause.errno in _FULL:
        return chart.failed("round trip", f"{exc.what}: it is full", _FREE)
    if isinstance(cause, PermissionError):
        return chart.failed(
            "round trip",
            f"{exc.what}: access is denied",
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and what they may, or the folder's "
            "owner and mode",
        )
    return chart.error("round trip", exc)


def _room(chart: Chart, place: Path) -> Finding:
    usage = shutil.disk_usage(place)
    left = f"{usage.free / 2**30:,.1f} GB of {usage.total / 2**30:,.1f} GB are free"
    if usage.free < min(_LOW_BYTES, usage.total * _LOW_SHARE):
        return chart.warning("room", f"{place}: only {left}", _FREE)
    return chart.ok("room", left)


def _is_local(url: str) -> bool:
    return "://" not in url or url.startswith("file://")
