"""Segments: the rows of a dataset that share a value of a declared column."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from monitoring_jobs.data.dataset import ColumnKind, Dataset
from monitoring_jobs.statistics import ColumnStatistics, statistics_of
from monitoring_jobs.statistics.buffers import to_arrow
from monitoring_jobs.statistics.categorical import EncodedLabels
from monitoring_jobs.statistics.groups import Groups, statistics_of_groups

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
        labels = EncodedLabels(dataset.read(column, ColumnKind.CATEGORICAL)).count()
        # Labels ascend, and so they do among segments of the same size.
        largest = np.argsort(-labels.counts, kind="stable")[:MAX_SEGMENTS]
        values = labels.labels.take(to_arrow(np.sort(largest))).to_pylist()
        segments += [Segment(column, value) for value in values]
        if labels.distinct > MAX_SEGMENTS:
            crowded.append(column)
    return segments, crowded


class SegmentRows:
    """The rows of segments in a dataset; reads each segment column once.

    Safe to use from several threads.

    Args:
        dataset: A window or a reference.
        segments: The segments that will be asked for.
    """

    def __init__(self, dataset: Dataset, segments: Sequence[Segment]) -> None:
        self._dataset = dataset
        self._lock = threading.Lock()
        self._groups: dict[str, Groups] = {}
        self._values: dict[str, list[str]] = {}
        for segment in segments:
            if segment != WHOLE:
                self._values.setdefault(segment.column, []).append(segment.value)

    def statistics(
        self, values: pa.ChunkedArray, segments: Collection[Segment]
    ) -> dict[Segment, ColumnStatistics]:
        """Return the statistics of a column in some segments.

        A row is looked at once for the whole and once for each segment column, however many
        segments it has.
        """
        found: dict[Segment, ColumnStatistics] = {}
        for column in {segment.column for segment in segments if segment != WHOLE}:
            grouped = statistics_of_groups(values, self._grouped(column))
            named = (Segment(column, value) for value in self._values[column])
            found.update(zip(named, grouped, strict=True))
        if WHOLE in segments:
            found[WHOLE] = statistics_of(values)
        return {segment: found[segment] for segment in segments}

    def count_duplicates(
        self, ids: pa.ChunkedArray, segments: Collection[Segment]
    ) -> dict[Segment, tuple[int, int]]:
        """Return how many rows of each segment hold an id, and how many of them repeat one."""
        labels = EncodedLabels(ids)
        found = {WHOLE: labels.count_duplicates()} if WHOLE in segments else {}
        codes = labels.distinct_codes() if len(segments) > len(found) else None
        for segment in segments:
            if segment != WHOLE and codes is not None:
                own = codes[self._grouped(segment.column).rows(self._number(segment))]
                present = own[own >= 0]
                found[segment] = present.size, present.size - np.unique(present).size
        return found

    def pick(self, values: pa.ChunkedArray, segment: Segment) -> pa.ChunkedArray:
        """Return those of a column's values that lie in a segment."""
        if segment == WHOLE:
            return values
        return values.take(to_arrow(self._grouped(segment.column).rows(self._number(segment))))

    def count(self, segment: Segment) -> int:
        """Return how many rows lie in a segment."""
        if segment == WHOLE:
            return self._dataset.rows
        return self._grouped(segment.column).size(self._number(segment))

    def _number(self, segment: Segment) -> int:
        return self._values[segment.column].index(segment.value)

    def _grouped(self, column: str) -> Groups:
        with self._lock:
            if column not in self._groups:
                labels = EncodedLabels(self._dataset.read(column, ColumnKind.CATEGORICAL))
                values = self._values[column]
                self._groups[column] = Groups.of(labels.positions_in(values), len(values))
            return self._groups[column]
