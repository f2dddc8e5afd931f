"""How complete, varied and plausible the values of a window are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from monitoring_jobs.checks.case import ColumnCase, Scribe
from monitoring_jobs.results import Detail, Measurement, Status
from monitoring_jobs.spec import QualityCheck
from monitoring_jobs.statistics import CategoricalColumn, ColumnStatistics, NumericColumn

# Tukey's fences: a value further than this many interquartile ranges outside the quartiles.
FENCE = 1.5
QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
_Kind = TypeVar("_Kind", NumericColumn, CategoricalColumn)

SCORE_FORMULA = "mean((1 - missing_share) * (1 - invalid_share)) * (1 - duplicate_share)"


def check_column(case: ColumnCase, spec: QualityCheck, min_rows: int = 1) -> list[Measurement]:
    """Measure one column.

    Below ``min_rows`` rows every number keeps its value and none is judged; what is compared with
    the reference is not judged either while the reference holds fewer values than that.
    """
    column = case.current
    scribe = _scribe(case, column.rows, min_rows, "rows in the window")
    measurements = [
        scribe.write("missing_count", float(column.missing)),
        _judged(scribe, spec, "missing_share", _share(column.missing, column.rows)),
        scribe.write("distinct", float(column.distinct)),
        _constant(scribe, column, case.reference),
    ]
    against = _scribe_against_reference(case, scribe, min_rows)
    if isinstance(column, NumericColumn):
        measurements += _describe(scribe, spec, column)
        return measurements + _numbers(against, spec, column, _same_kind(column, case.reference))
    return measurements + _labels(against, spec, column, _same_kind(column, case.reference))


def check_left_out(left_out: Mapping[str, int]) -> list[Measurement]:
    """Count the rows that were met and lie outside the window.

    Rows of other windows are no fault of this one. A row without a time belongs to no window and
    would vanish from all of them, so it is a warning.

    Args:
        left_out: Rows ``before`` the window, ``after`` it, and with ``no_timestamp``, as far as
            they were read or are known from metadata.
    """
    scribe = Scribe(check="quality")
    untimed = left_out.get("no_timestamp", 0)
    return [
        scribe.write("rows_before", float(left_out.get("before", 0))),
        scribe.write("rows_after", float(left_out.get("after", 0))),
        scribe.write(
            "rows_without_timestamp",
            float(untimed),
            threshold=0.0,
            status=Status.WARNING if untimed else Status.OK,
        ),
    ]


def check_dataset(
    *,
    segment: str,
    rows_current: int,
    rows_reference: int,
    min_rows: int,
    duplicates: tuple[int, int] | None,
    columns: Sequence[Measurement],
    spec: QualityCheck,
) -> list[Measurement]:
    """Judge a window, or a segment of it, as a whole.

    ``data_quality_score`` is, in words, the mean share of usable values: the mean over the columns
    of the share of rows whose value is present, finite and within what the reference knows, times
    the share of ids that do not repeat an earlier one:

        mean((1 - missing_share) * (1 - invalid_share)) * (1 - duplicate_share)

    where ``invalid_share`` is a column's ``out_of_range_share`` or ``new_category_share``, else its
    infinite values over those present. A term that was not measured counts as 0. From 0 (nothing
    usable) to 1 (everything).

    Args:
        segment: ``column=value``; empty for the whole window.
        rows_current: Rows of the window in this segment.
        rows_reference: Rows of the reference.
        min_rows: Fewer rows are not judged.
        duplicates: Rows that hold an id, and those whose id stood in an earlier row; None where
            the monitor names no id.
        columns: What ``check_column`` measured; other checks and segments are passed over.
        spec: The limits.
    """
    scribe = Scribe(
        check="quality",
        segment=segment,
        caveat=_too_few(rows_current, min_rows, "rows in the window"),
    )
    measurements = [
        scribe.write(
            "rows",
            float(rows_current),
            threshold=float(min_rows),
            detail={"reference": rows_reference},
        )
    ]
    repeated = None
    if duplicates is not None:
        ids, repeats = duplicates
        repeated = _share(repeats, ids)
        measurements += [
            scribe.write("duplicate_ids", float(repeats), detail={"ids": ids}),
            scribe.write(
                "duplicate_share",
                repeated,
                threshold=spec.duplicate_share,
                status=_above(repeated, spec.duplicate_share),
                detail={"ids": ids},
            ),
        ]
    own = [m for m in columns if m.check == "quality" and m.segment == segment]
    return [*measurements, _score(scribe, own, repeated or 0.0, spec)]


def _score(
    scribe: Scribe, columns: Sequence[Measurement], repeated: float, spec: QualityCheck
) -> Measurement:
    shares = {(m.column, m.metric): m.value for m in columns if m.value is not None}
    usable = [_usable(shares, column) for column, metric in shares if metric == "missing_share"]
    score = float(np.mean(usable)) * (1 - repeated) if usable else None
    failed = score is not None and spec.score is not None and score < spec.score
    return scribe.write(
        "data_quality_score",
        score,
        threshold=spec.score,
        status=Status.FAILED if failed else Status.OK,
        detail={"formula": SCORE_FORMULA, "columns": len(usable)},
    )


def _usable(shares: Mapping[tuple[str, str], float], column: str) -> float:
    present = 1 - shares[column, "missing_share"]
    for metric in ("out_of_range_share", "new_category_share"):
        if (column, metric) in shares:
            return present * (1 - shares[column, metric])
    # Without a range to lie in, a value need only be finite.
    return present - shares.get((column, "infinite_share"), 0.0)


def _describe(scribe: Scribe, spec: QualityCheck, column: NumericColumn) -> list[Measurement]:
    numbers = {
        "min": column.minimum,
        "max": column.maximum,
        "mean": column.mean,
        "std": column.std,
        **{name: column.quantile(q) for name, q in QUANTILES.items()},
    }
    return [
        scribe.write("infinite_count", float(column.infinite)),
        _infinite_share(scribe, spec, column),
        *(_described(scribe, name, number, column.n) for name, number in numbers.items()),
    ]


def _infinite_share(scribe: Scribe, spec: QualityCheck, column: NumericColumn) -> Measurement:
    """Judge infinite values as strictly as missing ones: nobody can use either."""
    share, limit = _share(column.infinite, column.rows), spec.limit("missing_share", scribe.column)
    return scribe.write("infinite_share", share, threshold=limit, status=_above(share, limit))


def _described(scribe: Scribe, metric: str, number: float, n: int) -> Measurement:
    if np.isfinite(number):
        return scribe.write(metric, number)
    needed = 2 if metric == "std" else 1
    absent = f"{n} finite values, {needed} needed" if n < needed else "too large for a float64"
    return scribe.write(metric, None, detail={"reason": absent})


def _constant(
    scribe: Scribe, column: ColumnStatistics, reference: ColumnStatistics | None
) -> Measurement:
    """Say whether the column holds one value only; a warning where the reference holds more."""
    if not column.n:
        return scribe.write("constant", None, detail={"reason": "no values"})
    constant = column.distinct == 1
    froze = constant and reference is not None and reference.distinct > 1
    return scribe.write("constant", float(constant), status=Status.WARNING if froze else Status.OK)


def _numbers(
    scribe: Scribe, spec: QualityCheck, column: NumericColumn, reference: NumericColumn | None
) -> list[Measurement]:
    metrics = ("outlier_count", "outlier_share", "out_of_range_share")
    if reference is None or not reference.n or not column.n + column.infinite:
        return [scribe.write(metric, None, detail=_nothing_in(reference)) for metric in metrics]
    q25, q75 = reference.quantile(0.25), reference.quantile(0.75)
    lower, upper = q25 - FENCE * (q75 - q25), q75 + FENCE * (q75 - q25)
    present = column.n + column.infinite
    # An infinity lies beyond every fence and outside every range.
    outliers = column.count_below(lower) + column.count_above(upper) + column.infinite
    outside = column.count_below(reference.minimum) + column.count_above(reference.maximum)
    fences = {"lower": _finite(lower), "upper": _finite(upper)}
    bounds = {"lower": reference.minimum, "upper": reference.maximum}
    return [
        scribe.write("outlier_count", float(outliers), detail=fences),
        _judged(scribe, spec, "outlier_share", outliers / present, fences),
        _judged(scribe, spec, "out_of_range_share", (outside + column.infinite) / present, bounds),
    ]


def _labels(
    scribe: Scribe,
    spec: QualityCheck,
    column: CategoricalColumn,
    reference: CategoricalColumn | None,
) -> list[Measurement]:
    if reference is None or not reference.n or not column.n:
        return [scribe.write("new_category_share", None, detail=_nothing_in(reference))]
    labels, rows = column.count_unseen(reference)
    detail = {"new_categories": labels}
    return [_judged(scribe, spec, "new_category_share", rows / column.n, detail)]


def _nothing_in(reference: ColumnStatistics | None) -> Detail:
    judged = reference is not None and reference.n
    return {"reason": "no values in the window" if judged else "no values in the reference"}


def _judged(
    scribe: Scribe,
    spec: QualityCheck,
    metric: str,
    share: float | None,
    detail: Detail | None = None,
) -> Measurement:
    limit = spec.limit(metric, scribe.column)
    status = _above(share, limit)
    return scribe.write(metric, share, threshold=limit, status=status, detail=detail)


def _above(share: float | None, limit: float | None) -> Status:
    over = share is not None and limit is not None and share > limit
    return Status.FAILED if over else Status.OK


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


def _same_kind(column: _Kind, reference: ColumnStatistics | None) -> _Kind | None:
    """Return the reference, once it is sure to be of the column's kind."""
    if reference is None or isinstance(reference, type(column)):
        return reference
    raise TypeError("a numerical column cannot be compared with a categorical one")


def _scribe(case: ColumnCase, rows: int, min_rows: int, what: str) -> Scribe:
    return Scribe(
        check="quality",
        column=case.name,
        segment=case.segment,
        caveat=_too_few(rows, min_rows, what),
    )


def _scribe_against_reference(case: ColumnCase, scribe: Scribe, min_rows: int) -> Scribe:
    if scribe.caveat or case.reference is None:
        return scribe
    return _scribe(case, case.reference.n, min_rows, "values in the reference")


def _too_few(rows: int, min_rows: int, what: str) -> str:
    return f"{rows} {what}, {min_rows} needed" if rows < min_rows else ""
