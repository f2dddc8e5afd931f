"""A window beside its reference: which columns can be judged, and their statistics by segment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, partial

import pyarrow as pa

from monitoring_jobs.checks.case import ColumnCase
from monitoring_jobs.data.dataset import ColumnKind, Dataset
from monitoring_jobs.data.reference import ReferenceCache
from monitoring_jobs.features import Features, Kind
from monitoring_jobs.segments import WHOLE, Segment, SegmentRows, find_segments
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import MonitorSpec
from monitoring_jobs.statistics import ColumnStatistics
from monitoring_jobs.statistics.categorical import CategoricalColumn

# As what a column may be judged, by its kind; one without any value agrees with everything.
READABLE: Mapping[str, frozenset[ColumnKind]] = {
    "numerical": frozenset({ColumnKind.NUMERICAL, ColumnKind.EMPTY}),
    "categorical": frozenset({ColumnKind.NUMERICAL, ColumnKind.CATEGORICAL, ColumnKind.EMPTY}),
}
# While a column is judged it is held as it was read and as it is sorted.
_COPIES = 2


class Comparison:
    """What a monitor compares. Safe to read from several threads.

    Attributes:
        spec: The monitor.
        features: The columns that it judges, as what and in which role.
        current: The window.
        reference: What the window is compared with.
        settings: How many threads and how much memory may be used.
        segments: The segments of the window, the whole window first.
        crowded: Segment columns with more values than there may be segments.
        rows: Which rows of the window lie in which segment.
    """

    def __init__(
        self,
        spec: MonitorSpec,
        features: Features,
        current: Dataset,
        reference: Dataset,
        *,
        reference_cache: ReferenceCache,
        settings: Settings,
    ) -> None:
        self.spec = spec
        self.features = features
        self.current = current
        self.reference = reference
        self.settings = settings
        self._cache = reference_cache
        readable = [c for c in spec.segments if self.can_read(c, "categorical")]
        self.segments, self.crowded = find_segments(current, readable)
        self.rows = SegmentRows(current, self.segments)
        self._reference_rows = SegmentRows(reference, self.segments)

    @cached_property
    def judged(self) -> Mapping[str, Kind]:
        """The columns whose type allows statistics on both sides, and as what they are judged."""
        return dict(self._judged_columns())

    def _judged_columns(self) -> Iterator[tuple[str, Kind]]:
        for name, kind in self.features.all.items():
            current = self.current.columns.get(name)
            reference = self.reference.columns.get(name, current)
            if current is None or reference is None:
                continue
            agree = len({current, reference} - {ColumnKind.EMPTY}) < 2
            if agree and {current, reference} <= READABLE[kind]:
                yield name, kind

    def can_read(self, name: str | None, kind: Kind) -> bool:
        """Whether the window has such a column and it can be read as that kind."""
        return self.current.columns.get(name or "") in READABLE[kind]

    def size(self, name: str) -> int:
        """Return about how many bytes it takes to judge a column."""
        sides = [side for side in (self.current, self.reference) if name in side.columns]
        # Each segment column takes another copy, in the order of its segments.
        copies = _COPIES + len({segment.column for segment in self.segments} - {WHOLE.column})
        return copies * sum(side.size(name) for side in sides)

    def cases(self, name: str) -> Iterator[ColumnCase]:
        """Yield a judged column in every segment; each side is read at most once."""
        kind = self.judged[name]
        values = self.current.read(name, ColumnKind(kind))
        current = self.rows.statistics(values, self.segments)
        del values  # before the reference needs as much memory
        reference = self.reference_statistics(name, kind, self.segments)
        for segment in self.segments:
            yield ColumnCase(
                name=name,
                kind=kind,
                segment=str(segment),
                current=current[segment],
                reference=reference.get(segment),
            )

    # --- the reference ----------------------------------------------------------------------------
    def reference_statistics(
        self, name: str, kind: Kind, segments: Iterable[Segment]
    ) -> dict[Segment, ColumnStatistics]:
        """Return what is known of the reference's segments; nothing of those it cannot have."""
        if name not in self.reference.columns:
            return {}
        # Read at most once, and not at all where the cache knows every segment.
        read = cache(lambda: self.reference.read(name, ColumnKind(kind)))
        found: dict[Segment, ColumnStatistics] = {}
        for kept in _by_column(filter(self._reference_has, segments)).values():
            compute = partial(self._compute_reference, read, kept)
            # As it is shown, a segment of column "a=b" may look like one of column "a".
            names = [json.dumps([segment.column, segment.value]) for segment in kept]
            known = self._cache.get(self.reference.identity, name, kind, names, compute)
            found.update(zip(kept, known, strict=True))
        return found

    def _compute_reference(
        self, read: Callable[[], pa.ChunkedArray], segments: Sequence[Segment]
    ) -> list[ColumnStatistics]:
        found = self._reference_rows.statistics(read(), segments)
        return [found[segment] for segment in segments]

    def count_reference(self) -> dict[Segment, int]:
        """Return how many rows of the reference lie in each segment that it can have."""
        counts = {WHOLE: self.reference.rows}
        for column, kept in _by_column(self.segments).items():
            if not column or not self._reference_has(kept[0]):
                continue
            # The column's labels are kept, so that no window need read them again.
            labels = self.reference_statistics(column, "categorical", [WHOLE])[WHOLE]
            if isinstance(labels, CategoricalColumn):
                counts |= {segment: labels.count(segment.value) for segment in kept}
        return counts

    def _reference_has(self, segment: Segment) -> bool:
        kind = self.reference.columns.get(segment.column)
        return segment == WHOLE or kind in READABLE["categorical"]


def _by_column(segments: Iterable[Segment]) -> dict[str, list[Segment]]:
    found: dict[str, list[Segment]] = {}
    for segment in segments:
        found.setdefault(segment.column, []).append(segment)
    return found
