"""Columns that vanished, appeared or changed their kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitoring_jobs.checks.case import Scribe
from monitoring_jobs.results import Measurement, Status
from monitoring_jobs.spec import SchemaCheck, Severity

_COUNTS = {
    "missing_column": "missing_columns",
    "new_column": "new_columns",
    "type_changed": "type_changes",
}


def check_schema(
    current: Mapping[str, str],
    reference: Mapping[str, str],
    *,
    needed: Sequence[str],
    spec: SchemaCheck,
) -> list[Measurement]:
    """Compare the columns of a window with those of the reference.

    A column that the monitor does not use may at worst warn, however severe the monitor file is.

    Args:
        current: Kind of each column of the window. Empty means that no file was there to read.
        reference: Kind of each column of the reference.
        needed: Every column that the monitor uses. Those may be absent from the reference (ids and
            labels often are), but not from the window.
        spec: What each change means.

    Returns:
        The three counts, then one measurement per offending column in order of column name.
    """
    counts = Scribe(check="schema", caveat="" if current else "the window has no columns to read")
    if not current:
        return [counts.write(count, None) for count in _COUNTS.values()]
    offenders = [
        *_missing(current, reference, needed, spec),
        *_new(current, reference, needed, spec),
        *_changed(current, reference, needed, spec),
    ]
    totals = [
        counts.write(count, sum(m.metric == metric for m in offenders))
        for metric, count in _COUNTS.items()
    ]
    return totals + sorted(offenders, key=lambda m: (m.column, m.metric))


def _missing(
    current: Mapping[str, str],
    reference: Mapping[str, str],
    needed: Sequence[str],
    spec: SchemaCheck,
) -> list[Measurement]:
    return [
        _offender("missing_column", name, spec.missing_column, used=name in needed)
        for name in dict.fromkeys([*needed, *reference])
        if name not in current
    ]


def _new(
    current: Mapping[str, str],
    reference: Mapping[str, str],
    needed: Sequence[str],
    spec: SchemaCheck,
) -> list[Measurement]:
    return [
        _offender("new_column", name, spec.new_column, used=False, found=kind)
        for name, kind in current.items()
        if name not in reference and name not in needed
    ]


def _changed(
    current: Mapping[str, str],
    reference: Mapping[str, str],
    needed: Sequence[str],
    spec: SchemaCheck,
) -> list[Measurement]:
    return [
        _offender(
            "type_changed",
            name,
            spec.type_changed,
            used=name in needed,
            expected=reference[name],
            found=kind,
        )
        for name, kind in current.items()
        if name in reference and reference[name] != kind
    ]


def _offender(
    metric: str, column: str, severity: Severity, *, used: bool, **detail: str
) -> Measurement:
    status = Status(severity)
    if not used:
        status = min(status, Status.WARNING, key=lambda s: s.severity)
    scribe = Scribe(check="schema", column=column)
    return scribe.write(metric, 1.0, status=status, detail={"used": used, **detail})
