"""Opens what a monitor file calls data and reference."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from monitoring_jobs.data.dataset import Dataset
from monitoring_jobs.data.files import DataFile, Place, find_files
from monitoring_jobs.data.identity import fingerprint, hash_files
from monitoring_jobs.data.mlflow_artifact import fetch_artifact
from monitoring_jobs.data.parquet import ParquetDataset
from monitoring_jobs.data.partitions import may_touch, partition_types
from monitoring_jobs.data.remembered import open_remembered
from monitoring_jobs.data.spool import Spooled
from monitoring_jobs.data.timestamps import Clock
from monitoring_jobs.errors import DatasetMissing, ReferenceMissing, TrackingRefused
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import ArtifactSource, FileSource, MonitorSpec, SqlSource, TrailingSource
from monitoring_jobs.windows import Window, previous

Download = Callable[[str, Path], Path]


def open_dataset(
    source: FileSource | SqlSource,
    window: Window | None,
    *,
    folder: Path,
    settings: Settings,
    binds: Window | None = None,
    labels: Collection[str] = (),
) -> Dataset:
    """Open a source, filtered to a window.

    A folder or glob that holds nothing for the window is a dataset without rows and columns.

    Args:
        source: What the monitor file says.
        window: The rows that are meant; None means all.
        folder: Where relative paths start.
        settings: Connections, and the roots that data may be read from.
        binds: What ``:start`` and ``:end`` mean in a query; None means the window.
        labels: Columns that hold labels whatever these look like today: CSV reads them as text,
            spelled as the normalisation table spells them (3.0 is 3, true is True, 007 stays),
            and their kind is ``CATEGORICAL`` even where a file or database stores numbers. Give
            the same ones for the reference. Needed only where ``reads_csv``: types that are
            stored tell more, such as a target that changed from numbers to words. Names that the
            source lacks are ignored.

    Raises:
        ForbiddenSource: The path is outside the allowed roots.
        UnreadableDataset: The source is not there, is broken, or does not say when rows happened.
        SourceUnavailable: The database or object storage does not answer.
    """
    if isinstance(source, SqlSource):
        from monitoring_jobs.data.sql import spool_sql  # SQLAlchemy is slow to import

        with _temporary_folder() as temporary:
            spooled = spool_sql(source, window, binds or window, temporary, settings)
            return _of_spool(spooled, f"connection {source.connection!r}", temporary, labels)
    place = find_files(source.path, source.source, folder=folder, roots=settings.data_roots)
    return _open_place(source, place, window, settings, labels)


def _open_place(
    source: FileSource,
    place: Place,
    window: Window | None,
    settings: Settings,
    labels: Collection[str],
) -> Dataset:
    """Open files that were found before: no other file can have joined them."""
    with _temporary_folder() as temporary:
        return _open_files(source, place, window, temporary, labels, settings.threads)


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Make a folder that the opened dataset removes when closed, and an error removes at once."""
    temporary = Path(tempfile.mkdtemp(prefix="monitoring-data-"))
    try:
        yield temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def open_reference(
    spec: MonitorSpec,
    window: Window,
    *,
    settings: Settings,
    download: Download | None,
    labels: Collection[str] = (),
) -> Dataset:
    """Open what a monitor compares a window with.

    Args:
        spec: The monitor.
        window: The window under test; no row of it is in a trailing reference, and ``:start`` and
            ``:end`` of a reference query mean its bounds.
        settings: Connections, and the roots that data may be read from.
        download: Fetches an artifact of the model's run into a folder; needed for MLflow artifacts.
        labels: Columns that hold labels, as ``open_dataset`` takes them; give the same ones.

    Raises:
        ReferenceMissing: There is no such reference, or it has no rows.
        SourceUnavailable: The database or object storage does not answer.
    """
    try:
        dataset = _open_reference(spec, window, settings, download, labels)
    except (DatasetMissing, TrackingRefused) as exc:
        raise ReferenceMissing(
            f"monitor {spec.name!r}: the reference is missing: {exc.what}", exc.cure
        ) from exc
    try:
        rows = dataset.rows
    except BaseException:
        dataset.close()
        raise
    if rows == 0:
        dataset.close()
        raise ReferenceMissing(
            f"monitor {spec.name!r}: the reference has no rows", _CURES[spec.reference.source]
        )
    return dataset


_CURES = {
    "parquet": "check reference.path",
    "csv": "check reference.path",
    "sql": "check reference.query or reference.table",
    "mlflow_artifact": "log a reference with rows to the model's run",
    "trailing": "wait until earlier windows have data, or name a fixed reference",
}


def _open_reference(
    spec: MonitorSpec,
    window: Window,
    settings: Settings,
    download: Download | None,
    labels: Collection[str],
) -> Dataset:
    source = spec.reference
    if isinstance(source, ArtifactSource):
        return _open_artifact(source, download, labels, settings.threads)
    opened = partial(open_dataset, folder=spec.folder, settings=settings, labels=labels)
    if isinstance(source, TrailingSource):
        return opened(spec.data, trailing_window(spec, source, window))
    if isinstance(source, SqlSource):
        return opened(source, None, binds=window)
    place = find_files(source.path, source.source, folder=spec.folder, roots=settings.data_roots)
    said = [source.model_dump(mode="json"), sorted(labels)]
    read = partial(_open_place, source, place, None, settings, labels)
    if not settings.cache_mb:
        return read()
    return open_remembered(settings.cache_dir, said, partial(fingerprint, place.files), read)


def reads_csv(spec: MonitorSpec) -> bool:
    """Whether the data or the reference is CSV, which stores no types: see ``labels``."""
    if isinstance(spec.reference, ArtifactSource) and _artifact_kind(spec.reference.path) == "csv":
        return True
    return "csv" in (spec.data.source, spec.reference.source)


def trailing_window(spec: MonitorSpec, source: TrailingSource, window: Window) -> Window:
    """Return the stretch of earlier windows, which ends before the window under test begins."""
    latest = window
    for _ in range(source.skip + 1):
        latest = previous(latest, spec.boundaries, spec.length)
    earliest = latest
    for _ in range(source.windows - 1):
        earliest = previous(earliest, spec.boundaries, spec.length)
    return Window(earliest.start, latest.end)


def _artifact_kind(path: str) -> str:
    return "csv" if path.lower().endswith(".csv") else "parquet"


def _open_artifact(
    source: ArtifactSource, download: Download | None, labels: Collection[str], threads: int
) -> Dataset:
    with _temporary_folder() as temporary:
        path = fetch_artifact(source.path, temporary, download)
        kind = _artifact_kind(str(path))
        files = FileSource.model_validate({"source": kind, "path": str(path)})
        place = Place([DataFile(str(path), source.path)], source.path, may_be_empty=False)
        return _open_files(files, place, None, temporary, labels, threads)


def _open_files(
    source: FileSource,
    place: Place,
    window: Window | None,
    temporary: Path,
    labels: Collection[str],
    threads: int,
) -> Dataset:
    clock = _clock(source)
    types = partition_types([file.partition for file in place.files])
    files: Sequence[DataFile] = place.files
    if window is not None:
        files = [f for f in files if may_touch(f.partition, window, source.timestamp)]
    if source.source == "csv":
        from monitoring_jobs.data.csv import spool_csv  # and so is what it needs

        spooled = spool_csv(files, clock, window, temporary, types, labels=labels)
        return _of_spool(spooled, place.shown, temporary, labels)
    identity = None
    if window is None:
        # Its bytes are its identity, so all of them are needed in any case.
        files = [file.fetched(temporary, number) for number, file in enumerate(files)]
        identity = partial(hash_files, files, threads=threads)
    return ParquetDataset(
        files,
        place.shown,
        clock=clock,
        window=window,
        partition_types=types,
        labels=labels,
        identity=identity,
        on_close=partial(shutil.rmtree, temporary, ignore_errors=True),
    )


def _of_spool(spooled: Spooled, shown: str, temporary: Path, labels: Collection[str]) -> Dataset:
    return ParquetDataset(
        spooled.files,
        shown,
        partition_types=spooled.partition_types,
        labels=labels,
        left_out=spooled.left_out,
        identity=spooled.identity,
        on_close=partial(shutil.rmtree, temporary, ignore_errors=True),
    )


def _clock(source: FileSource | SqlSource) -> Clock | None:
    if source.timestamp is None:
        return None
    return Clock(source.timestamp, source.timezone, source.unit)
