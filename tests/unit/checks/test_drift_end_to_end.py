"""Scores and verdicts through Evidently's public report equal those of our drift check."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from monitoring_jobs.checks.case import ColumnCase
from monitoring_jobs.checks.drift import check_column, check_dataset
from monitoring_jobs.results import Measurement
from monitoring_jobs.spec import DriftCheck, DriftMethod
from monitoring_jobs.statistics import statistics_of

NUMERICAL = {
    "plain": "wasserstein",
    "gaps": "wasserstein",
    "infinite": "ks",
    "steady": "ks",
    "ties": "jensenshannon",
    "few": "jensenshannon",
    "wide": "psi",
    "constant": "psi",
}
CATEGORICAL = {
    "region": "jensenshannon",
    "unseen": "psi",
    "flag": "z",
    "tier": "chisquare",
    "encoded": "chisquare",
}
METHODS = NUMERICAL | CATEGORICAL

Drift = Callable[[pd.DataFrame, pd.DataFrame, dict[str, float]], dict[str, Any]]


@pytest.fixture(scope="module")
def evidently_drift() -> Drift:
    """Run the drift preset with pinned methods and column types."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

    def run(
        current: pd.DataFrame, reference: pd.DataFrame, thresholds: dict[str, float]
    ) -> dict[str, Any]:
        definition = DataDefinition(
            numerical_columns=[*NUMERICAL], categorical_columns=[*CATEGORICAL]
        )
        preset = DataDriftPreset(per_column_method=METHODS, per_column_threshold=thresholds)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            sides = (Dataset.from_pandas(side, definition) for side in (current, reference))
            result = Report([preset], include_tests=True).run(*sides).dict()
        drifted = {
            test["metric_config"]["params"]["column"]: test["status"] == "FAIL"
            for test in result["tests"]
            if test["id"] == "drift"
        }
        total, *columns = result["metrics"]
        scores = {metric["config"]["column"]: metric["value"] for metric in columns}
        return {"scores": scores, "drifted": drifted, **total["value"]}

    return run


def frame(seed: int, rows: int, shift: float) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    gaps = random.normal(shift, size=rows)
    gaps[::7] = np.nan
    infinite = random.normal(shift, size=rows)
    infinite[::11] = np.inf
    infinite[::13] = -np.inf
    infinite[0] = np.nan  # Evidently's total drops infinities only from columns that hold a NaN
    unseen = random.choice(["a", "b"] if not shift else ["a", "b", "new"], rows).astype("object")
    unseen[::9] = None
    return pd.DataFrame(
        {
            "plain": random.normal(shift, size=rows),
            "gaps": gaps,
            "infinite": infinite,
            "steady": random.normal(size=rows),
            "ties": random.integers(0, 40, rows) + int(shift),
            "few": random.integers(0, 4, rows),
            "wide": random.lognormal(shift, 2, rows),
            "constant": np.full(rows, 3.5),
            "region": random.choice(["north", "south", "east"], rows),
            "unseen": unseen,
            "flag": random.random(rows) < 0.5 + shift / 10,
            "tier": random.integers(1, 5, rows),
            "encoded": pd.Categorical(random.choice(list("xyz"), rows), categories=list("zyxw")),
        }
    )


def our_drift(
    current: pd.DataFrame, reference: pd.DataFrame, thresholds: dict[str, float]
) -> tuple[list[Measurement], list[Measurement]]:
    spec = DriftCheck(
        min_rows=1,
        columns={
            name: DriftMethod(method=method, threshold=thresholds.get(name))
            for name, method in METHODS.items()
        },
    )
    columns = []
    for name in METHODS:
        kind = "numerical" if name in NUMERICAL else "categorical"
        sides = [as_read(frame[name], kind) for frame in (current, reference)]
        case = ColumnCase(
            name=name,
            kind=kind,
            segment="",
            current=statistics_of(sides[0]),
            reference=statistics_of(sides[1]),
        )
        columns += check_column(case, spec)
    return columns, check_dataset(columns, segment="", spec=spec)


def as_read(values: pd.Series, kind: str) -> pa.Array:
    if kind == "numerical":
        return pa.array(values.astype("float64"), from_pandas=True)
    if isinstance(values.dtype, pd.CategoricalDtype):
        return pa.Array.from_pandas(values)
    return pa.array([None if pd.isna(v) else str(v) for v in values]).dictionary_encode()


@pytest.mark.parametrize(("rows", "shift"), [(300, 0.0), (300, 1.0), (2_500, 0.2), (40, 0.6)])
def test_scores_flags_and_share_equal_the_drift_preset(
    evidently_drift: Drift, rows: int, shift: float
) -> None:
    reference, current = frame(1, 1_500, 0.0), frame(2, rows, shift)
    theirs = evidently_drift(current, reference, {})
    columns, (count, share) = our_drift(current, reference, {})
    assert {m.column: m.value for m in columns} == pytest.approx(
        theirs["scores"], rel=1e-9, abs=1e-9
    )
    assert {m.column: m.detail["drifted"] for m in columns} == theirs["drifted"]
    assert (count.value, share.value) == (theirs["count"], theirs["share"])


def test_a_score_on_the_threshold_is_judged_as_evidently_judges_it(
    evidently_drift: Drift,
) -> None:
    same = frame(1, 200, 0.0)
    p_values = {"ks", "chisquare", "z"}
    on_it = {name: float(method in p_values) for name, method in METHODS.items()}
    theirs = evidently_drift(same, same, on_it)
    columns, _ = our_drift(same, same, on_it)
    assert {m.column: m.value for m in columns} == on_it
    assert {m.column: m.detail["drifted"] for m in columns} == theirs["drifted"]
    assert {name for name, drifted in theirs["drifted"].items() if not drifted} == {
        name for name, method in METHODS.items() if method in {"chisquare", "z"}
    }
