"""Segments: the rows of a dataset that share a value of a declared column."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from monitoring_jobs.data.dataset import ColumnKind, Dataset

MAX_SEGMENTS = 50


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows that share a value; ``column`` is empty for the whole window."""

    column: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.column}={self.value}" if self.column else ""


WHOLE = Segment()


def find_segments(dataset: Dataset, columns: Sequence[str]) -> tuple[list[Segment], list[str]]:
    """Return the whole window and the largest segments of each column, in order of their value.

    Args:
        dataset: The window.
        columns: Columns that can be read as labels.

    Returns:
        The segments, and the columns that have more than ``MAX_SEGMENTS`` of them.
    """
    segments, crowded = [WHOLE], []
    for column in columns:
        counted = pc.value_counts(dataset.read(column, ColumnKind.CATEGORICAL))
        sized = pa.table(
            {"value": counted.field("values").cast(pa.string()), "rows": counted.field("counts")}
        ).filter(pc.field("value").is_valid())
        order = [("rows", "descending"), ("value", "ascending")]
        largest = sized.take(pc.select_k_unstable(sized, k=MAX_SEGMENTS, sort_keys=order))
        segments += [Segment(column, value) for value in sorted(largest["value"].to_pylist())]
        if sized.num_rows > MAX_SEGMENTS:
            crowded.append(column)
    return segments, crowded


class SegmentRows:
    """Picks the rows of segments out of a dataset's columns; reads each segment column once.

    Safe to use from several threads.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._lock = threading.Lock()
        self._labels: dict[str, pa.ChunkedArray] = {}
        self._masks: dict[Segment, pa.ChunkedArray] = {}

    def pick(self, values: pa.ChunkedArray, segment: Segment) -> pa.ChunkedArray:
        """Return those of a column's values that lie in a segment."""
        return values if segment == WHOLE else values.filter(self._mask(segment))

    def count(self, segment: Segment) -> int:
        """Return how many rows lie in a segment."""
        if segment == WHOLE:
            return self._dataset.rows
        rows: int = pc.sum(self._mask(segment)).as_py() or 0
        return rows

    def _mask(self, segment: Segment) -> pa.ChunkedArray:
        with self._lock:
            if segment not in self._masks:
                column = segment.column
                if column not in self._labels:
                    self._labels[column] = self._dataset.read(column, ColumnKind.CATEGORICAL)
                value = pa.scalar(segment.value, pa.string())
                self._masks[segment] = pc.equal(self._labels[column], value)
            return self._masks[segment]
