"""Artifacts: files of data and signatures are read, models never."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from monitoring_jobs.errors import TrackingRefused
from monitoring_jobs.mlflow_entities import ModelVersion, Signature
from monitoring_jobs.tracking.server import Server
from monitoring_jobs.tracking.shapes import kinds

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

ARTIFACT_SUFFIXES = (".parquet", ".csv", ".json")
MAX_ARTIFACT_BYTES = 2 * 1024**3
# A signature with thousands of columns stays below a megabyte; anything larger is not one.
_MAX_MLMODEL_BYTES = 8 * 1024**2


def read_signature(server: Server, version: ModelVersion) -> Signature | None:
    """Return the features of a model, from its MLmodel file.

    Returns:
        None where the model was logged without a signature of named columns.
    """
    import yaml

    repository = _version_artifacts(server, version)
    with tempfile.TemporaryDirectory() as folder:
        name = f"MLmodel of {version.name} version {version.version}"
        path = _fetch(server, repository, "MLmodel", Path(folder), name, _MAX_MLMODEL_BYTES)
        try:
            content = yaml.safe_load(path.read_text("utf-8"))
            features = dict(kinds(json.loads(content["signature"]["inputs"])))
        except (KeyError, TypeError):
            return None
        except (ValueError, AttributeError, yaml.YAMLError) as exc:
            raise TrackingRefused(f"{name} is not readable", "log the model again") from exc
    return Signature(features) if features else None


def fetch_artifact(
    server: Server, run_id: str, artifact_path: str, folder: Path, max_bytes: int
) -> Path:
    """Fetch one data file of a run into ``folder``, whole or not at all; return where it lies.

    Raises:
        TrackingRefused: Not a data file, larger than ``max_bytes``, or the run has no such file.
    """
    path = _safe_artifact_path(artifact_path)
    repository = server.repository(server.ask("get_run", run_id).info.artifact_uri)
    name = f"artifact {artifact_path!r} of run {run_id}"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
        fetched = _fetch(server, repository, str(path), Path(scratch), name, max_bytes)
        return fetched.replace(folder / path.name)


def _version_artifacts(server: Server, version: ModelVersion) -> ArtifactRepository:
    source = server.ask("get_model_version_download_uri", version.name, version.version)
    if source.startswith("models:/m-"):
        model_id = source.removeprefix("models:/").partition("/")[0]
        source = server.ask("get_logged_model", model_id).artifact_location
    return server.repository(source)


def _fetch(
    server: Server,
    repository: ArtifactRepository,
    path: str,
    folder: Path,
    name: str,
    max_bytes: int,
) -> Path:
    parent = str(PurePosixPath(path).parent)
    listed = server.call(lambda: repository.list_artifacts(None if parent == "." else parent))
    sizes = {file.path: file.file_size for file in listed if not file.is_dir}
    if path not in sizes:
        some = ", ".join(sorted(sizes)[:5]) or "no files"
        raise TrackingRefused(f"there is no {name} (there: {some})", "check the path")
    _refuse_large(sizes[path], max_bytes, name)
    fetched: str = server.call(
        lambda: repository.download_artifacts(path, str(folder))  # type: ignore[no-untyped-call]
    )
    _refuse_large(Path(fetched).stat().st_size, max_bytes, name)
    return Path(fetched)


def _safe_artifact_path(artifact_path: str) -> PurePosixPath:
    path = PurePosixPath(artifact_path)
    if path.suffix.lower() not in ARTIFACT_SUFFIXES:
        raise TrackingRefused(
            f"artifact {artifact_path!r} is not one of {', '.join(ARTIFACT_SUFFIXES)}",
            "log the data as parquet or csv; pickles and models are never read",
        )
    if path.is_absolute() or ".." in path.parts or "\\" in artifact_path or ":" in artifact_path:
        raise TrackingRefused(
            f"artifact {artifact_path!r} lies outside the run", "write a path inside its artifacts"
        )
    return path


def _refuse_large(size: int | None, max_bytes: int, name: str) -> None:
    if size is not None and size > max_bytes:
        raise TrackingRefused(
            f"{name} has {size} bytes, more than the {max_bytes} allowed",
            "log a smaller file, such as a sample",
        )
