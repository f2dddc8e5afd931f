"""Tests on counts of labels, where Evidently has no number or counts are large."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import comb

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from monitoring_jobs.statistics import CategoricalColumn
from monitoring_jobs.statistics.contingency import chisquare, fisher_exact, g_test, z

Score = Callable[[CategoricalColumn, CategoricalColumn], float]


def labels(values: list[str]) -> CategoricalColumn:
    return CategoricalColumn.from_arrow(pa.array(values, pa.string()))


def counted(**counts: int) -> CategoricalColumn:
    held = {label: count for label, count in sorted(counts.items()) if count}
    return CategoricalColumn(
        rows=sum(held.values()),
        missing=0,
        labels=pa.array(list(held), pa.large_string()),
        counts=np.array(list(held.values()), dtype=np.int64),
    )


def test_f15_single_label_has_no_degree_of_freedom_and_a_certain_proportion() -> None:
    assert np.isnan(chisquare(labels(["a"] * 5), labels(["a"] * 9)))
    assert np.isnan(g_test(labels(["a"] * 5), labels(["a"] * 5)))
    assert z(labels(["a"] * 5), labels(["a"] * 9)) == 1.0
    assert fisher_exact(labels(["a"] * 5), labels(["a"] * 5)) == 1.0


@pytest.mark.parametrize("score", [chisquare, g_test])
def test_an_unseen_label_is_impossible_under_the_reference(score: Score) -> None:
    assert score(labels(["a", "b"]), labels(["a", "c"])) == 0.0


@pytest.mark.parametrize("score", [chisquare, z, g_test, fisher_exact])
def test_f04_scores_without_values_are_undefined(score: Score) -> None:
    empty, some = labels([]), labels(["a"])
    assert np.isnan(score(empty, some))
    assert np.isnan(score(some, empty))


@pytest.mark.parametrize("score", [g_test, fisher_exact])
def test_a_test_for_equal_sizes_has_no_answer_for_others(score: Score) -> None:
    assert np.isnan(score(counted(a=10, b=10), counted(a=10, b=11)))
    assert score(counted(a=10, b=10), counted(a=10, b=10)) == 1.0


def test_fisher_is_for_two_labels_in_all() -> None:
    assert np.isnan(fisher_exact(labels(["a", "b"]), labels(["a", "c"])))


@pytest.mark.parametrize("rows", [1, 2, 5, 12])
def test_fisher_is_the_sum_over_all_tables_that_are_no_likelier(rows: int) -> None:
    for first in range(rows + 1):
        for second in range(rows + 1):
            ways = [
                comb(rows, k) * comb(rows, first + second - k) if first + second >= k else 0
                for k in range(rows + 1)
            ]
            expected = Fraction(
                sum(w for w in ways if w <= ways[first]), comb(2 * rows, first + second)
            )
            ours = fisher_exact(
                counted(a=first, b=rows - first), counted(a=second, b=rows - second)
            )
            assert ours == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(
    ("first", "second"), [(500_000, 501_500), (3, 20), (999_990, 999_999), (1, 999_999)]
)
def test_fisher_of_a_million_rows_equals_scipy(first: int, second: int) -> None:
    rows = 1_000_000
    table = [[second, rows - second], [first, rows - first]]
    ours = fisher_exact(counted(a=first, b=rows - first), counted(a=second, b=rows - second))
    assert ours == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-9, abs=1e-12)
