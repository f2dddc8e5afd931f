"""Which columns are there, which have changed, and which cannot be judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from monitoring_jobs.checks import schema
from monitoring_jobs.comparison import Comparison
from monitoring_jobs.data.dataset import ColumnKind, Dataset
from monitoring_jobs.features import role_columns
from monitoring_jobs.results import Measurement, Status
from monitoring_jobs.segments import MAX_SEGMENTS


def measure_schema(comparison: Comparison) -> list[Measurement]:
    """Return what the check ``schema`` says, and why columns and segments are not judged."""
    changes = list(_changes(comparison))
    return [
        *changes,
        *_unjudged(comparison, {m.column for m in changes}),
        *_left_out_segments(comparison.crowded),
    ]


def unreadable(
    comparison: Comparison, check: str, metric: str, column: str, what: str
) -> Measurement:
    """Return what is left of a measurement whose column holds something else than it should."""
    kind = comparison.current.columns[column]
    reason = f"a {kind} column cannot be read as {what}"
    return trouble(check, metric, column, Status.ERROR, reason)


def trouble(check: str, metric: str, column: str, status: Status, reason: str) -> Measurement:
    """Return a measurement without a number, and why."""
    return Measurement(
        check=check, metric=metric, column=column, status=status, detail={"reason": reason}
    )


def _changes(comparison: Comparison) -> Iterator[Measurement]:
    spec, features = comparison.spec.checks.schema_, comparison.features
    if spec is False:
        return
    used = [*features.all, *comparison.spec.segments]
    ignored = _ignored_columns(comparison) - set(used)
    needed = [*used, *(name for name in role_columns(comparison.spec) if name not in ignored)]
    current, reference = (
        _kinds(side, ignored) for side in (comparison.current, comparison.reference)
    )
    reference |= {n: k for n, k in features.all.items() if k == "numerical"}
    for name in current.keys() & reference.keys():
        # A column without a value bears no type, so it has not changed its type either.
        if current[name] == ColumnKind.EMPTY:
            current[name] = reference[name]
        elif reference[name] == ColumnKind.EMPTY:
            reference[name] = current[name]
    yield from schema.check_schema(
        current, reference, needed=list(dict.fromkeys(needed)), spec=spec
    )


def _unjudged(comparison: Comparison, told: Iterable[str]) -> Iterator[Measurement]:
    """Yield the columns that the monitor uses, that no check can read, and nobody told of."""
    current, features = comparison.current.columns, comparison.features.all
    if not current:
        return
    for name in dict.fromkeys([*features, *comparison.spec.segments]):
        as_label = name in comparison.spec.segments and comparison.can_read(name, "categorical")
        if name in comparison.judged or name in told or (as_label and name not in features):
            continue
        found = current.get(name)
        reason = "the window has no such column"
        if found is not None:
            known = comparison.reference.columns.get(name, found)
            wanted = features.get(name, "a segment")
            reason = f"{found} in the window, {known} in the reference, judged as {wanted}"
        yield trouble("schema", "unreadable_column", name, Status.ERROR, reason)


def _ignored_columns(comparison: Comparison) -> set[str | None]:
    """Return the columns that may come and go: times, folder names, labels that are late."""
    target = comparison.spec.columns.target
    return {
        comparison.spec.data.timestamp,
        getattr(comparison.spec.reference, "timestamp", None),
        *comparison.current.partition_columns,
        *comparison.reference.partition_columns,
        *([] if target in comparison.current.columns else [target]),
    }


def _kinds(dataset: Dataset, ignored: set[Any]) -> dict[str, str]:
    return {name: str(kind) for name, kind in dataset.columns.items() if name not in ignored}


def _left_out_segments(crowded: Iterable[str]) -> Iterator[Measurement]:
    reason = f"only the {MAX_SEGMENTS} largest segments are judged"
    for column in crowded:
        yield trouble("schema", "segments_left_out", column, Status.WARNING, reason)
