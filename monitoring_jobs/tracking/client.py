"""The only import of mlflow: models, artifacts, and everything that extraction reads."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from monitoring_jobs.errors import InvalidSettings, TrackingRefused
from monitoring_jobs.mlflow_entities import (
    Experiment,
    ModelVersion,
    RegisteredModel,
    Run,
    Signature,
)
from monitoring_jobs.results import ModelRef
from monitoring_jobs.spec import ModelSpec
from monitoring_jobs.tracking.errors import ForeignAnswer, is_of_a_storage_client, translated
from monitoring_jobs.tracking.shapes import experiment, kinds, model_version, registered_model, run

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository
    from mlflow.tracking import MlflowClient

T = TypeVar("T")

ARTIFACT_SUFFIXES = (".parquet", ".csv", ".json")
MAX_ARTIFACT_BYTES = 2 * 1024**3
# A signature with thousands of columns stays below a megabyte; anything larger is not one.
_MAX_MLMODEL_BYTES = 8 * 1024**2
RUNS_PER_PAGE = 1000
_PAGE = 1000
# More ids in one search are rejected by some servers.
_EXPERIMENTS_PER_SEARCH = 100
_RUNS_PER_SEARCH = 100
_ALL = 3  # ViewType.ALL, deleted ones included, without importing mlflow for a number
_ID = re.compile(r"[\w-]+").fullmatch

_environment_lock = threading.RLock()


class Tracking:
    """An MLflow server.

    Args:
        uri: ``http(s)://`` address; a user and password in it are used and never shown.
        timeout_seconds: For one request; by default MLFLOW_HTTP_REQUEST_TIMEOUT, or a minute.
        retries: Of one request, by MLflow's client; the caller (Airflow) retries on its own, so
            the default is MLFLOW_HTTP_REQUEST_MAX_RETRIES, or 2.

    Raises:
        InvalidSettings: The address is not one of a server.

    All methods raise ``TrackingUnavailable`` when trying again may help, and ``TrackingRefused``
    when it will not.
    """

    def __init__(
        self, uri: str, *, timeout_seconds: int | None = None, retries: int | None = None
    ) -> None:
        self.server, user, self._password = _split_credentials(uri)
        # Telemetry is looked at when mlflow is imported, and by a thread of its own ever after.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        self._environment = {
            "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            **_limit("MLFLOW_HTTP_REQUEST_TIMEOUT", timeout_seconds, 60),
            **_limit("MLFLOW_HTTP_REQUEST_MAX_RETRIES", retries, 2),
            # A server that says "come back in an hour" must not hold a worker for an hour.
            "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
        }
        if user:
            self._environment["MLFLOW_TRACKING_USERNAME"] = user
            self._environment["MLFLOW_TRACKING_PASSWORD"] = self._password
        self._opened: MlflowClient | None = None

    def __repr__(self) -> str:
        return f"Tracking({self.server!r})"

    # --- what monitors ask ------------------------------------------------------------------------
    def resolve(self, model: ModelSpec) -> ModelVersion:
        """Return the version that a monitor speaks of: by alias, by number, or the newest.

        Raises:
            TrackingRefused: No such model, alias or version.
        """
        # Aliases are asked of the model: a search for versions leaves them out (mlflow#16734).
        registered = registered_model(self._ask("get_registered_model", model.name))
        version = model.version
        if model.alias is not None:
            version = registered.aliases.get(model.alias)
            if version is None:
                known = ", ".join(sorted(registered.aliases)) or "none"
                raise TrackingRefused(
                    f"model {model.name!r} has no alias {model.alias!r} (aliases: {known})",
                    "set the alias in MLflow or name another in model.alias",
                )
        elif version is None:
            version = self._newest_version(model.name)
        found = self._ask("get_model_version", model.name, version)
        return model_version(found, alias=model.alias)

    def signature(self, version: ModelVersion) -> Signature | None:
        """Return the features of a model, from its MLmodel file; the model is never loaded.

        Returns:
            None where the model was logged without a signature of named columns.
        """
        import yaml

        repository = self._version_artifacts(version)
        with tempfile.TemporaryDirectory() as folder:
            name = f"MLmodel of {version.name} version {version.version}"
            path = self._fetch(repository, "MLmodel", Path(folder), name, _MAX_MLMODEL_BYTES)
            try:
                content = yaml.safe_load(path.read_text("utf-8"))
                features = dict(kinds(json.loads(content["signature"]["inputs"])))
            except (KeyError, TypeError):
                return None
            except (ValueError, AttributeError, yaml.YAMLError) as exc:
                raise TrackingRefused(f"{name} is not readable", "log the model again") from exc
        return Signature(features) if features else None

    def download(
        self, run_id: str, artifact_path: str, folder: Path, *, max_bytes: int = MAX_ARTIFACT_BYTES
    ) -> Path:
        """Fetch one data file of a run into ``folder`` and return where it lies.

        The file appears whole or not at all.

        Raises:
            TrackingRefused: Not a .parquet, .csv or .json file, larger than ``max_bytes``, or the
                run has no such artifact.
        """
        path = _safe_artifact_path(artifact_path)
        repository = self._repository(self._ask("get_run", run_id).info.artifact_uri)
        name = f"artifact {artifact_path!r} of run {run_id}"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
            fetched = self._fetch(repository, str(path), Path(scratch), name, max_bytes)
            return fetched.replace(folder / path.name)

    def log_files(self, run_id: str, folder: Path, artifact_path: str) -> None:
        """Store the files of ``folder`` below ``artifact_path`` among a run's artifacts."""
        self._ask("log_artifacts", run_id, str(folder), artifact_path)

    def log_evaluation(self, model: ModelRef, folder: Path) -> None:
        """Store the files of ``folder`` below ``monitoring/`` among the artifacts of a model's run.

        Raises:
            TrackingRefused: No such model or version, or it was registered without a run.
        """
        version = self.resolve(_spec_of(model))
        if version.run_id is None:
            raise TrackingRefused(
                f"version {version.version} of model {version.name!r} belongs to no run",
                "register the model from a run, or turn publish.mlflow off",
            )
        self.log_files(version.run_id, folder, "monitoring")

    # --- what extraction reads --------------------------------------------------------------------
    def experiments(self) -> Iterator[list[Experiment]]:
        """Yield pages of all experiments, deleted ones included."""
        pages = self._pages(
            "search_experiments", view_type=_ALL, order_by=["experiment_id ASC"], max_results=_PAGE
        )
        for page in pages:
            yield [experiment(found) for found in page]

    def runs(
        self, experiment_ids: Sequence[str], *, where: str = "", page_size: int | None = None
    ) -> Iterator[list[Run]]:
        """Yield pages of runs, deleted ones included, the oldest first.

        Args:
            experiment_ids: Where to look; any number.
            where: MLflow's filter expression.
            page_size: Runs in one answer of the server; by default RUNS_PER_PAGE.
        """
        for start in range(0, len(experiment_ids), _EXPERIMENTS_PER_SEARCH):
            pages = self._pages(
                "search_runs",
                experiment_ids=list(experiment_ids[start : start + _EXPERIMENTS_PER_SEARCH]),
                filter_string=where,
                run_view_type=_ALL,
                # Oldest first: a run that begins meanwhile comes last and shifts no page.
                order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
                max_results=page_size or RUNS_PER_PAGE,
            )
            for page in pages:
                yield [run(found) for found in page]

    def runs_by_id(self, known: Sequence[tuple[str, str]]) -> Iterator[list[Run]]:
        """Yield those of ``(run id, experiment id)`` that the server still has, in pages."""
        for start in range(0, len(known), _RUNS_PER_SEARCH):
            chunk = [pair for pair in known[start : start + _RUNS_PER_SEARCH] if _ID(pair[0])]
            ids = ", ".join(f"'{run_id}'" for run_id, _ in chunk)
            experiments = sorted({experiment_id for _, experiment_id in chunk})
            yield from self.runs(experiments, where=f"attributes.run_id IN ({ids})")

    def registered_models(self) -> Iterator[list[RegisteredModel]]:
        """Yield pages of all registered models with their aliases."""
        pages = self._pages("search_registered_models", order_by=["name ASC"], max_results=_PAGE)
        for page in pages:
            yield [registered_model(found) for found in page]

    def model_versions(self) -> Iterator[list[ModelVersion]]:
        """Yield pages of all model versions; aliases are known to the registered models only."""
        pages = self._pages("search_model_versions", order_by=["name ASC"], max_results=_PAGE)
        for page in pages:
            yield [model_version(found) for found in page]

    # --- calls ------------------------------------------------------------------------------------
    def _pages(self, search: str, **arguments: Any) -> Iterator[list[Any]]:
        token: str | None = None
        while True:
            page = self._ask(search, **arguments, page_token=token)
            if page:
                yield list(page)
            token = page.token
            if not token:
                return

    def _ask(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return self._call(lambda: getattr(self._client(), method)(*args, **kwargs))

    def _client(self) -> MlflowClient:
        if self._opened is None:
            from mlflow.tracking import MlflowClient

            self._opened = MlflowClient(tracking_uri=self.server, registry_uri=self.server)
        return self._opened

    def _call(self, function: Callable[[], T]) -> T:
        """Call MLflow's client; an answer that is not MLflow's is asked for once more."""
        try:
            return self._call_once(function)
        except ForeignAnswer:
            return self._call_once(function)

    def _call_once(self, function: Callable[[], T]) -> T:
        with _in_environment(self._environment):
            import requests
            from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]
            from mlflow.exceptions import MlflowException

            try:
                return function()
            except Exception as exc:
                ours = (MlflowException, requests.RequestException, ParseError, OSError)
                # MLflow fetches artifacts straight from where they lie, if the server says so.
                if not isinstance(exc, ours) and not is_of_a_storage_client(exc):
                    raise
                told = self._password and self._password in str(exc)
                raise translated(exc, self.server, self._password) from (None if told else exc)

    def _newest_version(self, name: str) -> str:
        quote = '"' if "'" in name else "'"
        found = self._ask(
            "search_model_versions",
            f"name = {quote}{name}{quote}",
            order_by=["version_number DESC"],
            max_results=1,
        )
        if not found:
            raise TrackingRefused(f"model {name!r} has no version", "register one in MLflow")
        return str(found[0].version)

    # --- artifacts --------------------------------------------------------------------------------
    def _version_artifacts(self, version: ModelVersion) -> ArtifactRepository:
        source = self._ask("get_model_version_download_uri", version.name, version.version)
        if source.startswith("models:/m-"):
            model_id = source.removeprefix("models:/").partition("/")[0]
            source = self._ask("get_logged_model", model_id).artifact_location
        return self._repository(source)

    def _repository(self, artifact_uri: str) -> ArtifactRepository:
        def open_repository() -> ArtifactRepository:
            from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

            return get_artifact_repository(
                artifact_uri, tracking_uri=self.server, registry_uri=self.server
            )

        return self._call(open_repository)

    def _fetch(
        self, repository: ArtifactRepository, path: str, folder: Path, name: str, max_bytes: int
    ) -> Path:
        parent = str(PurePosixPath(path).parent)
        listed = self._call(lambda: repository.list_artifacts(None if parent == "." else parent))
        sizes = {file.path: file.file_size for file in listed if not file.is_dir}
        if path not in sizes:
            some = ", ".join(sorted(sizes)[:5]) or "no files"
            raise TrackingRefused(f"there is no {name} (there: {some})", "check the path")
        _refuse_large(sizes[path], max_bytes, name)
        fetched: str = self._call(
            lambda: repository.download_artifacts(path, str(folder))  # type: ignore[no-untyped-call]
        )
        _refuse_large(Path(fetched).stat().st_size, max_bytes, name)
        return Path(fetched)


@contextlib.contextmanager
def _in_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set what MLflow reads from the environment at each call, and put back what was there."""
    with _environment_lock:
        before = {name: os.environ.get(name) for name in values}
        os.environ.update(values)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _limit(name: str, given: int | None, default: int) -> dict[str, str]:
    return {name: os.environ.get(name, str(default)) if given is None else str(given)}


def _split_credentials(uri: str) -> tuple[str, str, str]:
    parts = _parsed(uri)
    # A password may hold whatever ends a host: what follows then passes for the path, and is shown.
    if parts is None or uri.count("@") > ("@" in parts.netloc):
        raise InvalidSettings(
            "MLFLOW_TRACKING_URI cannot be read as an address", "percent-encode the password"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidSettings(
            "MLFLOW_TRACKING_URI is not the address of an MLflow server",
            "write http://host:port, and start `mlflow server` where there is only a folder",
        )
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    address = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
    return address, unquote(name), unquote(password)


def _parsed(uri: str) -> SplitResult | None:
    """Return the parts, or None: what urllib says of a malformed address repeats some of it."""
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - reading it is what refuses one that is no number
    except ValueError:
        return None
    return parts


def _spec_of(model: ModelRef) -> ModelSpec:
    if model.name is None:
        raise TrackingRefused("the evaluation names no model", "add model: to the monitor file")
    # The version that was judged, though the alias may have moved on since.
    return ModelSpec(
        name=model.name,
        version=model.version,
        alias=None if model.version is not None else model.alias,
    )


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
