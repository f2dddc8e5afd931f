"""References that are artifacts of an MLflow run: fetched as files, never loaded as code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from monitoring_jobs.errors import ForbiddenSource, ReferenceMissing

ALLOWED = (".parquet", ".csv")


def fetch_artifact(path: str, folder: Path, download: Callable[[str, Path], Path] | None) -> Path:
    """Return the local copy of an artifact.

    Args:
        path: Path inside the run's artifacts.
        folder: Where the copy is put.
        download: Fetches an artifact of the run into a folder.

    Raises:
        ForbiddenSource: Neither parquet nor CSV, by the name asked for or by the file that came.
        ReferenceMissing: There is no run to fetch it from, or nothing came.
    """
    _require_allowed(path)
    if download is None:
        raise ReferenceMissing(
            f"artifact {path!r}: there is no MLflow run to fetch it from",
            "name a model or reference.run_id, and set MLFLOW_TRACKING_URI",
        )
    local = download(path, folder)
    _require_allowed(local.name)
    if not local.is_file():
        raise ReferenceMissing(f"artifact {path!r}: is no file of the run", "check reference.path")
    return local


def _require_allowed(name: str) -> None:
    if not name.lower().endswith(ALLOWED):
        raise ForbiddenSource(
            f"artifact {name!r}: only parquet and csv files are read",
            "log the reference as parquet",
        )
