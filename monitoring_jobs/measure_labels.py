"""How good the predictions of a window are: predictions beside targets, segment by segment."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from monitoring_jobs.checks.labels import LabelledRows
from monitoring_jobs.checks.performance import check_performance
from monitoring_jobs.comparison import READABLE, Comparison
from monitoring_jobs.data.dataset import ColumnKind
from monitoring_jobs.features import Kind, probability_columns
from monitoring_jobs.measure_schema import trouble, unreadable
from monitoring_jobs.results import Measurement, Status
from monitoring_jobs.segments import WHOLE
from monitoring_jobs.statistics import ColumnStatistics, statistics_of
from monitoring_jobs.statistics.categorical import CategoricalColumn

_MOST_CLASSES = 1000


def measure_labels(comparison: Comparison) -> Iterator[Measurement]:
    """Yield what the check ``performance`` says, where predictions and targets are declared."""
    spec, columns = comparison.spec.checks.performance, comparison.spec.columns
    task, current = comparison.spec.task, comparison.current
    if spec is False or task is None or columns.target is None or columns.prediction is None:
        return
    if not current.columns:
        return
    kind: Kind = "numerical" if task == "regression" else "categorical"
    troubles = list(_troubles(comparison, columns.prediction, columns.target, kind))
    yield from troubles
    if any(found.status is Status.ERROR for found in troubles):
        return
    probabilities = {}
    for label, name in probability_columns(columns).items():
        if comparison.can_read(name, "numerical"):
            probabilities[label] = current.read(name, ColumnKind.NUMERICAL)
        elif name in current.columns:
            yield unreadable(comparison, "performance", "probability", name, "probabilities")
    prediction = current.read(columns.prediction, ColumnKind(kind))
    target = _target(comparison, columns.target, ColumnKind(kind))
    known = {columns.prediction: prediction, columns.target: target}
    classes = _classes(comparison, known) if task == "classification" else []
    pick = comparison.rows.pick
    for segment in comparison.segments:
        labels = LabelledRows(
            task=task,
            prediction=pick(prediction, segment),
            target=pick(target, segment),
            probabilities={label: pick(found, segment) for label, found in probabilities.items()},
            positive_label=columns.positive_label,
            classes=classes,
        )
        yield from check_performance(labels, segment=str(segment), spec=spec)


def _troubles(
    comparison: Comparison, prediction: str, target: str, kind: Kind
) -> Iterator[Measurement]:
    """Yield why predictions and targets cannot be compared, or never will be."""
    current, reference = comparison.current.columns, comparison.reference.columns
    what = "numbers" if kind == "numerical" else "labels"
    for name in (prediction, target):
        if name in current and not comparison.can_read(name, kind):
            yield unreadable(comparison, "performance", "labels", name, what)
    if prediction not in current:
        reason = "the window has no such column"
        yield trouble("performance", "labels", prediction, Status.ERROR, reason)
    if target not in current and target not in reference:
        reason = "neither the window nor the reference has such a column"
        yield trouble("performance", "labels", target, Status.WARNING, reason)


def _classes(comparison: Comparison, columns: dict[str, pa.ChunkedArray]) -> list[str]:
    """Return the labels of the whole window and of the reference.

    A day, or a segment, that happens to lack one of three classes is still judged as one of three.
    So many labels that they can be no classes are left for the check to complain about.
    """
    found: set[str] = set()
    for name, values in columns.items():
        found.update(_labels(statistics_of(values)))
        if comparison.reference.columns.get(name) in READABLE["categorical"]:
            known = comparison.reference_statistics(name, "categorical", [WHOLE])
            found.update(_labels(known.get(WHOLE)))
    return sorted(found)


def _labels(column: ColumnStatistics | None) -> list[str]:
    if not isinstance(column, CategoricalColumn) or column.distinct > _MOST_CLASSES:
        return []
    labels: list[str] = column.labels.to_pylist()
    return labels


def _target(comparison: Comparison, name: str, kind: ColumnKind) -> pa.ChunkedArray:
    if name in comparison.current.columns:
        return comparison.current.read(name, kind)
    # The whole column is late: every label is missing.
    absent = pa.float64() if kind is ColumnKind.NUMERICAL else pa.string()
    return pa.chunked_array([pa.nulls(comparison.current.rows, absent)])
