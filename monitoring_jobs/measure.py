"""Every measurement of a window: one column at a time, all segments of it from one read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from monitoring_jobs.budget import Budget
from monitoring_jobs.checks import drift, quality
from monitoring_jobs.checks.case import ColumnCase
from monitoring_jobs.checks.registry import measure_column, min_rows
from monitoring_jobs.comparison import Comparison
from monitoring_jobs.data.dataset import ColumnKind
from monitoring_jobs.measure_labels import measure_labels
from monitoring_jobs.measure_schema import measure_schema, unreadable
from monitoring_jobs.results import Measurement, Scalar
from monitoring_jobs.segments import Segment
from monitoring_jobs.statistics.numeric import NumericColumn

Progress = Callable[[int, int, str], None]


def measure(comparison: Comparison, progress: Progress | None = None) -> list[Measurement]:
    """Return all measurements in a fixed order: schema, columns, dataset, performance.

    Args:
        comparison: The window and its reference.
        progress: Called with columns done, columns in all, and the column's name.
    """
    columns = measure_columns(comparison, list(comparison.judged), progress)
    return conclude(comparison, columns)


def measure_columns(
    comparison: Comparison, names: Sequence[str], progress: Progress | None = None
) -> list[Measurement]:
    """Return the measurements of some of the judged columns, in the order of their names here.

    As many columns are in flight as there are threads, and as the budget of memory allows.

    Args:
        comparison: The window and its reference.
        names: Some keys of ``comparison.judged``.
        progress: Called with columns done, columns in all, and the column's name.
    """
    measurements: list[Measurement] = []
    budget = Budget(comparison.settings.memory_mb * 2**20)

    def measure_one(name: str) -> list[Measurement]:
        with budget.taken(comparison.size(name)):
            return _measure_column(comparison, name)

    with ThreadPoolExecutor(comparison.settings.threads) as threads:
        work = [(name, threads.submit(measure_one, name)) for name in names]
        try:
            for done, (name, future) in enumerate(work, start=1):
                measurements += future.result()
                if progress is not None:
                    progress(done, len(work), name)
        except BaseException:
            # Whoever is told to stop must not wait for the columns that are left.
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return measurements


def conclude(comparison: Comparison, columns: Sequence[Measurement]) -> list[Measurement]:
    """Return all measurements, given those of every judged column in order."""
    return [
        *measure_schema(comparison),
        *columns,
        *_measure_dataset(comparison, columns),
        *measure_labels(comparison),
    ]


def _measure_column(comparison: Comparison, name: str) -> list[Measurement]:
    is_output = name in comparison.features.outputs
    return [
        _of_prediction(measurement, case) if is_output else measurement
        for case in comparison.cases(name)
        for measurement in measure_column(case, comparison.spec.checks)
    ]


def _of_prediction(measurement: Measurement, case: ColumnCase) -> Measurement:
    """Mark a measurement as one of predictions; a quantile says how many do not exceed it."""
    detail: dict[str, Scalar] = {**measurement.detail, "role": "prediction"}
    value, column = measurement.value, case.current
    is_quantile = measurement.metric in quality.QUANTILES
    if is_quantile and value is not None and isinstance(column, NumericColumn):
        detail["at_or_below"] = column.n - column.count_above(value)
    return replace(measurement, detail=detail)


def _measure_dataset(
    comparison: Comparison, columns: Iterable[Measurement]
) -> Iterator[Measurement]:
    checks, id_column = comparison.spec.checks, comparison.spec.columns.id
    duplicates: Mapping[Segment, tuple[int, int]] = {}
    if checks.quality is not False:
        yield from quality.check_left_out(comparison.current.left_out)
        if comparison.can_read(id_column, "categorical"):
            ids = comparison.current.read(str(id_column), ColumnKind.CATEGORICAL)
            duplicates = comparison.rows.count_duplicates(ids, comparison.segments)
        elif id_column in comparison.current.columns:
            yield unreadable(comparison, "quality", "duplicate_ids", str(id_column), "ids")
    by_segment: dict[str, list[Measurement]] = {}
    for measurement in columns:
        by_segment.setdefault(measurement.segment, []).append(measurement)
    reference_rows = comparison.count_reference()
    for segment in comparison.segments:
        own = by_segment.get(str(segment), [])
        if checks.quality is not False:
            yield from quality.check_dataset(
                segment=str(segment),
                rows_current=comparison.rows.count(segment),
                rows_reference=reference_rows.get(segment, 0),
                min_rows=min_rows(checks),
                duplicates=duplicates.get(segment),
                columns=own,
                spec=checks.quality,
            )
        if checks.drift is not False:
            # Inside a segment its own column is constant: it cannot drift and takes no part.
            inputs = comparison.features.inputs.keys() - {segment.column}
            shared = [m for m in own if m.column in inputs]
            yield from drift.check_dataset(shared, segment=str(segment), spec=checks.drift)
