"""Every drift method through a monitor file and through Evidently's report on the same files."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from monitoring_jobs import Settings, evaluate
from monitoring_jobs.drift_methods import METHODS, SPELLINGS
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.results import Measurement, Status
from monitoring_jobs.statistics.permutation import SEED
from tests.fixtures.monitors import DAY, MonitorFactory

ROWS = 600  # on both sides: two of the tests take equal sizes only
PINNED = [(kind, method.name) for method in METHODS.values() for kind in method.kinds]

Compare = Callable[[pd.DataFrame, pd.DataFrame], dict[str, tuple[float, bool]]]


def name_of(kind: str, method: str) -> str:
    return f"{kind}_{method}"


def frame(seed: int, *, moved: bool) -> pd.DataFrame:
    """Return a column per method; sorted, as chance is ours for sorted rows only."""
    random = np.random.default_rng(seed)
    columns: dict[str, np.ndarray] = {}
    for kind, method in PINNED:
        if kind == "numerical":
            values = np.sort(random.normal(1.0 * moved, 1, ROWS))
        else:
            labels = ["a", "b"] if method in ("fisher_exact", "z") else ["a", "b", "c", "d"]
            odds = np.ones(len(labels))
            odds[0] += 4 * moved
            values = np.sort(random.choice(labels, ROWS, p=odds / odds.sum()))
        columns[name_of(kind, method)] = values
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def compare() -> Compare:
    """Return each column's score and verdict by Evidently's report."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import ValueDrift

    def run(current: pd.DataFrame, reference: pd.DataFrame) -> dict[str, tuple[float, bool]]:
        found = {}
        for kind, method in PINNED:
            name = name_of(kind, method)
            definition = DataDefinition(**{f"{kind}_columns": [name]})
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                sides = [Dataset.from_pandas(s[[name]], definition) for s in (current, reference)]
                np.random.seed(SEED)
                report = Report([ValueDrift(column=name, method=method)], include_tests=True)
                result = report.run(*sides).dict()
            (metric,) = result["metrics"]
            (drift,) = [test for test in result["tests"] if test["id"] == "drift"]
            found[name] = (metric["value"], drift["status"] == "FAIL")
        return found

    return run


def table(columns: pd.DataFrame) -> pa.Table:
    times = [DAY.start + n * timedelta(minutes=2) for n in range(ROWS)]
    shuffled = columns.sample(frac=1, random_state=1)
    return pa.Table.from_pandas(shuffled, preserve_index=False).append_column(
        "ts", pa.array(times, pa.timestamp("us", "UTC"))
    )


def measure(
    make_monitor: MonitorFactory, tmp_path: Path, current: pd.DataFrame, reference: pd.DataFrame
) -> dict[str, Measurement]:
    monitor = make_monitor(
        current=table(current),
        reference=table(reference),
        columns={
            kind: [name_of(k, method) for k, method in PINNED if k == kind]
            for kind in ("numerical", "categorical")
        },
        checks={
            "drift": {
                "columns": {name_of(kind, method): {"method": method} for kind, method in PINNED}
            }
        },
    )
    settings = Settings.load(
        report_store=str(tmp_path / "store"), cache_dir=tmp_path / "cache", mlflow_tracking_uri=None
    )
    evaluation = evaluate(load_monitor(monitor), DAY, settings, report=False)
    return {m.column: m for m in evaluation.measurements if m.check == "drift" and m.column}


@pytest.mark.parametrize("moved", [False, True])
def test_every_method_pinned_in_a_file_gives_the_score_and_verdict_of_evidently(
    make_monitor: MonitorFactory, tmp_path: Path, compare: Compare, moved: bool
) -> None:
    reference, current = frame(1, moved=False), frame(2, moved=moved)
    expected = compare(current, reference)
    measured = measure(make_monitor, tmp_path, current, reference)
    for column, (score, _) in expected.items():
        # Evidently lets rounding decide whether an exchange that ties counts.
        within = 0.02 if column == name_of("categorical", "TVD") else 1e-9
        assert measured[column].value == pytest.approx(score, rel=1e-9, abs=within), column
    assert {column: m.detail["drifted"] for column, m in measured.items()} == {
        column: drifted for column, (_, drifted) in expected.items()
    }
    for kind, method in PINNED:
        found = measured[name_of(kind, method)]
        assert (found.metric, found.threshold) == (method, METHODS[method].threshold)
        assert found.status is (Status.WARNING if found.detail["drifted"] else Status.OK)
        if moved:
            assert found.detail["drifted"]


def test_the_table_is_that_of_evidently() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently.legacy.calculations.stattests import registry
        from evidently.legacy.core import ColumnType
    theirs = {
        name: next(iter(by_kind.values()))
        for name, by_kind in registry._registered_stat_tests.items()
        if ColumnType.Text not in by_kind
    }
    assert {
        name: (test.default_threshold, {kind.value for kind in test.allowed_feature_types})
        for name, test in theirs.items()
    } == {
        name: (m.threshold, {"num", "cat"} & {k[:3] for k in m.kinds})
        for name, m in METHODS.items()
    }
    assert not SPELLINGS.keys() & theirs.keys()
