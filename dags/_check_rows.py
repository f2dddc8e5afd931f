"""The checks of a monitor as rows of a table: what is measured, and what passes."""

from __future__ import annotations

from collections.abc import Iterator

from _markup import code

from monitoring_jobs import drift_methods
from monitoring_jobs.spec import (
    Bound,
    DriftCheck,
    DriftMethod,
    MonitorSpec,
    PerformanceCheck,
    QualityCheck,
    QualityLimits,
    SchemaCheck,
)

_MOST_EXCEPTIONS = 50


def check_rows(spec: MonitorSpec) -> Iterator[tuple[str, str, str, str]]:
    """Yield the rows of a table: check, what it measures, on which columns, what passes."""
    checks = spec.checks
    for name, check, rows in (
        ("schema", checks.schema_, _schema),
        ("quality", checks.quality, _quality),
        ("drift", checks.drift, _drift),
        ("performance", checks.performance, _performance),
    ):
        if check is False:
            yield name, "off", "", ""
        elif name != "performance" or (spec.task and spec.columns.target):
            yield from ((name, *row) for row in rows(check))  # type: ignore[operator]


def _schema(check: SchemaCheck) -> Iterator[tuple[str, str, str]]:
    for change, severity in (
        ("missing column", check.missing_column),
        ("new column", check.new_column),
        ("changed type", check.type_changed),
    ):
        yield change, "all", f"counts as {severity}"


def _quality(check: QualityCheck) -> Iterator[tuple[str, str, str]]:
    for metric in QualityLimits.model_fields:
        limit = getattr(check, metric)
        if limit is not None:
            yield code(metric), "all", f"up to {limit:g}"
    if check.duplicate_share is not None:
        yield code("duplicate_share"), "ids", f"up to {check.duplicate_share:g}"
    if check.score is not None:
        yield code("data_quality_score"), "all together", f"from {check.score:g} on"
    for column, limits in list(check.columns.items())[:_MOST_EXCEPTIONS]:
        for metric in sorted(limits.model_fields_set):
            limit = getattr(limits, metric)
            passes = "not judged" if limit is None else f"up to {limit:g}"
            yield code(metric), code(column), passes
    yield from _left_out(len(check.columns))


def _drift(check: DriftCheck) -> Iterator[tuple[str, str, str]]:
    yield code(check.numerical.method), "numerical", _no_drift(check.numerical)
    yield code(check.categorical.method), "categorical", _no_drift(check.categorical)
    for column, method in list(check.columns.items())[:_MOST_EXCEPTIONS]:
        yield code(method.method), code(column), _no_drift(method)
    yield from _left_out(len(check.columns))
    yield code("drifted_share"), "all together", f"below {check.share:g}"
    yield "rows needed", "a side", f"{check.min_rows} or more, else not judged"


def _no_drift(method: DriftMethod) -> str:
    known = drift_methods.METHODS[method.method]
    passes = {"<": "from {} on", "<=": "above {}", ">": "up to {}", ">=": "below {}"}
    kind = "p-value" if known.is_p_value else "distance"
    return f"{passes[known.drift_when].format(f'{method.limit:g}')} ({kind})"


def _performance(check: PerformanceCheck) -> Iterator[tuple[str, str, str]]:
    for metric in PerformanceCheck.model_fields:
        bound = getattr(check, metric)
        if isinstance(bound, Bound):
            ends = [f"from {bound.min:g} on"] if bound.min is not None else []
            ends += [f"up to {bound.max:g}"] if bound.max is not None else []
            yield code(metric), "all together", ", ".join(ends)
    yield "all other metrics of the task", "all together", "not judged"
    yield "labels needed", "", f"{check.min_labels} or more, else not judged"


def _left_out(count: int) -> Iterator[tuple[str, str, str]]:
    if count > _MOST_EXCEPTIONS:
        yield "exceptions", f"{count - _MOST_EXCEPTIONS} more columns", "see the monitor file"
