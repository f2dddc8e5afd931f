"""Every drift score equals that of the installed Evidently, and so does every verdict."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from monitoring_jobs.checks.drift import METHODS, is_drifted
from monitoring_jobs.spec import DriftMethod
from monitoring_jobs.statistics import CategoricalColumn, NumericColumn, statistics_of

NUMERICAL = ("wasserstein", "ks", "jensenshannon", "psi")
CATEGORICAL = ("jensenshannon", "psi", "chisquare", "z")

PARITY = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def evidently() -> SimpleNamespace:
    """Evidently's own tests, called as its drift calculation calls them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently.legacy.calculations.stattests import get_stattest
        from evidently.legacy.core import ColumnType

    def score(kind: str, method: str, reference: pd.Series, current: pd.Series) -> Any:
        column_type = ColumnType.Numerical if kind == "numerical" else ColumnType.Categorical
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            sides = [s.replace([-np.inf, np.inf], np.nan).dropna() for s in (reference, current)]
            test = get_stattest(*sides, column_type, method)
            return test(*sides, column_type, None)

    return SimpleNamespace(score=score)


def assert_parity(
    evidently: SimpleNamespace, kind: str, method: str, reference: pd.Series, current: pd.Series
) -> None:
    theirs = evidently.score(kind, method, reference, current)
    ours = METHODS[method](column_of(reference, kind), column_of(current, kind))
    if np.isnan(theirs.drift_score):
        # Rounding below zero under scipy's square root: what it stands for is a distance of 0.
        assert np.isnan(ours) or (method == "jensenshannon" and ours < 1e-7)
        return
    assert ours == pytest.approx(theirs.drift_score, rel=1e-9, abs=1e-9)
    assert is_drifted(ours, DriftMethod(method=method)) == theirs.drifted


def column_of(series: pd.Series, kind: str) -> NumericColumn | CategoricalColumn:
    if kind == "numerical":
        return NumericColumn.from_arrow(pa.array(series.astype("float64"), from_pandas=True))
    labels = [None if pd.isna(value) else str(value) for value in series]
    return CategoricalColumn.from_arrow(pa.array(labels, pa.string()).dictionary_encode())


# --- numerical columns ------------------------------------------------------------
present = st.one_of(
    st.integers(-5, 5).map(float),
    st.integers(-60, 60).map(lambda i: i / 4),
    st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 6)),
)
gaps = st.sampled_from([np.nan, np.inf, -np.inf])


@st.composite
def numbers(draw: st.DrawFn) -> pd.Series:
    values = draw(st.lists(present, min_size=1, max_size=70))
    values += draw(st.lists(gaps, max_size=5))
    return pd.Series(draw(st.permutations(values)), dtype="float64")


@pytest.mark.parametrize("method", NUMERICAL)
@PARITY
@given(reference=numbers(), current=numbers())
@example(reference=pd.Series([0.1] * 3), current=pd.Series([0.1] * 7))
@example(reference=pd.Series([1e5] * 3), current=pd.Series([1e5 + 1]))
@example(reference=pd.Series([-0.0, 0.0, 1.0]), current=pd.Series([0.0]))
def test_numerical_scores_equal_evidently(
    evidently: SimpleNamespace, method: str, reference: pd.Series, current: pd.Series
) -> None:
    assert_parity(evidently, "numerical", method, reference, current)


@pytest.mark.parametrize("method", NUMERICAL)
@pytest.mark.parametrize(
    ("n", "m"), [(1, 1), (400, 400), (1000, 37), (9_999, 10_000), (12_000, 900)]
)
@pytest.mark.parametrize("shift", [0.0, 0.02, 0.5])
def test_scores_of_samples_equal_evidently(
    evidently: SimpleNamespace, method: str, n: int, m: int, shift: float
) -> None:
    random = np.random.default_rng([n, m])
    reference = pd.Series(random.normal(size=n))
    current = pd.Series(random.normal(shift, 1 + shift, size=m))
    assert_parity(evidently, "numerical", method, reference, current)


@pytest.mark.parametrize("method", NUMERICAL)
@pytest.mark.parametrize("distinct", [1, 2, 5, 20, 21, 22, 30])
def test_few_unique_values_are_binned_as_evidently_bins_them(
    evidently: SimpleNamespace, method: str, distinct: int
) -> None:
    random = np.random.default_rng(distinct)
    reference = pd.Series(random.integers(0, distinct, 3_000).astype("float64"))
    current = pd.Series(random.integers(0, distinct + 3, 2_000).astype("float64"))
    assert_parity(evidently, "numerical", method, reference, current)


@pytest.mark.parametrize("method", NUMERICAL)
@pytest.mark.parametrize("missing", [False, True])
def test_bins_of_narrow_integers_are_never_narrower_than_one(
    evidently: SimpleNamespace, method: str, missing: bool
) -> None:
    # 21 values over 600,000 rows: Sturges' rule alone would cut bins narrower than 1.
    random = np.random.default_rng(5)
    reference = pd.Series(random.integers(0, 21, 300_000))
    current = pd.Series(random.integers(0, 21, 320_000) // 2 * 2)
    if missing:
        current = current.astype("float64")
        current[:7] = np.nan
    assert_parity(evidently, "numerical", method, reference, current)


@pytest.mark.parametrize("method", NUMERICAL)
@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1e9, 1e100])
def test_scores_at_extreme_scales_equal_evidently(
    evidently: SimpleNamespace, method: str, scale: float
) -> None:
    random = np.random.default_rng(3)
    reference = pd.Series(random.normal(size=300) * scale)
    current = pd.Series(random.normal(0.1, size=200) * scale)
    assert_parity(evidently, "numerical", method, reference, current)


# --- categorical columns ------------------------------------------------------------
labels = st.lists(
    st.one_of(st.sampled_from(["a", "b", "c", "ä", "", " ", "NaN", "x" * 50]), st.none()),
    min_size=1,
    max_size=60,
).filter(lambda values: any(value is not None for value in values))


@pytest.mark.parametrize("method", CATEGORICAL)
@PARITY
@given(reference=labels, current=labels)
@example(reference=["a"] * 4, current=["a"])
@example(reference=["a"] * 4, current=["b"] * 9)
def test_categorical_scores_equal_evidently(
    evidently: SimpleNamespace, method: str, reference: list[str], current: list[str]
) -> None:
    assert_parity(
        evidently,
        "categorical",
        method,
        pd.Series(reference, dtype="object"),
        pd.Series(current, dtype="object"),
    )


@pytest.mark.parametrize("method", CATEGORICAL)
@PARITY
@given(
    reference=st.lists(st.booleans(), min_size=1, max_size=40),
    current=st.lists(st.booleans(), min_size=1, max_size=40),
)
def test_scores_of_booleans_equal_evidently(
    evidently: SimpleNamespace, method: str, reference: list[bool], current: list[bool]
) -> None:
    assert_parity(evidently, "categorical", method, pd.Series(reference), pd.Series(current))


@pytest.mark.parametrize("method", CATEGORICAL)
@PARITY
@given(
    reference=st.lists(st.integers(-3, 12), min_size=1, max_size=40),
    current=st.lists(st.integers(-3, 12), min_size=1, max_size=40),
)
def test_scores_of_integer_categories_equal_evidently(
    evidently: SimpleNamespace, method: str, reference: list[int], current: list[int]
) -> None:
    assert_parity(evidently, "categorical", method, pd.Series(reference), pd.Series(current))


@pytest.mark.parametrize("method", CATEGORICAL)
def test_pandas_categories_equal_evidently_whatever_their_order_and_unused_levels(
    evidently: SimpleNamespace, method: str
) -> None:
    levels = ["unused", "c", "a", "b", "d"]
    reference = pd.Series(pd.Categorical(list("abcab") * 9, categories=levels))
    current = pd.Series(pd.Categorical(list("abbdb") * 4, categories=levels[::-1]))
    theirs = evidently.score("categorical", method, reference, current)
    columns = [statistics_of(pa.Array.from_pandas(side)) for side in (reference, current)]
    assert METHODS[method](*columns) == pytest.approx(theirs.drift_score, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("method", CATEGORICAL)
def test_f14_scores_of_many_categories_equal_evidently(
    evidently: SimpleNamespace, method: str
) -> None:
    random = np.random.default_rng(0)
    reference = pd.Series(random.integers(0, 5_000, 8_000)).map("id-{}".format)
    current = pd.Series(random.integers(0, 6_000, 7_000)).map("id-{}".format)
    assert_parity(evidently, "categorical", method, reference, current)
