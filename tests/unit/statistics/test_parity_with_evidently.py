"""Every drift score equals that of the installed Evidently, and so does every verdict."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy import stats

from monitoring_jobs.checks.drift import SCORES
from monitoring_jobs.drift_methods import METHODS, names_for
from monitoring_jobs.statistics import CategoricalColumn, NumericColumn, statistics_of

# Chance decides in two of the methods: test_permutation.py compares them exchange by exchange.
NUMERICAL = tuple(name for name in names_for("numerical") if name != "empirical_mmd")
CATEGORICAL = tuple(name for name in names_for("categorical") if name != "TVD")

# As many examples as the profile says.
PARITY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
_REFUSALS = (ValueError, TypeError, IndexError, ZeroDivisionError)


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
            try:
                return test(*sides, column_type, None)
            except _REFUSALS:
                return SimpleNamespace(drift_score=np.nan, drifted=None)

    return SimpleNamespace(score=score)


def assert_parity(
    evidently: SimpleNamespace, kind: str, method: str, reference: pd.Series, current: pd.Series
) -> None:
    if kind == "numerical" and method != "hellinger":  # see its docstring
        reference, current = as_integers_where_whole(reference, current)
    theirs = evidently.score(kind, method, reference, current)
    ours = SCORES[method](column_of(reference, kind), column_of(current, kind))
    judge = BY_DESIGN.get(method, lambda *_: False)
    if judge(ours, theirs.drift_score, reference, current):
        return
    if np.isnan(theirs.drift_score):
        # Rounding below zero under scipy's square root: what it stands for is a distance of 0.
        assert np.isnan(ours) or (method == "jensenshannon" and ours < 1e-7)
        return
    if method == "hellinger":  # a root of what may be a rounding
        assert ours**2 == pytest.approx(theirs.drift_score**2, abs=1e-13)
    else:
        assert ours == pytest.approx(theirs.drift_score, rel=1e-9, abs=1e-9)
    if abs(ours - METHODS[method].threshold) > 1e-12:
        assert METHODS[method].is_drift(ours, METHODS[method].threshold) == theirs.drifted


def as_integers_where_whole(*sides: pd.Series) -> list[pd.Series]:
    """Whole numbers without gaps are integers to us, and so they reach Evidently as such."""
    whole = [bool(np.isfinite(side).all() and (side == side.round()).all()) for side in sides]
    small = all(np.abs(side[np.isfinite(side)]).max() < 2**53 for side in sides if len(side))
    return [side.astype("int64") for side in sides] if all(whole) and small else [*sides]


# --- where a number of Evidently's is not what it stands for ----------------------
def finite(*sides: pd.Series) -> list[np.ndarray]:
    return [side[np.isfinite(side)].to_numpy("float64") for side in sides]


def counts_in_sixteen_bits(ours: float, theirs: float, *sides: pd.Series) -> bool:
    """Up to 20 values a side Evidently's exact p-value is rounded, or its integers overflow."""
    sizes = [side.size for side in finite(*sides)]
    if max(sizes) > 20 or min(sizes) < 2:
        return False
    exact = stats.cramervonmises_2samp(*finite(*sides), method="exact").pvalue
    assert ours == pytest.approx(exact, rel=1e-12)
    assert np.isnan(theirs) or theirs == pytest.approx(exact, abs=0.01)
    return True


def divides_roundings(ours: float, theirs: float, *sides: pd.Series) -> bool:
    """A t statistic is a difference of sums over one: of constants both are roundings."""
    left, right = finite(*sides)
    if np.ptp(left) == np.ptp(right) == 0 and left.size + right.size > 2:
        assert np.isnan(ours) if left[0] == right[0] else ours == 0
        return True
    size = np.abs(np.concatenate((left, right))).max()
    spread = np.sqrt((left.var() + right.var()) * (1 / left.size + 1 / right.size))
    return bool(size * 1e-7 > spread)


def inverts_a_singular_matrix(ours: float, theirs: float, *sides: pd.Series) -> bool:
    """Of few different values Epps and Singleton's covariance has no inverse but by rounding."""
    left, right = finite(*sides)
    if min(left.size, right.size) < 5:
        return False
    unit = stats.iqr(np.concatenate((left, right))) / 2
    if unit == 0:
        return False
    covariance = 0
    for side in (left, right):
        angles = np.multiply.outer([0.4, 0.8], side / unit)
        covariance = covariance + np.cov([*np.cos(angles), *np.sin(angles)]) / side.size
    if np.ptp(left) + np.ptp(right) > 0 and np.linalg.cond(covariance) < 1e6:
        return False
    assert 0 <= ours <= 1
    return True


def leaves_labels_out(ours: float, theirs: float, *sides: pd.Series) -> bool:
    """Of three labels Evidently's table holds two, chosen by the order of a set."""
    labels = {value for side in sides for value in side.dropna()}
    assert len(labels) <= 2 or np.isnan(ours)
    return len(labels) > 2


def multiplies_densities(ours: float, theirs: float, *sides: pd.Series) -> bool:
    """The product of two densities over bins of 1e-160 is infinite, and the distance 0 to it."""
    if (
        not pd.api.types.is_float_dtype(sides[0])
        or not 0 < np.ptp(np.concatenate(finite(*sides))) < 1e-150
    ):
        return False
    assert 0 <= ours <= 1
    return True


BY_DESIGN: dict[str, Callable[..., bool]] = {
    "cramer_von_mises": counts_in_sixteen_bits,
    "hellinger": multiplies_densities,
    "t_test": divides_roundings,
    "es": inverts_a_singular_matrix,
    "fisher_exact": leaves_labels_out,
}


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


@pytest.mark.parametrize("distinct", [4, 5, 21])
def test_hellinger_of_integers_equals_evidently(evidently: SimpleNamespace, distinct: int) -> None:
    random = np.random.default_rng(distinct)
    sides = [pd.Series(random.integers(0, distinct, 900).clip(0, top)) for top in (99, 3)]
    theirs = evidently.score("numerical", "hellinger", *sides).drift_score
    ours = SCORES["hellinger"](*(column_of(side, "numerical") for side in sides))
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_hellinger_sees_a_flag_turn_of_which_evidently_makes_one_bin(
    evidently: SimpleNamespace,
) -> None:
    sides = [pd.Series([0, 1] * 50), pd.Series([1, 1] * 50)]
    assert evidently.score("numerical", "hellinger", *sides).drift_score == 0
    ours = SCORES["hellinger"](*(column_of(side, "numerical") for side in sides))
    assert ours == pytest.approx(np.sqrt(1 - np.sqrt(0.5)))


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
@PARITY
@given(
    pairs=st.lists(st.tuples(*[st.sampled_from(["a", "b", "c"])] * 2), min_size=1, max_size=60),
    two=st.booleans(),
)
def test_scores_of_as_many_rows_equal_evidently(
    evidently: SimpleNamespace, method: str, pairs: list[tuple[str, str]], two: bool
) -> None:
    sides = [pd.Series(list(side)) for side in zip(*pairs, strict=True)]
    if two:
        sides = [side.replace({"c": "b"}) for side in sides]
    assert_parity(evidently, "categorical", method, *sides)


@pytest.mark.parametrize("method", CATEGORICAL)
def test_pandas_categories_equal_evidently_whatever_their_order_and_unused_levels(
    evidently: SimpleNamespace, method: str
) -> None:
    levels = ["unused", "c", "a", "b", "d"]
    held = ("abbab", "abbbb") if method == "fisher_exact" else ("abcab", "abbcb")
    reference, current = (
        pd.Series(pd.Categorical(list(text) * 9, categories=order))
        for text, order in zip(held, (levels, levels[::-1]), strict=True)
    )
    theirs = evidently.score("categorical", method, reference, current)
    columns = [statistics_of(pa.Array.from_pandas(side)) for side in (reference, current)]
    assert SCORES[method](*columns) == pytest.approx(theirs.drift_score, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("method", CATEGORICAL)
def test_f14_scores_of_many_categories_equal_evidently(
    evidently: SimpleNamespace, method: str
) -> None:
    random = np.random.default_rng(0)
    reference = pd.Series(random.integers(0, 5_000, 8_000)).map("id-{}".format)
    current = pd.Series(random.integers(0, 6_000, 7_000)).map("id-{}".format)
    assert_parity(evidently, "categorical", method, reference, current)
