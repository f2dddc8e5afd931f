"""What tells a window's rows from those of another moment, on any worker."""

from __future__ import annotations

import hashlib
import json

from monitoring_jobs.data.dataset import Dataset
from monitoring_jobs.data.identity import DIGITS


def mark_of(dataset: Dataset, source: str) -> str:
    """Return a hash that changes with the rows of a window and is the same for every worker.

    Parquet is told by the files that hold rows of the window: their names, sizes, and times of
    writing or versions. Folders do not count, as workers may mount them at different places, nor do
    files of other windows, as they may arrive all day. What was copied to be read at all, CSV and
    the results of queries, is told by its content.

    Args:
        dataset: The window. Its files are told as they were when it was opened; one that is written
            again since is refused when a column is read.
        source: Its kind: ``parquet``, ``csv`` or ``sql``.

    Raises:
        SourceUnavailable: The object storage does not answer.
    """
    if source != "parquet":
        return dataset.identity
    told = json.dumps(dataset.marks, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:DIGITS]
