"""How far the columns of a window have moved from the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from monitoring_jobs.checks.case import ColumnCase, Scribe
from monitoring_jobs.drift_methods import METHODS
from monitoring_jobs.results import Measurement, Scalar, Status
from monitoring_jobs.spec import DriftCheck
from monitoring_jobs.statistics import (
    binned,
    contingency,
    distances,
    permutation,
    ranks,
    significance,
)

# Each method takes the reference, then the current column, of a kind that the table allows it.
SCORES: Mapping[str, Callable[[Any, Any], float]] = MappingProxyType(
    {
        "wasserstein": distances.wasserstein,
        "ed": distances.ed,
        "jensenshannon": binned.jensenshannon,
        "psi": binned.psi,
        "kl_div": binned.kl_div,
        "hellinger": binned.hellinger,
        "ks": significance.ks,
        "cramer_von_mises": ranks.cramer_von_mises,
        "anderson": ranks.anderson,
        "mannw": ranks.mannw,
        "t_test": significance.t_test,
        "es": significance.es,
        "empirical_mmd": permutation.empirical_mmd,
        "chisquare": contingency.chisquare,
        "z": contingency.z,
        "g_test": contingency.g_test,
        "fisher_exact": contingency.fisher_exact,
        "TVD": permutation.tvd,
    }
)
# How many rows a side a method compares at most, where it does not compare them all.
SAMPLES: Mapping[str, Callable[[Any, Any], int | None]] = MappingProxyType(
    {
        "empirical_mmd": permutation.rows_compared_by_mmd,
        "TVD": permutation.rows_compared_by_tvd,
    }
)


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
    chosen = spec.method_for(case.name, case.kind)
    method = METHODS[chosen.method]
    n_reference = case.reference.n if case.reference is not None else 0
    scribe = Scribe(
        check="drift",
        column=case.name,
        segment=case.segment,
        caveat=_caveat(case, max(min_rows, spec.min_rows)),
    )
    if case.kind not in method.kinds:
        reason = f"{method.name} is no method for a {case.kind} column"
        return [scribe.error(method.name, reason)]
    detail: dict[str, Scalar] = {
        "method": method.name,
        "n_current": case.current.n,
        "n_reference": n_reference,
    }
    if method.is_p_value:
        detail["p_value"] = True
    score = None
    if case.reference is not None and case.current.n and n_reference:
        sampled = SAMPLES.get(method.name, _compares_all)(case.reference, case.current)
        if sampled is not None:
            detail["sampled"] = sampled
        score = SCORES[method.name](case.reference, case.current)
        if not np.isfinite(score):
            detail["reason"] = f"{method.name} needs {method.needs or 'finite values'}"
    if score is not None and np.isfinite(score) and not scribe.caveat:
        detail["drifted"] = method.is_drift(score, chosen.limit)
    status = Status.WARNING if detail.get("drifted") else Status.OK
    return [scribe.write(method.name, score, threshold=chosen.limit, status=status, detail=detail)]


def _compares_all(_reference: object, _current: object) -> None:
    return None


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


def _caveat(case: ColumnCase, min_rows: int) -> str:
    if case.reference is None:
        return "the reference has no such column"
    if case.current.n < min_rows:
        return f"{case.current.n} values in the window, {min_rows} needed"
    if case.reference.n < min_rows:
        return f"{case.reference.n} values in the reference, {min_rows} needed"
    return ""
