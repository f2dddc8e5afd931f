"""Every measurement of a window: one column at a time, all segments of it from one read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, cached_property, partial
from typing import Any

import pyarrow as pa

from monitoring_jobs.budget import Budget
from monitoring_jobs.checks import drift, quality, schema
from monitoring_jobs.checks.case import ColumnCase
from monitoring_jobs.checks.labels import LabelledRows
from monitoring_jobs.checks.performance import check_performance
from monitoring_jobs.checks.registry import measure_column, min_rows
from monitoring_jobs.data.dataset import ColumnKind, Dataset
from monitoring_jobs.data.reference import ReferenceCache
from monitoring_jobs.features import Features, Kind, probability_columns, role_columns
from monitoring_jobs.results import Measurement, Status
from monitoring_jobs.segments import MAX_SEGMENTS, WHOLE, Segment, SegmentRows, find_segments
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import MonitorSpec
from monitoring_jobs.statistics import ColumnStatistics, statistics_of
from monitoring_jobs.statistics.categorical import CategoricalColumn, count_duplicates

Progress = Callable[[int, int, str], None]

# While a column is judged it is held as it was read and as it is sorted.
_COPIES = 2
_MOST_CLASSES = 1000

# As what a column may be judged, by its kind; one without any value agrees with everything.
_READABLE: Mapping[str, frozenset[ColumnKind]] = {
    "numerical": frozenset({ColumnKind.NUMERICAL, ColumnKind.EMPTY}),
    "categorical": frozenset({ColumnKind.NUMERICAL, ColumnKind.CATEGORICAL, ColumnKind.EMPTY}),
}


class Comparison:
    """A window and its reference, and what is to be judged about them."""

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
        self._cache = reference_cache
        self._settings = settings
        readable = [c for c in spec.segments if self._can_read(c, "categorical")]
        self._segments, self._crowded = find_segments(current, readable)
        self._rows = SegmentRows(current, self._segments)
        self._reference_rows = SegmentRows(reference, self._segments)

    def measure(self, progress: Progress | None = None) -> list[Measurement]:
        """Return all measurements in a fixed order: schema, columns, dataset, performance.

        Args:
            progress: Called with columns done, columns in all, and the column's name.
        """
        return self.conclude(self.measure_columns(list(self.judged), progress))

    def measure_columns(
        self, names: Sequence[str], progress: Progress | None = None
    ) -> list[Measurement]:
        """Return the measurements of some of the judged columns, in the order of their names here.

        Args:
            names: Some keys of ``judged``.
            progress: Called with columns done, columns in all, and the column's name.
        """
        measurements: list[Measurement] = []
        budget = Budget(self._settings.memory_mb * 2**20)
        with ThreadPoolExecutor(self._settings.threads) as threads:
            work = [(name, threads.submit(self._measure_within, budget, name)) for name in names]
            for done, (name, future) in enumerate(work, start=1):
                measurements += future.result()
                if progress is not None:
                    progress(done, len(work), name)
        return measurements

    def conclude(self, columns: list[Measurement]) -> list[Measurement]:
        """Return all measurements, given those of every judged column in order."""
        changes = list(self._schema())
        return [
            *changes,
            *self._unjudged(self.judged, {m.column for m in changes}),
            *_left_out_segments(self._crowded),
            *columns,
            *self._measure_dataset(self._segments, columns),
            *self._performance(self._segments),
        ]

    @cached_property
    def judged(self) -> Mapping[str, Kind]:
        """The columns whose type allows statistics on both sides, and as what they are judged."""
        return dict(self._judged_columns())

    def _can_read(self, name: str | None, kind: Kind) -> bool:
        return self.current.columns.get(name or "") in _READABLE[kind]

    # --- schema -----------------------------------------------------------------------------------
    def _schema(self) -> Iterator[Measurement]:
        spec = self.spec.checks.schema_
        if spec is False:
            return
        used = [*self.features.all, *self.spec.segments]
        ignored = self._ignored_columns() - set(used)
        needed = [*used, *(name for name in role_columns(self.spec) if name not in ignored)]
        current, reference = _kinds(self.current, ignored), _kinds(self.reference, ignored)
        reference |= {n: k for n, k in self.features.all.items() if k == "numerical"}
        for name in current.keys() & reference.keys():
            # A column without a value bears no type, so it has not changed its type either.
            if current[name] == ColumnKind.EMPTY:
                current[name] = reference[name]
            elif reference[name] == ColumnKind.EMPTY:
                reference[name] = current[name]
        yield from schema.check_schema(
            current, reference, needed=list(dict.fromkeys(needed)), spec=spec
        )

    def _unjudged(self, judged: Iterable[str], told: Iterable[str]) -> Iterator[Measurement]:
        """Yield the columns that the monitor uses, that no check can read, and nobody told of."""
        if not self.current.columns:
            return
        for name in dict.fromkeys([*self.features.all, *self.spec.segments]):
            as_label = name in self.spec.segments and self._can_read(name, "categorical")
            if name in judged or name in told or (as_label and name not in self.features.all):
                continue
            found = self.current.columns.get(name)
            reason = "the window has no such column"
            if found is not None:
                known = self.reference.columns.get(name, found)
                wanted = self.features.all.get(name, "a segment")
                reason = f"{found} in the window, {known} in the reference, judged as {wanted}"
            yield _trouble("schema", "unreadable_column", name, Status.ERROR, reason)

    def _ignored_columns(self) -> set[str | None]:
        """Return the columns that may come and go: times, folder names, labels that are late."""
        target = self.spec.columns.target
        return {
            self.spec.data.timestamp,
            getattr(self.spec.reference, "timestamp", None),
            *self.current.partition_columns,
            *self.reference.partition_columns,
            *([] if target in self.current.columns else [target]),
        }

    def _judged_columns(self) -> Iterator[tuple[str, Kind]]:
        """Yield the features whose type allows statistics on both sides."""
        for name, kind in self.features.all.items():
            current = self.current.columns.get(name)
            reference = self.reference.columns.get(name, current)
            if current is None or reference is None:
                continue
            agree = len({current, reference} - {ColumnKind.EMPTY}) < 2
            if agree and {current, reference} <= _READABLE[kind]:
                yield name, kind

    # --- one column -------------------------------------------------------------------------------
    def _measure_within(self, budget: Budget, name: str) -> list[Measurement]:
        sides = [side for side in (self.current, self.reference) if name in side.columns]
        with budget.taken(_COPIES * sum(side.size(name) for side in sides)):
            return self._measure_column(name)

    def _measure_column(self, name: str) -> list[Measurement]:
        kind, segments = self.judged[name], self._segments
        values = self.current.read(name, ColumnKind(kind))
        current = self._rows.statistics(values, segments)
        del values  # before the reference needs as much memory
        reference = self._reference_statistics(name, kind, segments)
        measurements: list[Measurement] = []
        for segment in segments:
            case = ColumnCase(
                name=name,
                kind=kind,
                segment=str(segment),
                current=current[segment],
                reference=reference.get(segment),
            )
            measurements += measure_column(case, self.spec.checks)
        if name in self.features.outputs:
            return [replace(m, detail={**m.detail, "role": "prediction"}) for m in measurements]
        return measurements

    def _reference_statistics(
        self, name: str, kind: Kind, segments: Iterable[Segment]
    ) -> dict[Segment, ColumnStatistics]:
        """Return what is known of the reference's segments; nothing of those it cannot have."""
        if name not in self.reference.columns:
            return {}
        # Read at most once, and not at all where the cache knows every segment.
        read = cache(lambda: self.reference.read(name, ColumnKind(kind)))
        together: dict[str, list[Segment]] = {}
        for segment in segments:
            if self._reference_has(segment):
                together.setdefault(segment.column, []).append(segment)
        found: dict[Segment, ColumnStatistics] = {}
        for kept in together.values():
            compute = partial(self._compute_reference, read, kept)
            names = [str(segment) for segment in kept]
            known = self._cache.get(self.reference.identity, name, kind, names, compute)
            found.update(zip(kept, known, strict=True))
        return found

    def _compute_reference(
        self, read: Callable[[], pa.ChunkedArray], segments: Sequence[Segment]
    ) -> list[ColumnStatistics]:
        found = self._reference_rows.statistics(read(), segments)
        return [found[segment] for segment in segments]

    def _reference_has(self, segment: Segment) -> bool:
        kind = self.reference.columns.get(segment.column)
        return segment == WHOLE or kind in _READABLE["categorical"]

    # --- the dataset ------------------------------------------------------------------------------
    def _measure_dataset(
        self, segments: Iterable[Segment], columns: list[Measurement]
    ) -> Iterator[Measurement]:
        checks, id_column = self.spec.checks, self.spec.columns.id
        ids = None
        if checks.quality is not False:
            yield from quality.check_left_out(self.current.left_out)
            if self._can_read(id_column, "categorical"):
                ids = self.current.read(str(id_column), ColumnKind.CATEGORICAL)
            elif id_column in self.current.columns:
                yield _unreadable("quality", "duplicate_ids", str(id_column), "ids", self.current)
        by_segment: dict[str, list[Measurement]] = {}
        for measurement in columns:
            by_segment.setdefault(measurement.segment, []).append(measurement)
        for segment in segments:
            own = by_segment.get(str(segment), [])
            if checks.quality is not False:
                known = self._reference_has(segment)
                yield from quality.check_dataset(
                    segment=str(segment),
                    rows_current=self._rows.count(segment),
                    rows_reference=self._reference_rows.count(segment) if known else 0,
                    min_rows=min_rows(checks),
                    duplicates=(
                        None if ids is None else count_duplicates(self._rows.pick(ids, segment))
                    ),
                    columns=own,
                    spec=checks.quality,
                )
            if checks.drift is not False:
                # Inside a segment its own column is constant: it cannot drift and takes no part.
                inputs = self.features.inputs.keys() - {segment.column}
                shared = [m for m in own if m.column in inputs]
                yield from drift.check_dataset(shared, segment=str(segment), spec=checks.drift)

    # --- performance ------------------------------------------------------------------------------
    def _performance(self, segments: Iterable[Segment]) -> Iterator[Measurement]:
        spec, columns, task = self.spec.checks.performance, self.spec.columns, self.spec.task
        if spec is False or task is None or columns.target is None or columns.prediction is None:
            return
        if not self.current.columns:
            return
        kind: Kind = "numerical" if task == "regression" else "categorical"
        troubles = list(self._label_troubles(columns.prediction, columns.target, kind))
        yield from troubles
        if any(trouble.status is Status.ERROR for trouble in troubles):
            return
        probabilities = {}
        for label, name in probability_columns(columns).items():
            if self._can_read(name, "numerical"):
                probabilities[label] = self.current.read(name, ColumnKind.NUMERICAL)
            elif name in self.current.columns:
                yield _unreadable("performance", "probability", name, "probabilities", self.current)
        prediction = self.current.read(columns.prediction, ColumnKind(kind))
        target = self._target(columns.target, ColumnKind(kind))
        classes = self._classes((columns.prediction, prediction), (columns.target, target))
        for segment in segments:
            labels = LabelledRows(
                task=task,
                prediction=self._rows.pick(prediction, segment),
                target=self._rows.pick(target, segment),
                probabilities={
                    label: self._rows.pick(values, segment)
                    for label, values in probabilities.items()
                },
                positive_label=columns.positive_label,
                classes=classes,
            )
            yield from check_performance(labels, segment=str(segment), spec=spec)

    def _label_troubles(self, prediction: str, target: str, kind: Kind) -> Iterator[Measurement]:
        """Yield why predictions and targets cannot be compared, or never will be."""
        what = "numbers" if kind == "numerical" else "labels"
        for name in (prediction, target):
            if name in self.current.columns and not self._can_read(name, kind):
                yield _unreadable("performance", "labels", name, what, self.current)
        if prediction not in self.current.columns:
            yield _trouble(
                "performance", "labels", prediction, Status.ERROR, "the window has no such column"
            )
        if target not in self.current.columns and target not in self.reference.columns:
            reason = "neither the window nor the reference has such a column"
            yield _trouble("performance", "labels", target, Status.WARNING, reason)

    def _classes(self, *columns: tuple[str, pa.ChunkedArray]) -> list[str]:
        """Return the labels of the whole window and of the reference.

        A day, or a segment, that happens to lack one of three classes is still judged as one of
        three. So many labels that they can be no classes are left for the check to complain about.
        """
        if self.spec.task != "classification":
            return []
        found: set[str] = set()
        for name, values in columns:
            found.update(_labels(statistics_of(values)))
            if self.reference.columns.get(name) in _READABLE["categorical"]:
                known = self._reference_statistics(name, "categorical", [WHOLE])
                found.update(_labels(known.get(WHOLE)))
        return sorted(found)

    def _target(self, name: str, kind: ColumnKind) -> pa.ChunkedArray:
        if name in self.current.columns:
            return self.current.read(name, kind)
        # The whole column is late: every label is missing.
        absent = pa.float64() if kind is ColumnKind.NUMERICAL else pa.string()
        return pa.chunked_array([pa.nulls(self.current.rows, absent)])


def _labels(column: ColumnStatistics | None) -> list[str]:
    if not isinstance(column, CategoricalColumn) or column.distinct > _MOST_CLASSES:
        return []
    labels: list[str] = column.labels.to_pylist()
    return labels


def _kinds(dataset: Dataset, ignored: set[Any]) -> dict[str, str]:
    return {name: str(kind) for name, kind in dataset.columns.items() if name not in ignored}


def _unreadable(check: str, metric: str, column: str, what: str, dataset: Dataset) -> Measurement:
    """Return what is left of a measurement whose column holds something else than it should."""
    reason = f"a {dataset.columns[column]} column cannot be read as {what}"
    return _trouble(check, metric, column, Status.ERROR, reason)


def _trouble(check: str, metric: str, column: str, status: Status, reason: str) -> Measurement:
    return Measurement(
        check=check, metric=metric, column=column, status=status, detail={"reason": reason}
    )


def _left_out_segments(crowded: Iterable[str]) -> Iterator[Measurement]:
    reason = f"only the {MAX_SEGMENTS} largest segments are judged"
    for column in crowded:
        yield _trouble("schema", "segments_left_out", column, Status.WARNING, reason)
