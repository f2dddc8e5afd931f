"""What monitors and extraction ask of MLflow, in our own values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from monitoring_jobs.errors import TrackingRefused
from monitoring_jobs.mlflow_entities import (
    Experiment,
    ModelVersion,
    RegisteredModel,
    Run,
    Signature,
)
from monitoring_jobs.results import ModelRef
from monitoring_jobs.spec import ModelSpec
from monitoring_jobs.tracking.artifacts import MAX_ARTIFACT_BYTES, fetch_artifact, read_signature
from monitoring_jobs.tracking.server import Server
from monitoring_jobs.tracking.shapes import experiment, model_version, registered_model, run

RUNS_PER_PAGE = 1000
_PAGE = 1000
# More ids in one search are rejected by some servers.
EXPERIMENTS_PER_SEARCH = 100
_RUNS_PER_SEARCH = 100
_ALL = 3  # ViewType.ALL, deleted ones included, without importing mlflow for a number
_ID = re.compile(r"[\w-]+").fullmatch


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
    when it will not. They may be called from several threads at once.
    """

    def __init__(
        self, uri: str, *, timeout_seconds: int | None = None, retries: int | None = None
    ) -> None:
        self._server = Server(uri, timeout_seconds=timeout_seconds, retries=retries)

    @property
    def server(self) -> str:
        """The address, free of credentials."""
        return self._server.address

    def __repr__(self) -> str:
        return f"Tracking({self.server!r})"

    # --- what monitors ask ------------------------------------------------------------------------
    def resolve(self, model: ModelSpec) -> ModelVersion:
        """Return the version that a monitor speaks of: by alias, by number, or the newest.

        Raises:
            TrackingRefused: No such model, alias or version.
        """
        # Aliases are asked of the model: a search for versions leaves them out (mlflow#16734).
        registered = registered_model(self._server.ask("get_registered_model", model.name))
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
        found = self._server.ask("get_model_version", model.name, version)
        return model_version(found, alias=model.alias)

    def signature(self, version: ModelVersion) -> Signature | None:
        """Return the features of a model, from its MLmodel file; the model is never loaded.

        Returns:
            None where the model was logged without a signature of named columns.
        """
        return read_signature(self._server, version)

    def download(
        self, run_id: str, artifact_path: str, folder: Path, *, max_bytes: int = MAX_ARTIFACT_BYTES
    ) -> Path:
        """Fetch one data file of a run into ``folder`` and return where it lies.

        The file appears whole or not at all.

        Raises:
            TrackingRefused: Not a .parquet, .csv or .json file, larger than ``max_bytes``, or the
                run has no such artifact.
        """
        return fetch_artifact(self._server, run_id, artifact_path, folder, max_bytes)

    def log_files(self, run_id: str, folder: Path, artifact_path: str) -> None:
        """Store the files of ``folder`` below ``artifact_path`` among a run's artifacts."""
        self._server.ask("log_artifacts", run_id, str(folder), artifact_path)

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
        pages = self._server.pages(
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
        for start in range(0, len(experiment_ids), EXPERIMENTS_PER_SEARCH):
            yield from self._server.search(
                "runs/search",
                "runs",
                run,
                experiment_ids=list(experiment_ids[start : start + EXPERIMENTS_PER_SEARCH]),
                filter=where,
                run_view_type="ALL",
                # Oldest first: a run that begins meanwhile comes last and shifts no page.
                order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
                max_results=page_size or RUNS_PER_PAGE,
            )

    def runs_by_id(self, known: Sequence[tuple[str, str]]) -> Iterator[list[Run]]:
        """Yield those of ``(run id, experiment id)`` that the server still has, in pages."""
        for start in range(0, len(known), _RUNS_PER_SEARCH):
            chunk = [pair for pair in known[start : start + _RUNS_PER_SEARCH] if _ID(pair[0])]
            ids = ", ".join(f"'{run_id}'" for run_id, _ in chunk)
            experiments = sorted({experiment_id for _, experiment_id in chunk})
            yield from self.runs(experiments, where=f"attributes.run_id IN ({ids})")

    def registered_models(self) -> Iterator[list[RegisteredModel]]:
        """Yield pages of all registered models with their aliases."""
        pages = self._server.pages(
            "search_registered_models", order_by=["name ASC"], max_results=_PAGE
        )
        for page in pages:
            yield [registered_model(found) for found in page]

    def model_versions(self) -> Iterator[list[ModelVersion]]:
        """Yield pages of all model versions; aliases are known to the registered models only."""
        pages = self._server.pages(
            "search_model_versions", order_by=["name ASC"], max_results=_PAGE
        )
        for page in pages:
            yield [model_version(found) for found in page]

    def _newest_version(self, name: str) -> str:
        quote = '"' if "'" in name else "'"
        found = self._server.ask(
            "search_model_versions",
            f"name = {quote}{name}{quote}",
            order_by=["version_number DESC"],
            max_results=1,
        )
        if not found:
            raise TrackingRefused(f"model {name!r} has no version", "register one in MLflow")
        return str(found[0].version)


def _spec_of(model: ModelRef) -> ModelSpec:
    if model.name is None:
        raise TrackingRefused("the evaluation names no model", "add model: to the monitor file")
    # The version that was judged, though the alias may have moved on since.
    return ModelSpec(
        name=model.name,
        version=model.version,
        alias=None if model.version is not None else model.alias,
    )
