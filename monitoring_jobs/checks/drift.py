"""How far the columns of a window have moved from the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from monitoring_jobs.checks.case import ColumnCase, Scribe
from monitoring_jobs.results import Measurement, Scalar, Status
from monitoring_jobs.spec import DriftCheck, DriftMethod
from monitoring_jobs.spec_rules import CATEGORICAL_METHODS, NUMERICAL_METHODS
from monitoring_jobs.statistics import distances, significance

# A method takes the reference, then the current column; each checks the kinds that it can compare.
METHODS: Mapping[str, Callable[[Any, Any], float]] = MappingProxyType(
    {
        "wasserstein": distances.wasserstein,
        "jensenshannon": distances.jensenshannon,
        "psi": distances.psi,
        "ks": significance.ks,
        "chisquare": significance.chisquare,
        "z": significance.z,
    }
)
_METHODS_OF = {"numerical": NUMERICAL_METHODS, "categorical": CATEGORICAL_METHODS}


def check_column(case: ColumnCase, spec: DriftCheck, min_rows: int = 0) -> list[Measurement]:
    """Score one column by its pinned method.

    The measurement bears the method's name. A drifted column is a warning: whether the dataset has
    drifted is for ``check_dataset`` to say. Counted are the values that can be compared, missing
    and infinite ones left out. A method that the file pins for a column of the other kind is an
    ``error``: only the data tell the kind.

    Args:
        case: The column.
        spec: Methods and thresholds.
        min_rows: Fewer values on either side are not judged; at least ``spec.min_rows``.
    """
    method = spec.method_for(case.name, case.kind)
    n_reference = case.reference.n if case.reference is not None else 0
    scribe = Scribe(
        check="drift",
        column=case.name,
        segment=case.segment,
        caveat=_caveat(case, max(min_rows, spec.min_rows)),
    )
    if method.method not in _METHODS_OF[case.kind]:
        reason = f"{method.method} is no method for a {case.kind} column"
        return [scribe.error(method.method, reason)]
    detail: dict[str, Scalar] = {
        "method": method.method,
        "n_current": case.current.n,
        "n_reference": n_reference,
    }
    if method.is_p_value:
        detail["p_value"] = True
    score = None
    if case.reference is not None and case.current.n and n_reference:
        score = METHODS[method.method](case.reference, case.current)
        if not np.isfinite(score):
            detail["reason"] = _undefined(method)
    if score is not None and np.isfinite(score) and not scribe.caveat:
        detail["drifted"] = is_drifted(score, method)
    status = Status.WARNING if detail.get("drifted") else Status.OK
    return [
        scribe.write(method.method, score, threshold=method.limit, status=status, detail=detail)
    ]


def check_dataset(
    columns: Sequence[Measurement], *, segment: str, spec: DriftCheck
) -> list[Measurement]:
    """Judge the share of drifted columns among those that could be judged.

    Args:
        columns: What ``check_column`` measured; other checks and segments are passed over.
        segment: ``column=value``; empty for the whole window.
        spec: From which share on the dataset has drifted.
    """
    own = [m for m in columns if m.check == "drift" and m.segment == segment and m.column]
    judged = [m for m in own if "drifted" in m.detail]
    drifted = sum(bool(m.detail["drifted"]) for m in judged)
    scribe = Scribe(check="drift", segment=segment)
    detail: dict[str, Scalar] = {"judged": len(judged), "columns": len(own)}
    if not judged:
        detail["reason"] = "no column could be judged"
    share = drifted / len(judged) if judged else None
    status = Status.FAILED if share is not None and share >= spec.share else Status.OK
    count = float(drifted) if judged else None
    return [
        scribe.write("drifted_columns", count, detail=detail),
        scribe.write("drifted_share", share, threshold=spec.share, status=status, detail=detail),
    ]


def is_drifted(score: float, method: DriftMethod) -> bool:
    """Say whether a score means drift: a low p-value does, and so does a great distance.

    On the threshold itself Evidently 0.7.23 is not of one mind, and neither are we: ``ks`` and the
    distances call it drift, ``chisquare`` and ``z`` do not.
    """
    if method.method == "ks":
        return score <= method.limit
    if method.is_p_value:
        return score < method.limit
    return score >= method.limit


def _caveat(case: ColumnCase, min_rows: int) -> str:
    if case.reference is None:
        return "the reference has no such column"
    if case.current.n < min_rows:
        return f"{case.current.n} values in the window, {min_rows} needed"
    if case.reference.n < min_rows:
        return f"{case.reference.n} values in the reference, {min_rows} needed"
    return ""


def _undefined(method: DriftMethod) -> str:
    if method.method == "chisquare":
        return "the test needs two labels, there is one"
    return "the values are too large or too close to each other for a float64"
