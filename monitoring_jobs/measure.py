"""Every measurement of a window: one column at a time, all segments of it from one read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitoring_jobs.checks import drift, quality, schema
from monitoring_jobs.checks.case import ColumnCase
from monitoring_jobs.checks.labels import LabelledRows
from monitoring_jobs.checks.performance import check_performance
from monitoring_jobs.checks.registry import measure_column, min_rows
from monitoring_jobs.data.dataset import ColumnKind, Dataset
from monitoring_jobs.data.reference import ReferenceCache
from monitoring_jobs.features import Features, Kind, probability_columns, role_columns
from monitoring_jobs.results import Measurement, Status
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import MonitorSpec
from monitoring_jobs.statistics import ColumnStatistics, statistics_of
from monitoring_jobs.statistics.categorical import count_duplicates

MAX_SEGMENTS = 50
Progress = Callable[[int, int, str], None]

# Bytes that one row of one column may occupy while it is judged: values, sorted copy, scratch.
_BYTES_PER_ROW = 64


_READABLE: Mapping[Kind, frozenset[ColumnKind]] = {
    "numerical": frozenset({ColumnKind.NUMERICAL}),
    "categorical": frozenset({ColumnKind.NUMERICAL, ColumnKind.CATEGORICAL}),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows that share a value; ``column`` is empty for the whole window."""

    column: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.column}={self.value}" if self.column else ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A window and its reference, and what is to be judged about them."""

    spec: MonitorSpec
    features: Features
    current: Dataset
    reference: Dataset
    cache: ReferenceCache
    settings: Settings

    def measure(self, progress: Progress | None = None) -> list[Measurement]:
        """Return all measurements in a fixed order: schema, columns, dataset, performance.

        Args:
            progress: Called with columns done, columns in all, and the column's name.
        """
        segments, masks = _split(self.current, self.spec.segments)
        judged = dict(self._judged_columns())
        columns: list[Measurement] = []
        with ThreadPoolExecutor(self._columns_in_flight()) as threads:
            work = [
                (name, threads.submit(self._measure_column, name, kind, segments, masks))
                for name, kind in judged.items()
            ]
            for done, (name, future) in enumerate(work, start=1):
                columns += future.result()
                if progress is not None:
                    progress(done, len(work), name)
        measurements = [*self._schema(), *_left_out_segments(self.spec, segments, masks), *columns]
        for segment in segments:
            measurements += self._measure_dataset(segment, masks.get(segment), columns)
        for segment in segments:
            measurements += self._performance(segment, masks.get(segment))
        return measurements

    # --- schema -----------------------------------------------------------------------------------
    def _schema(self) -> list[Measurement]:
        spec = self.spec.checks.schema_
        if spec is False or not self.current.columns:
            return []
        # Labels come late and timestamps name no feature: neither is missed, neither is new.
        ignored = {self.spec.columns.target, *self.current.partition_columns}
        roles = [name for name in role_columns(self.spec) if name not in ignored]
        needed = dict.fromkeys([*self.features.all, *roles, *self.spec.segments])
        current = _kinds(self.current, ignored)
        reference = _kinds(self.reference, ignored | (set(roles) - set(needed)))
        for name, kind in self.features.all.items():
            if kind == "numerical":
                reference[name] = kind
        for name in current.keys() & reference.keys():
            # A column without a value bears no type, so it has not changed its type either.
            if current[name] == ColumnKind.EMPTY:
                current[name] = reference[name]
            elif reference[name] == ColumnKind.EMPTY:
                reference[name] = current[name]
        return schema.check_schema(current, reference, needed=list(needed), spec=spec)

    def _judged_columns(self) -> Iterator[tuple[str, Kind]]:
        """Yield the features whose type allows statistics on both sides."""
        for name, kind in self.features.all.items():
            current = self.current.columns.get(name)
            reference = self.reference.columns.get(name, current)
            if current is None or reference is None:
                continue
            sides = {current, reference} - {ColumnKind.EMPTY}
            if len(sides) < 2 and sides <= _READABLE[kind]:
                yield name, kind

    # --- one column -------------------------------------------------------------------------------
    def _measure_column(
        self, name: str, kind: Kind, segments: list[Segment], masks: Mapping[Segment, pa.Array]
    ) -> list[Measurement]:
        values = self.current.read(name, ColumnKind(kind))
        measurements: list[Measurement] = []
        for segment in segments:
            case = ColumnCase(
                name=name,
                kind=kind,
                segment=str(segment),
                current=statistics_of(_rows(values, masks.get(segment))),
                reference=self._reference_statistics(name, kind, segment),
            )
            measurements += measure_column(case, self.spec.checks)
        if name in self.features.outputs:
            return [replace(m, detail={**m.detail, "role": "prediction"}) for m in measurements]
        return measurements

    def _reference_statistics(
        self, name: str, kind: Kind, segment: Segment
    ) -> ColumnStatistics | None:
        if name not in self.reference.columns:
            return None
        if segment.column and segment.column not in self.reference.columns:
            return None

        def compute() -> ColumnStatistics:
            values = self.reference.read(name, ColumnKind(kind))
            if not segment.column:
                return statistics_of(values)
            labels = self.reference.read(segment.column, ColumnKind.CATEGORICAL)
            return statistics_of(_rows(values, _mask(labels, segment.value)))

        return self.cache.get(self.reference.identity, name, kind, str(segment), compute)

    def _columns_in_flight(self) -> int:
        rows = max(self.current.rows, self.reference.rows, 1)
        fitting = self.settings.memory_mb * 2**20 // (rows * _BYTES_PER_ROW)
        return max(1, min(self.settings.threads, fitting))

    # --- the dataset ------------------------------------------------------------------------------
    def _measure_dataset(
        self, segment: Segment, mask: pa.Array | None, columns: list[Measurement]
    ) -> list[Measurement]:
        checks = self.spec.checks
        own = [m for m in columns if m.segment == str(segment)]
        measurements: list[Measurement] = []
        if checks.quality is not False:
            measurements += quality.check_dataset(
                segment=str(segment),
                rows_current=self.current.rows if mask is None else pc.sum(mask).as_py() or 0,
                rows_reference=self.reference.rows,
                min_rows=min_rows(checks),
                duplicates=self._duplicates(mask),
                columns=own,
                spec=checks.quality,
            )
        if checks.drift is not False:
            inputs = [m for m in own if m.column in self.features.inputs]
            measurements += drift.check_dataset(inputs, segment=str(segment), spec=checks.drift)
        return measurements

    def _duplicates(self, mask: pa.Array | None) -> tuple[int, int] | None:
        name = self.spec.columns.id
        if name is None or name not in self.current.columns:
            return None
        return count_duplicates(_rows(self.current.read(name, ColumnKind.CATEGORICAL), mask))

    # --- performance ------------------------------------------------------------------------------
    def _performance(self, segment: Segment, mask: pa.Array | None) -> list[Measurement]:
        spec, columns = self.spec.checks.performance, self.spec.columns
        if spec is False or self.spec.task is None or columns.target is None:
            return []
        if columns.prediction is None or columns.prediction not in self.current.columns:
            return []
        kind = ColumnKind.NUMERICAL if self.spec.task == "regression" else ColumnKind.CATEGORICAL
        labels = LabelledRows(
            task=self.spec.task,
            prediction=_rows(self.current.read(columns.prediction, kind), mask),
            target=_rows(self._target(columns.target, kind), mask),
            probabilities={
                label: _rows(self.current.read(name, ColumnKind.NUMERICAL), mask)
                for label, name in probability_columns(columns).items()
                if self.current.columns.get(name) is ColumnKind.NUMERICAL
            },
            positive_label=columns.positive_label,
        )
        return check_performance(labels, segment=str(segment), spec=spec)

    def _target(self, name: str, kind: ColumnKind) -> pa.ChunkedArray:
        if name in self.current.columns:
            return self.current.read(name, kind)
        # The whole column is late: every label is missing.
        absent = pa.float64() if kind is ColumnKind.NUMERICAL else pa.string()
        return pa.chunked_array([pa.nulls(self.current.rows, absent)])


def _kinds(dataset: Dataset, ignored: set[Any]) -> dict[str, str]:
    return {name: str(kind) for name, kind in dataset.columns.items() if name not in ignored}


def _split(
    current: Dataset, columns: tuple[str, ...]
) -> tuple[list[Segment], dict[Segment, pa.Array]]:
    """Return the whole window and its largest segments, each segment with its row mask."""
    segments, masks = [Segment()], {}
    for column in columns:
        if column not in current.columns:
            continue
        labels = current.read(column, ColumnKind.CATEGORICAL)
        counted = pc.value_counts(labels).to_pylist()
        known = [(c["counts"], str(c["values"])) for c in counted if c["values"] is not None]
        known.sort(key=lambda pair: (-pair[0], pair[1]))
        for _, value in sorted(known[:MAX_SEGMENTS], key=lambda pair: pair[1]):
            segment = Segment(column, value)
            segments.append(segment)
            masks[segment] = _mask(labels, value)
        if len(known) > MAX_SEGMENTS:
            masks[Segment(column)] = pa.array([], pa.bool_())
    return segments, masks


def _left_out_segments(
    spec: MonitorSpec, segments: list[Segment], masks: Mapping[Segment, pa.Array]
) -> Iterator[Measurement]:
    for column in spec.segments:
        if Segment(column) in masks and Segment(column) not in segments:
            yield Measurement(
                check="schema",
                metric="segments_left_out",
                column=column,
                threshold=float(MAX_SEGMENTS),
                status=Status.WARNING,
                detail={"reason": f"only the {MAX_SEGMENTS} largest segments are judged"},
            )


def _mask(labels: pa.ChunkedArray, value: str) -> pa.Array:
    equal = pc.fill_null(pc.equal(labels, pa.scalar(value, pa.string())), False)  # noqa: FBT003
    return equal.combine_chunks() if isinstance(equal, pa.ChunkedArray) else equal


def _rows(values: pa.ChunkedArray, mask: pa.Array | None) -> pa.ChunkedArray:
    return values if mask is None else values.filter(mask)
