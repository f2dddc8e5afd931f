"""What a monitor compares, opened: the model by MLflow's word, the window's rows, the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring_jobs.errors import InvalidSettings
from monitoring_jobs.results import ModelRef
from monitoring_jobs.windows import Window

if TYPE_CHECKING:
    from monitoring_jobs.comparison import Comparison
    from monitoring_jobs.settings import Settings
    from monitoring_jobs.spec import MonitorSpec

Download = Callable[[str, Path], Path]


@dataclass(frozen=True, slots=True)
class Model:
    """What MLflow knows of the monitored model; mostly empty where it is not asked.

    Attributes:
        ref: Name, version and alias.
        signature: Kind of every input; None where the monitor file lists its features.
        download: Fetches an artifact of the model's run into a folder.
    """

    ref: ModelRef
    signature: dict[str, str] | None = None
    download: Download | None = None


def ask_mlflow(spec: MonitorSpec, settings: Settings) -> Model:
    """Return what MLflow knows of a monitor's model; it is asked only for what the file needs.

    Raises:
        InvalidSettings: MLflow is needed and not configured.
        TrackingUnavailable: It does not answer.
        TrackingRefused: It has no such model, version or artifact.
    """
    from monitoring_jobs.spec import ArtifactSource

    model, reference = spec.model, spec.reference
    declared = bool(spec.columns.numerical or spec.columns.categorical)
    artifact = reference if isinstance(reference, ArtifactSource) else None
    if settings.mlflow_tracking_uri is None:
        if artifact is not None:
            raise InvalidSettings(
                f"monitor {spec.name!r} takes its reference from MLflow, which is not configured",
                "set MLFLOW_TRACKING_URI or the Airflow connection monitoring_mlflow",
            )
        if model is None:
            return Model(ModelRef())
        if not declared:
            raise InvalidSettings(
                f"monitor {spec.name!r} takes its features from MLflow, which is not configured",
                "set MLFLOW_TRACKING_URI, or list them under columns",
            )
        return Model(ModelRef(name=model.name, version=model.version, alias=model.alias))
    if model is None and artifact is None:
        return Model(ModelRef())

    from monitoring_jobs.tracking import Tracking

    tracking = Tracking(settings.mlflow_tracking_uri)
    version = tracking.resolve(model) if model else None
    signature = tracking.signature(version) if version and not declared else None
    run_id = (artifact and artifact.run_id) or (version.run_id if version else None)

    def download(path: str, folder: Path) -> Path:
        return tracking.download(run_id or "", path, folder)

    ref = (
        ModelRef(name=version.name, version=version.version, alias=version.alias)
        if version
        else ModelRef()
    )
    return Model(ref, dict(signature.inputs) if signature else None, download)


@contextmanager
def opened(
    spec: MonitorSpec, window: Window, settings: Settings, model: Model
) -> Iterator[Comparison]:
    """Open the window's data and the reference, and close both however it ends.

    Raises:
        TransientError: A service did not answer.
        TerminalError: The data or the reference cannot be used.
    """
    from monitoring_jobs.comparison import Comparison
    from monitoring_jobs.data.reference import ReferenceCache
    from monitoring_jobs.data.sources import open_dataset, open_reference, reads_csv
    from monitoring_jobs.features import choose_features, label_columns

    # CSV stores no types, so that only the file can say which digits are labels.
    labels = label_columns(spec) if reads_csv(spec) else set()
    with (
        open_dataset(
            spec.data, window, folder=spec.folder, settings=settings, labels=labels
        ) as current,
        open_reference(
            spec, window, settings=settings, download=model.download, labels=labels
        ) as reference,
    ):
        kinds = {name: str(kind) for name, kind in reference.columns.items()}
        yield Comparison(
            spec,
            choose_features(spec, kinds, model.signature),
            current,
            reference,
            reference_cache=ReferenceCache(settings.cache_dir, _cache_bytes(spec, settings)),
            settings=settings,
        )


def _cache_bytes(spec: MonitorSpec, settings: Settings) -> int:
    """Return how much of a reference to keep: nothing of one that no other window shares."""
    from monitoring_jobs.spec import TrailingSource

    moves = isinstance(spec.reference, TrailingSource)
    return 0 if moves else settings.cache_mb * 2**20
