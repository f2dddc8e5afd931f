"""Where a report store can be."""

from __future__ import annotations

from pathlib import Path

from monitoring_jobs.errors import InvalidSettings, StoreRefused
from monitoring_jobs.reports.files import Files
from monitoring_jobs.reports.local_files import LocalFiles

_SCHEMES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory")
_AZURE = ("abfs", "abfss", "az")


def open_files(url: str, *, patient: bool = True) -> Files:
    """Return the files below a local folder, ``file://`` URL or object storage URL.

    Nothing is read or written yet, and no server is asked.

    Args:
        url: Where the store is.
        patient: Let the driver of an object store try again; some do so for minutes.

    Raises:
        InvalidSettings: The URL carries credentials or a query, or no such home folder exists.
        StoreRefused: The URL's scheme is not one of the object stores.
        MissingDependency: The scheme's driver is not installed.
    """
    scheme, separator, rest = url.partition("://")
    if not url.strip():
        raise StoreRefused(
            "the report store has no location", "set MONITORING_REPORT_STORE to a folder or URL"
        )
    if not separator:
        return LocalFiles(_expanded(url))
    if scheme == "file":
        return LocalFiles(Path("/" + rest.lstrip("/")))
    if scheme not in _SCHEMES:
        raise StoreRefused(
            f"report store: {scheme}:// is not a store",
            f"use a folder or one of {', '.join(f'{s}://' for s in _SCHEMES[:-1])}",
        )
    _refuse_secrets(scheme, rest)
    from monitoring_jobs.reports.object_files import ObjectFiles

    return ObjectFiles(scheme, url, patient=patient)


def _expanded(folder: str) -> Path:
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        raise InvalidSettings(
            "report store: the folder names the home of a user that does not exist",
            "write the whole path",
        ) from None


def _refuse_secrets(scheme: str, rest: str) -> None:
    """Refuse a URL with more in it than a place: it is shown, and stored with every evaluation."""
    user, at, host = rest.rpartition("@")
    container = scheme in _AZURE and not set(user) & set(":/@") and host
    if "?" in rest or (at and not container):
        raise InvalidSettings(
            f"report store: the {scheme}:// URL must hold neither credentials nor a query",
            "give credentials by the object store's own variables, such as AWS_ACCESS_KEY_ID",
        )
