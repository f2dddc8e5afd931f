"""Where a report store can be."""

from __future__ import annotations

from pathlib import Path

from monitoring_jobs.errors import StoreRefused
from monitoring_jobs.reports.files import Files
from monitoring_jobs.reports.local_files import LocalFiles

_SCHEMES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory")


def open_files(url: str) -> Files:
    """Return the files below a local folder, ``file://`` URL or object storage URL.

    Raises:
        StoreRefused: The URL's scheme is not one of the object stores.
        MissingDependency: The scheme's driver is not installed.
    """
    scheme, separator, rest = url.partition("://")
    if not url.strip():
        raise StoreRefused(
            "the report store has no location", "set MONITORING_REPORT_STORE to a folder or URL"
        )
    if not separator:
        return LocalFiles(Path(url).expanduser())
    if scheme == "file":
        return LocalFiles(Path("/" + rest.lstrip("/")))
    if scheme not in _SCHEMES:
        raise StoreRefused(
            f"report store: {scheme}:// is not a store",
            f"use a folder or one of {', '.join(f'{s}://' for s in _SCHEMES[:-1])}",
        )
    from monitoring_jobs.reports.object_files import ObjectFiles

    return ObjectFiles(scheme, url)
