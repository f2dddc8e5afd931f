"""What tells a window's rows from those of another moment, on any worker."""

from __future__ import annotations

import hashlib
import json
import posixpath
from pathlib import Path
from typing import Any

from monitoring_jobs.data.dataset import Dataset
from monitoring_jobs.data.files import DataFile, storage_errors
from monitoring_jobs.data.identity import DIGITS


def mark_of(dataset: Dataset, source: str) -> str:
    """Return a hash that changes with the rows of a window and is the same for every worker.

    Parquet is told by the files that hold rows of the window: their names, sizes, and times of
    writing or versions. Folders do not count, as workers may mount them at different places, nor do
    files of other windows, as they may arrive all day. What was copied to be read at all, CSV and
    the results of queries, is told by its content.

    Args:
        dataset: The window; ask before its columns are read, so that a change while they are read
            changes the mark of whoever comes later.
        source: Its kind: ``parquet``, ``csv`` or ``sql``.

    Raises:
        DatasetMissing: A file is gone.
        SourceUnavailable: The object storage does not answer.
    """
    if source != "parquet":
        return dataset.identity
    told = [_told(file) for file in dataset.files]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:DIGITS]


def _told(file: DataFile) -> list[Any]:
    name, partition = posixpath.basename(file.path), dict(file.partition)
    if file.filesystem is not None:
        return [name, partition, file.versions()]
    with storage_errors(file.shown):
        found = Path(file.path).stat()
    return [name, partition, found.st_size, found.st_mtime_ns]
